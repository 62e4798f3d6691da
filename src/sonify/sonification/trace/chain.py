"""The chains a Sonifier can invert: Conv1d -> ReLU -> optional MaxPool1d, block after block."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import nn

from sonify.runtime.errors import SonifyError
from sonify.sonification.grid import Grid
from sonify.sonification.trace.front import UNCHANGED, Front
from sonify.sonification.trace.line import Step, line
from sonify.sonification.trace.unwrapping import unwrapped


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
    model: nn.Module | Sequence[Block], allow_strided: bool = False
) -> tuple[Block, ...]:
    """Return the blocks of any model, in order; a sequence of blocks is returned as it is.

    The model is traced from its input on: modules or functions, nested at any depth; a convolution
    used twice makes two blocks. The chain ends with the last convolution's block. Dropout,
    identities and, before the first convolution, reshaping are ignored; a constant factor there is
    kept (`Block.front`). Pools may return their indices. The model is not changed.
    Of a wrapped one (torch.compile, DataParallel, AveragedModel) the model inside is traced.

    `allow_strided` accepts convolutions with a stride above 1, which section 3.2 found to sonify
    worse (docs/m5.md). Raises SonifyError naming the module for anything that cannot be inverted.
    """
    if not isinstance(model, nn.Module):
        return tuple(model)
    steps = line(unwrapped(model))
    blocks: list[Block] = []
    while steps and (steps[0].leads or not blocks):
        size = 3 if len(steps) > 2 and steps[2].kind == "pool" else 2
        blocks.append(_block(steps[:size], allow_strided, first=not blocks))
        steps = steps[size:]
    if not blocks:
        raise SonifyError("the model has no Conv1d -> ReLU block to sonify")
    return tuple(blocks)


def grids(blocks: Sequence[Block], pooled: bool = True) -> tuple[Grid, ...]:
    """Return where the frames of each layer stand, after its pool or, with `pooled` False, before.

    An operation of kernel k, dilation d, stride s and padding p puts frame 0 at its input's frame
    d (k - 1) / 2 - p, and s times as far from one frame to the next.
    """
    by_layer, grid = [], Grid(0.0, 1)
    for block in blocks:
        conv, pool = block.conv, block.pool
        reach = conv.dilation[0] * (conv.kernel_size[0] - 1)
        grid = _after(grid, reach, padding_of(conv), conv.stride[0])
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


def _block(steps: list[Step], allow_strided: bool, first: bool) -> Block:
    conv = steps[0]
    if conv.kind != "conv" or not isinstance(conv.module, nn.Conv1d):
        raise SonifyError(f"{conv.label} comes where a Conv1d must begin a block{_hint(conv)}")
    _check_conv(conv.label, conv.module, allow_strided, first)
    if len(steps) == 1 or steps[1].kind != "relu":
        following = steps[1].label if len(steps) > 1 else "nothing"
        hint = _hint_after_conv(steps[1] if len(steps) > 1 else None)
        raise SonifyError(f"{conv.label} is followed by {following}: {hint}")
    last = steps[-1]
    pool = last.module if isinstance(last.module, nn.MaxPool1d) else None
    if pool is not None:
        _check_pool(last.label, pool)
    paths = tuple(step.path for step in steps if step.path)
    return Block(conv.module, pool, conv.path, last.ends, paths, conv.front)


def _hint(step: Step) -> str:
    if not step.leads:
        return ""
    if step.module is None and "conv" in step.label:
        return ": build it as an nn.Conv1d, whose weights are its own"
    if _normalises(step):
        return ": only a batch norm directly after a convolution can be folded away"
    return ": pass only the part of the model before it"


def _hint_after_conv(step: Step | None) -> str:
    if isinstance(step and step.module, nn.BatchNorm1d):
        return "fold it into the convolution first, with folded(model) or --fold"
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


def _check_conv(label: str, conv: nn.Conv1d, allow_strided: bool, first: bool) -> None:
    if first and conv.in_channels != 1:
        raise SonifyError(
            f"{label} takes {conv.in_channels} channels: it must take 1, the waveform"
        )
    if conv.padding_mode != "zeros":
        raise SonifyError(
            f"{label} pads with {conv.padding_mode!r}: only zero padding can be inverted"
        )
    if conv.padding == "same" and conv.dilation[0] * (conv.kernel_size[0] - 1) % 2:
        raise SonifyError(
            f"{label} pads unevenly ('same' with an even kernel): give the padding as a number"
        )
    if conv.stride[0] != 1 and not allow_strided:
        raise SonifyError(
            f"{label} has stride {conv.stride[0]}: its transpose distorts the waveform between its "
            "frames (section 3.2); to sonify it nevertheless, pass allow_strided=True or "
            "--allow-strided"
        )


def _check_pool(label: str, pool: nn.MaxPool1d) -> None:
    kernel, stride = single(pool.kernel_size), single(pool.stride)
    if stride < kernel or single(pool.dilation) != 1:
        dilation = single(pool.dilation)
        beside = f", dilation {dilation}" if dilation != 1 else ""
        raise SonifyError(
            f"{label} has windows that overlap (kernel {kernel}, stride {stride}{beside}): switch "
            "indices cannot undo it unless its stride is at least its kernel"
        )
