"""Requests to an explainer, validated: waveforms, and the feature maps to sonify."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from sonify.runtime.errors import SonifyError

ALL = -1  # in place of a filter: the whole layer at once


@dataclass(frozen=True)
class Requests:
    """The feature maps to sonify: layers (from 1), clips of the batch, filters, (request,) each.

    `frames`, (request,), if given, keeps a single frame of each map.
    """

    layers: Tensor
    clips: Tensor
    filters: Tensor
    frames: Tensor | None = None

    def __len__(self) -> int:
        """Number of requests."""
        return len(self.layers)

    def __getitem__(self, chosen: Tensor) -> "Requests":
        """Select some of the requests."""
        frames = None if self.frames is None else self.frames[chosen]
        return Requests(self.layers[chosen], self.clips[chosen], self.filters[chosen], frames)


def check_layer(layer: int, n_layers: int) -> None:
    """Raise SonifyError unless `layer` is from 1 to `n_layers`."""
    if not 1 <= layer <= n_layers:
        raise SonifyError(f"layer is {layer}: the model has layers 1 to {n_layers}")


def as_indices(name: str, values: int | Sequence[int] | Tensor) -> Tensor:
    """Return `values`, called `name`, as a tensor; raises SonifyError for anything but numbers."""
    try:
        return torch.as_tensor(values)
    except (TypeError, ValueError, RuntimeError):
        raise SonifyError(f"{name}: {values!r} is neither a whole number nor several") from None


def check_waveforms(x: Tensor) -> None:
    """Raise SonifyError unless x is a tensor, (clip, time), not empty, and finite."""
    check_tensor(x)
    if x.ndim != 2 or not x.numel():
        raise SonifyError(f"waveforms have shape {tuple(x.shape)}: expected (clip, time)")
    if not x.isfinite().all():
        clip = int((~x.isfinite()).any(1).nonzero()[0])
        raise SonifyError(f"clip {clip} has a sample that is not finite: leave it out")


def check_tensor(x: object, name: str = "x") -> None:
    """Raise SonifyError, with how to make one, for anything but a tensor."""
    if not isinstance(x, Tensor):
        kind = f"{type(x).__module__}.{type(x).__name__}".removeprefix("builtins.")
        raise SonifyError(
            f"{name} is a {kind}, not a tensor: pass torch.as_tensor({name}, dtype=torch.float32)"
        )


def check_frames(asked: Requests, maps: Sequence[Tensor]) -> None:
    """Raise SonifyError for a single frame that is not in the recorded maps of its layer."""
    if asked.frames is None:
        return
    for layer in asked.layers.unique().tolist():
        frames, n = asked.frames[asked.layers == layer], maps[layer - 1].shape[-1]
        _check("frame", frames, n, f"layer {layer}", " of these clips")


def requests(
    x: Tensor,
    n_filters: Sequence[int],
    layers: int | Tensor,
    clips: Tensor,
    filters: Tensor,
    frames: Tensor | None = None,
) -> Requests:
    """Validate requests for maps of x, (clip, time), and move them to its device.

    `n_filters` is the number of filters of each layer; `layers` is one for all requests, or one
    each. Raises SonifyError for different lengths, and for a layer, filter or clip that does not
    exist.
    """
    check_waveforms(x)
    named = {"layers": layers, "clips": clips, "filters": filters}
    given = {name: as_indices(name, values) for name, values in named.items()}
    clips = given["clips"]
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
        check_layer(layer, len(n_filters))
        indices = asked.filters[asked.layers == layer]
        _check("filter", indices, n_filters[layer - 1], f"layer {layer}")
    _check("clip", asked.clips, len(x), "the batch")
    return asked


def _check(name: str, values: Tensor, n: int, where: str, whose: str = "") -> None:
    wrong = values[(values < 0) | (values >= n)]
    if len(wrong):
        raise SonifyError(f"{where} has {name}s 0 to {n - 1}{whose}, not {int(wrong[0])}")
