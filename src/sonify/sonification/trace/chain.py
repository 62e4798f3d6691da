"""The chains a Sonifier can invert: Conv1d -> ReLU -> optional MaxPool1d, block after block."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from sonify.runtime.errors import SonifyError
from sonify.sonification.grid import Grid
from sonify.sonification.trace.faults import conv_faults, in_the_way, pool_faults
from sonify.sonification.trace.folded_conv import idle_taps
from sonify.sonification.trace.front import UNCHANGED, Front
from sonify.sonification.trace.line import Step, line
from sonify.sonification.trace.unwrapping import unwrapped

FOLD = "fold the model first, with folded(model) or --fold"


@dataclass(frozen=True)
class Block:
    """One conv-relu-[pool] block; `pool` is None where the block keeps its length.

    name: qualified name of the convolution in the model. ends: the modules of the model that return
    the block's result, none where a function does. paths: qualified names of all its modules.
    front: of the first block, what the model does to the waveform before it.
    """

    conv: nn.Conv1d
    pool: nn.MaxPool1d | None
    name: str = ""
    ends: tuple[nn.Module, ...] = ()
    paths: tuple[str, ...] = ()
    front: Front = UNCHANGED


def find_blocks(
    model: nn.Module | Sequence[Block], allow_strided: bool = False, layers: int | None = None
) -> tuple[Block, ...]:
    """Return the blocks of any model, in order; a sequence of blocks is returned as it is.

    The model is traced from its input on: modules or functions, nested at any depth; a convolution
    used twice makes two blocks. The chain ends with the last convolution's block, where heads
    (convolutions that no activation follows) do not count. Dropout, identities and, before the
    first convolution, reshaping are ignored; a constant factor there is kept (`Block.front`). Pools
    may return their indices. The model is not changed. Of a wrapped one (torch.compile,
    DataParallel, AveragedModel) the model inside is traced.

    `allow_strided` accepts convolutions with a stride above 1, which section 3.2 found to sonify
    worse (docs/m5.md). `layers` takes the first so many, whatever follows. Raises SonifyError
    naming all modules that cannot be inverted, each with its remedy.
    """
    if not isinstance(model, nn.Module):
        return tuple(model)[:layers]
    steps, branch = line(unwrapped(model))
    blocks: list[Block] = []
    faults: list[str] = []
    begun = sound = 0  # blocks begun; those before the first fault
    while steps and (steps[0].leads or not begun) and begun != layers:
        taken, found = _read(steps, allow_strided, first=not begun)
        if branch and taken == len(steps) == 1:  # what follows the convolution is the branch
            break
        faults += found
        if not found:
            blocks.append(_block(steps[:taken]))
        begun, steps = begun + 1, steps[taken:]
        sound += not faults
    if branch and begun != layers:
        faults.append(branch)
    if faults:
        raise SonifyError(in_the_way(faults, sound))
    if not blocks:
        raise SonifyError("the model has no Conv1d -> ReLU block to sonify")
    return tuple(blocks)


def grids(blocks: Sequence[Block], pooled: bool = True) -> tuple[Grid, ...]:
    """Return where the frames of each layer stand, after its pool or, with `pooled` False, before.

    An operation of kernel k, dilation d, stride s and padding p puts frame 0 at its input's frame
    d (k - 1) / 2 - p, and s times as far from one frame to the next. Idle taps do not count.
    """
    by_layer, grid = [], Grid(0.0, 1)
    for block in blocks:
        conv, pool = block.conv, block.pool
        reach = conv.dilation[0] * (conv.kernel_size[0] - 1)
        start, end = idle_taps(conv)
        idle = conv.dilation[0] * (start - end)
        grid = _after(grid, reach + idle, padding_of(conv), conv.stride[0])
        before = grid
        if pool is not None:
            reach = single(pool.kernel_size) - 1
            grid = _after(grid, reach, single(pool.padding), single(pool.stride))
        by_layer.append(grid if pooled else before)
    return tuple(by_layer)


def _after(grid: Grid, reach: int, padding: int, stride: int) -> Grid:
    return Grid(grid.first + grid.hop * (reach / 2 - padding), grid.hop * stride)


def shortest(blocks: Sequence[Block]) -> int:
    """Return the samples of the shortest clip that leaves every layer one frame."""
    length = 1
    for block in reversed(blocks):
        if block.pool is not None:
            kernel, padding = single(block.pool.kernel_size), single(block.pool.padding)
            length = max(kernel, (length - 1) * single(block.pool.stride) + kernel - 2 * padding)
        conv = block.conv
        reach = conv.dilation[0] * (conv.kernel_size[0] - 1)
        length = max(1, (length - 1) * conv.stride[0] + reach + 1 - 2 * padding_of(conv))
    return length


def padding_of(conv: nn.Conv1d) -> int:
    """Return the zeros on either side of a convolution's input."""
    if conv.padding == "same":
        return conv.dilation[0] * (conv.kernel_size[0] - 1) // 2
    return 0 if isinstance(conv.padding, str) else single(conv.padding)  # the other is "valid"


