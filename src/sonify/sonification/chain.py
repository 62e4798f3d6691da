"""The chain a Sonifier can invert: Conv1d -> ReLU -> optional MaxPool1d, block after block."""

from dataclasses import dataclass

from torch import nn


@dataclass(frozen=True)
class Block:
    """One conv-relu-[pool] block; `pool` is None where the block keeps its length."""

    conv: nn.Conv1d
    pool: nn.MaxPool1d | None


def find_blocks(model: nn.Module) -> tuple[Block, ...]:
    """The blocks of a model, in order: of its `trunk`, of its encoder's `trunk`, or of itself.

    Raises ValueError naming the first module that cannot be inverted: overlapping pools, padding
    other than zeros, normalisation, another activation than ReLU.
    """
    chain = _chain(model)
    blocks: list[Block] = []
    modules = list(chain.named_children())
    position = 0
    while position < len(modules):
        name, conv = modules[position]
        _check_conv(name, conv)
        if position + 1 == len(modules) or type(modules[position + 1][1]) is not nn.ReLU:
            follower = "nothing" if position + 1 == len(modules) else _told(*modules[position + 1])
            raise ValueError(f"{_told(name, conv)} is followed by {follower}: a ReLU must be")
        position += 2
        pool = None
        if position < len(modules) and isinstance(modules[position][1], nn.MaxPool1d):
            _check_pool(*modules[position])
            pool = modules[position][1]
            position += 1
        blocks.append(Block(conv, pool))
    if not blocks:
        raise ValueError("the model has no Conv1d -> ReLU block to sonify")
    return tuple(blocks)


def _chain(model: nn.Module) -> nn.Sequential:
    for owner in (model, getattr(model, "encoder", None)):
        trunk = getattr(owner, "trunk", None)
        if isinstance(trunk, nn.Sequential):
            return trunk
    if isinstance(model, nn.Sequential):
        return model
    raise ValueError(
        f"{type(model).__name__} is neither an nn.Sequential nor has one called trunk: "
        "pass the chain of Conv1d, ReLU and MaxPool1d itself"
    )


def _told(name: str, module: nn.Module) -> str:
    return f"module {name!r} ({type(module).__name__})"


def _check_conv(name: str, conv: nn.Module) -> None:
    if not isinstance(conv, nn.Conv1d) or isinstance(conv, nn.ConvTranspose1d):
        raise ValueError(f"{_told(name, conv)} stands where a Conv1d must begin a block")
    if conv.padding_mode != "zeros":
        raise ValueError(
            f"{_told(name, conv)} pads with {conv.padding_mode!r}: only zeros can be inverted"
        )
    uneven = conv.dilation[0] * (conv.kernel_size[0] - 1) % 2
    if conv.padding == "same" and uneven:
        raise ValueError(
            f"{_told(name, conv)} pads unevenly ('same' with an even kernel): "
            "give the padding as a number"
        )


def _check_pool(name: str, pool: nn.MaxPool1d) -> None:
    kernel, stride = single(pool.kernel_size), single(pool.stride)
    if stride < kernel or single(pool.dilation) != 1:
        raise ValueError(
            f"{_told(name, pool)} has windows that overlap (kernel {kernel}, stride {stride}): "
            "its switches do not say how to undo it"
        )


def single(value: int | tuple[int, ...]) -> int:
    """The number behind a one-dimensional setting, which torch keeps bare or in a tuple."""
    return value[0] if isinstance(value, tuple) else value
