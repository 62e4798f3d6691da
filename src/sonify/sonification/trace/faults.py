"""Faults of the convolutions and pools of a chain, one sentence each with its remedy."""

from collections.abc import Sequence

from torch import nn

SHOWN = 2  # modules with the same fault


def conv_faults(label: str, conv: nn.Conv1d, allow_strided: bool, first: bool) -> list[str]:
    """Return what keeps a convolution from being inverted."""
    faults = []
    if first and conv.in_channels != 1:
        faults.append(f"{label} takes {conv.in_channels} channels: it must take 1, the waveform")
    if conv.padding_mode != "zeros":
        faults.append(f"{label} pads with {conv.padding_mode!r}: only zero padding can be inverted")
    if conv.padding == "same" and conv.dilation[0] * (conv.kernel_size[0] - 1) % 2:
        faults.append(
            f"{label} pads unevenly ('same' with an even kernel): fold the model first, with "
            "folded(model) or --fold, or give the padding as a number"
        )
    if conv.stride[0] != 1 and not allow_strided:
        faults.append(
            f"{label} has stride {conv.stride[0]}: its transpose distorts the waveform between its "
            "frames (section 3.2); to sonify it nevertheless, pass allow_strided=True or "
            "--allow-strided"
        )
    return faults


def pool_faults(label: str, pool: nn.MaxPool1d) -> list[str]:
    """Return what keeps a max-pool from being undone."""
    kernel, stride, dilation = (_one(v) for v in (pool.kernel_size, pool.stride, pool.dilation))
    if stride >= kernel and dilation == 1:
        return []
    beside = f", dilation {dilation}" if dilation != 1 else ""
    return [
        f"{label} has windows that overlap (kernel {kernel}, stride {stride}{beside}): switch "
        "indices cannot undo it unless its stride is at least its kernel"
    ]


def in_the_way(faults: Sequence[str], sound: int) -> str:
    """Return one sentence on all faults, and on the `sound` layers before the first.

    Modules with one remedy stand together.
    """
    by_remedy: dict[str, list[str]] = {}
    for fault in faults:
        what, _, remedy = fault.partition(": ")
        by_remedy.setdefault(remedy, []).append(what)
    parts = []
    for remedy, whats in by_remedy.items():
        more = len(whats) - SHOWN
        whole = "; ".join(whats[:SHOWN]) + (f"; and {more} more" if more > 0 else "")
        parts.append(f"{whole}: {remedy}" if remedy else whole)
    sentence = parts[0]
    if len(parts) > 1:
        numbered = " ".join(f"({i}) {part}." for i, part in enumerate(parts, start=1))
        sentence = f"{len(parts)} things are in the way. {numbered.removesuffix('.')}"
    if sound:
        sentence += f"; layers 1 to {sound} can be sonified alone (layers={sound}, --layer)"
    return sentence


def _one(value: int | tuple[int, ...]) -> int:
    return value[0] if isinstance(value, tuple) else value
