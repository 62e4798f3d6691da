"""What can be asked of a Sonifier: waveforms and requests for feature maps, checked."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from sonify.runtime.errors import SonifyError
from sonify.sonification.trace.chain import Block, shortest

ALL = -1  # in place of a filter: the whole layer at once


@dataclass(frozen=True)
class Requests:
    """Which feature maps to take down, (request,) each: 1-based layer, clip of the batch, filter;
    `frames`, if any, is the only frame of the map to keep."""

    layers: Tensor
    clips: Tensor
    filters: Tensor
    frames: Tensor | None = None

    def __len__(self) -> int:
        """How many there are."""
        return len(self.layers)

    def __getitem__(self, chosen: Tensor) -> "Requests":
        """Some of the requests."""
        frames = None if self.frames is None else self.frames[chosen]
        return Requests(self.layers[chosen], self.clips[chosen], self.filters[chosen], frames)


def check_layer(layer: int, blocks: Sequence[Block]) -> None:
    """Raise SonifyError unless there is such a layer."""
    if not 1 <= layer <= len(blocks):
        raise SonifyError(f"layer is {layer}: the model has layers 1 to {len(blocks)}")


def check_waveforms(x: Tensor, blocks: Sequence[Block]) -> None:
    """Raise SonifyError unless x, (clip, time), can go through the blocks.

    That takes the model's type and device, finite samples, and enough of them.
    """
    if x.ndim != 2 or not x.numel():
        raise SonifyError(f"waveforms have shape {tuple(x.shape)}: expected (clip, time)")
    weight = blocks[0].conv.weight
    for what in ("dtype", "device"):
        ours, theirs = getattr(x, what), getattr(weight, what)
        if ours != theirs:
            raise SonifyError(f"waveforms are {ours}, the model's weights {theirs}: convert one")
    if not x.isfinite().all():
        clip = int((~x.isfinite()).any(1).nonzero()[0])
        raise SonifyError(f"clip {clip} has a sample that is not finite: leave it out")
    if x.shape[1] < shortest(blocks):
        layers = range(1, len(blocks) + 1)
        layer = next(n for n in layers if x.shape[1] < shortest(blocks[:n]))
        raise SonifyError(
            f"clips of {x.shape[1]} samples are too short for layer {layer}, which needs "
            f"{shortest(blocks[:layer])}"
        )


def check_frames(asked: Requests, maps: Sequence[Tensor]) -> None:
    """Raise SonifyError for a single frame that is not in the recorded maps of its layer."""
    for layer in asked.layers.unique().tolist() if asked.frames is not None else ():
        frames, n = asked.frames[asked.layers == layer], maps[layer - 1].shape[-1]
        _check("frame", frames, n, f"layer {layer}", " of these clips")


def requests(
    x: Tensor,
    blocks: Sequence[Block],
    layers: int | Tensor,
    clips: Tensor,
    filters: Tensor,
    frames: Tensor | None = None,
) -> Requests:
    """The requests for maps of x, (clip, time), on its device; `layers` are one or one each.

    Raises SonifyError for lengths that differ, and for a layer, filter or clip that is not there.
    """
    given = {"layers": torch.as_tensor(layers), "clips": clips, "filters": filters}
    if frames is not None:
        given["frames"] = frames
    if given["layers"].ndim == 0:
        given["layers"] = given["layers"].expand(len(clips))
    for name, values in given.items():
        if values.shape != clips.shape or values.ndim != 1 or values.is_floating_point():
            raise SonifyError(
                f"{name} have shape {tuple(values.shape)} and type {values.dtype}: expected whole "
                f"numbers, one for each of {len(clips)} requests"
            )
    asked = Requests(**{name: values.to(x.device) for name, values in given.items()})
    for layer in asked.layers.unique().tolist():
        check_layer(layer, blocks)
        n = blocks[layer - 1].conv.out_channels
        _check("filter", asked.filters[asked.layers == layer], n, f"layer {layer}")
    _check("clip", asked.clips, len(x), "the batch")
    return asked


def _check(what: str, values: Tensor, n: int, where: str, whose: str = "") -> None:
    wrong = values[(values < 0) | (values >= n)]
    if len(wrong):
        raise SonifyError(f"{where} has {what}s 0 to {n - 1}{whose}, not {int(wrong[0])}")
