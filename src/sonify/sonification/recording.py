"""What the filters of a model hear in one recording."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from sonify.runtime.errors import SonifyError
from sonify.sonification.activity import activity
from sonify.sonification.deconvnet.requests import check_layer
from sonify.sonification.deconvnet.sonifier import Sonifier
from sonify.sonification.trace.chain import strides


@dataclass(frozen=True)
class Heard:
    """A filter's sonification of a recording.

    filter: 0-based. activation: largest value of its map, at `time_s` seconds into the recording.
    signal: (time,) float32, as loud as the recording at its peak. scale_factor: raw deconvolution
    to signal, 0 for silence. dead: the map is zero throughout.
    """

    layer: int
    filter: int
    activation: float
    time_s: float
    scale_factor: float
    dead: bool
    signal: np.ndarray


def hear(
    sonifier: Sonifier,
    x: np.ndarray,
    layers: Sequence[int],
    *,
    rate_hz: int,
    top: int = 5,
    filters: Sequence[int] | None = None,
    rule: str = "max",
) -> list[Heard]:
    """Sonifications of one recording x, (time,) in [-1, 1] at `rate_hz`.

    Of each layer, the `top` most active filters by `rule`, most active first; or just `filters`.
    Raises SonifyError for a layer or filter that is not there, or a recording that is too short.
    """
    if filters is not None and min(filters) < 0:
        raise SonifyError(f"filter is {min(filters)}: filters are numbered from 0")
    waveform = torch.from_numpy(np.ascontiguousarray(x, np.float32))[None]
    waveform = waveform.to(sonifier.blocks[0].conv.weight)
    for layer in layers:
        check_layer(layer, sonifier.blocks)
    record = sonifier.forward(waveform, max(layers))
    wanted = []
    for layer in layers:
        maps = record.maps[layer - 1]
        if not maps.isfinite().all():
            raise SonifyError(
                f"layer {layer} has activations that are not finite: check the weights"
            )
        chosen = _strongest(maps, rule, top).tolist() if filters is None else filters
        wanted += [(layer, f) for f in chosen]
    asked, of_filter = torch.tensor(wanted, device=waveform.device).T
    made = sonifier.render_from(record, waveform, asked, torch.zeros_like(asked), of_filter)
    stride, found = strides(sonifier.blocks), []
    for i, (layer, f) in enumerate(wanted):
        peak, frame = record.maps[layer - 1][0, f].max(dim=-1)
        found.append(
            Heard(
                layer=layer,
                filter=f,
                activation=float(peak),
                time_s=int(frame) * stride[layer - 1] / rate_hz,
                scale_factor=float(made.scales[i]),
                dead=bool(made.dead[i]),
                signal=made.signals[i].float().cpu().numpy(),
            )
        )
    return found


def _strongest(maps: Tensor, rule: str, top: int) -> Tensor:
    """Indices of the `top` most active of maps, (1, filter, frame), most active first."""
    scores = activity(maps, rule)[0]
    return torch.argsort(scores, descending=True, stable=True)[:top]
