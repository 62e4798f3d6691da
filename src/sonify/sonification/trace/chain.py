"""The chain a Sonifier can invert: Conv1d -> ReLU -> optional MaxPool1d, block after block."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import nn

from sonify.runtime.errors import SonifyError
from sonify.sonification.trace.line import Step, line


@dataclass(frozen=True)
class Block:
    """One conv-relu-[pool] block; `pool` is None where the block keeps its length.

    name: qualified name of the convolution in the model. ends: the modules of the model that give
    out the block's result, none where that is a function's.
    """

    conv: nn.Conv1d
    pool: nn.MaxPool1d | None
    name: str = ""
    ends: tuple[nn.Module, ...] = ()


def find_blocks(
    model: nn.Module | Sequence[Block], allow_strided: bool = False
) -> tuple[Block, ...]:
    """The blocks of any model, in order; blocks found before are given back as they are.

    The model is traced from its input on: modules or functions, nested at any depth, a convolution
    used twice in two blocks. The chain ends with the last convolution's block. Dropout, identities
    and, before the first convolution, reshaping are passed over. The model is not changed.

    `allow_strided` takes convolutions of a stride above 1, which section 3.2 found to sound worse:
    see docs/m5.md. Raises SonifyError, in one sentence naming the module, for anything else that
    cannot be inverted.
    """
    if not isinstance(model, nn.Module):
        return tuple(model)
    steps, blocks = line(model), []
    while steps and (steps[0].leads or not blocks):
        size = 3 if len(steps) > 2 and steps[2].kind == "pool" else 2
        blocks.append(_block(steps[:size], allow_strided, first=not blocks))
        steps = steps[size:]
    if not blocks:
        raise SonifyError("the model has no Conv1d -> ReLU block to sonify")
    return tuple(blocks)


def strides(blocks: Sequence[Block]) -> tuple[int, ...]:
    """Input samples per frame of each layer's output."""
    found, stride = [], 1
    for block in blocks:
        stride *= block.conv.stride[0] * (single(block.pool.stride) if block.pool else 1)
        found.append(stride)
    return tuple(found)


def shortest(blocks: Sequence[Block]) -> int:
    """Samples of the shortest clip that leaves every layer a frame."""
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
    """Zeros on either side of a convolution's input, as a number."""
    if conv.padding == "valid":
        return 0
    if conv.padding == "same":
        return conv.dilation[0] * (conv.kernel_size[0] - 1) // 2
    return single(conv.padding)


def single(value: int | tuple[int, ...]) -> int:
    """The number behind a one-dimensional setting, which torch keeps bare or in a tuple."""
    return value[0] if isinstance(value, tuple) else value


def _block(steps: list[Step], allow_strided: bool, first: bool) -> Block:
    conv = steps[0]
    if conv.kind != "conv":
        raise SonifyError(f"{conv.told} stands where a Conv1d must begin a block{_hint(conv)}")
    _check_conv(conv.told, conv.module, allow_strided, first)
    if len(steps) == 1 or steps[1].kind != "relu":
        follower = steps[1].told if len(steps) > 1 else "nothing"
        hint = _hint_behind_conv(steps[1] if len(steps) > 1 else None)
        raise SonifyError(f"{conv.told} is followed by {follower}: {hint}")
    if len(steps) == 3:
        _check_pool(steps[2].told, steps[2].module)
    return Block(
        conv.module, steps[2].module if len(steps) == 3 else None, conv.path, steps[-1].ends
    )


def _hint(step: Step) -> str:
    if not step.leads:
        return ""
    if step.module is None and "conv" in step.told:
        return ": build it as an nn.Conv1d, whose weights are its own"
    if _normalises(step):
        return ": only normalisation straight behind a convolution can be folded away"
    return ": pass the part of the model before it to sonify that much"


def _hint_behind_conv(step: Step | None) -> str:
    if isinstance(step and step.module, nn.BatchNorm1d):
        return "fold it into the convolution first, with folded(model) or --fold"
    if step and _normalises(step):
        return "it depends on the whole clip, so that it can be neither folded nor inverted"
    if step and step.kind == "pool":
        return "a ReLU must be; put it before the pool, which changes no output of the model"
    if step and step.leads:
        return "a ReLU must be, nothing else can be inverted"
    return "a ReLU must be; if it is the model's head, pass the part before it"


def _normalises(step: Step) -> bool:
    return "norm" in step.told.lower()


def _check_conv(told: str, conv: nn.Conv1d, allow_strided: bool, first: bool) -> None:
    if first and conv.in_channels != 1:
        raise SonifyError(f"{told} takes {conv.in_channels} channels: a waveform has 1")
    if conv.padding_mode != "zeros":
        raise SonifyError(f"{told} pads with {conv.padding_mode!r}: only zeros can be inverted")
    if conv.padding == "same" and conv.dilation[0] * (conv.kernel_size[0] - 1) % 2:
        raise SonifyError(
            f"{told} pads unevenly ('same' with an even kernel): give the padding as a number"
        )
    if conv.stride[0] != 1 and not allow_strided:
        raise SonifyError(
            f"{told} has stride {conv.stride[0]}: its transpose distorts the waveform between the "
            "frames (section 3.2); to hear it nevertheless, ask with allow_strided=True or "
            "--allow-strided"
        )


def _check_pool(told: str, pool: nn.MaxPool1d) -> None:
    kernel, stride = single(pool.kernel_size), single(pool.stride)
    if stride < kernel or single(pool.dilation) != 1:
        dilation = single(pool.dilation)
        beside = f", dilation {dilation}" if dilation != 1 else ""
        raise SonifyError(
            f"{told} has windows that overlap (kernel {kernel}, stride {stride}{beside}): its "
            "switches do not say how to undo it"
        )
    if pool.return_indices:
        raise SonifyError(f"{told} gives out indices: build it without return_indices")