def single(value: int | tuple[int, ...]) -> int:
    """Return a one-dimensional setting as a number; torch may keep it in a tuple."""
    return value[0] if isinstance(value, tuple) else value


def _read(steps: list[Step], allow_strided: bool, first: bool) -> tuple[int, list[str]]:
    """Return how many steps the first block takes, and what is wrong with it.

    Where something is, it may take all up to the next convolution.
    """
    conv = steps[0]
    convs = (i for i, step in enumerate(steps) if i and isinstance(step.module, nn.Conv1d))
    following = next(convs, len(steps))
    if conv.kind != "conv" or not isinstance(conv.module, nn.Conv1d):
        return following, [f"{conv.label} comes where a Conv1d must begin a block{_hint(conv)}"]
    faults = conv_faults(conv.label, conv.module, allow_strided, first)
    if len(steps) == 1 or steps[1].kind != "relu":
        after = steps[1] if len(steps) > 1 else None
        what = after.label if after is not None else "nothing"
        faults.append(f"{conv.label} is followed by {what}: {_hint_after_conv(after)}")
        if len(steps) < 3 or steps[2].kind != "relu":
            return following, faults
        steps = steps[1:]  # as if there were nothing between
        return 1 + _read_pool(steps, faults), faults
    return _read_pool(steps, faults), faults


def _read_pool(steps: list[Step], faults: list[str]) -> int:
    """Return how many steps a block takes whose second is its ReLU; add what its pool lacks."""
    if len(steps) < 3 or steps[2].kind != "pool" or not isinstance(steps[2].module, nn.MaxPool1d):
        return 2
    faults += pool_faults(steps[2].label, steps[2].module)
    return 3


def _block(steps: list[Step]) -> Block:
    conv, last = steps[0], steps[-1]
    assert isinstance(conv.module, nn.Conv1d)  # _read saw to it
    pool = last.module if isinstance(last.module, nn.MaxPool1d) else None
    paths = tuple(step.path for step in steps if step.path)
    return Block(conv.module, pool, conv.path, last.ends, paths, conv.front)


def _hint(step: Step) -> str:
    if not step.leads:
        return ""
    label = step.label.lower()
    kernel = "conv" in label and "transpose" not in label
    if kernel or "batchnorm" in label or step.label == "the call of pad()":
        return f": {FOLD}"
    return ": pass only the part of the model before it"


def _hint_after_conv(step: Step | None) -> str:
    if step and isinstance(step.module, _BatchNorm):
        return FOLD
    if step and _normalises(step):
        return "it depends on the whole clip, so it can be neither folded nor inverted"
    if step and step.kind == "pool":
        return (
            "a ReLU must follow; put it before the pool, which does not change the model's output"
        )
    if step and step.leads:
        return "a ReLU must follow, no other operation can be inverted"
    return "a ReLU must follow; if this is the model's head, pass only the part before it"


def _normalises(step: Step) -> bool:
    return "norm" in step.label.lower()
