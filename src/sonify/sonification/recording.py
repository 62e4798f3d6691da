"""Sonification of one recording by the most active, or by chosen, filters of a model."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from sonify.runtime.errors import SonifyError
from sonify.sonification.activity import activity
from sonify.sonification.autograd.sonifier import AutogradSonifier, Run
from sonify.sonification.deconvnet.sonifier import Sonifier
from sonify.sonification.requests import check_layer


@dataclass(frozen=True)
class Heard:
    """A filter's sonification of a recording.

    layer: from 1; filter: from 0. activation: largest value of the filter's map. time_s: time of
    that value's frame, the centre of its receptive field, in seconds. signal: (time,) float32 with
    the peak of the recording. scale_factor: from the raw deconvolution to `signal`, 0 for silence.
    dead: the map is zero at every frame. by: "engine" or "autograd".
    """

    layer: int
    filter: int
    activation: float
    time_s: float
    scale_factor: float
    dead: bool
    signal: np.ndarray
    by: str = "engine"


def hear(
    sonifier: Sonifier,
    x: np.ndarray,
    layers: Sequence[int],
    *,
    rate_hz: int,
    top: int = 5,
    filters: Sequence[int] | None = None,
    rule: str = "mean",
) -> list[Heard]:
    """Sonify one recording x, (time,) in [-1, 1] at `rate_hz`.

    Returns, for each layer, its `top` most active filters by `rule`, most active first, or those
    in `filters`. Raises SonifyError for a layer or filter that does not exist, for activations that
    are not finite, and for a recording that is too short.
    """
    if filters is not None and min(filters) < 0:
        raise SonifyError(f"filter is {min(filters)}: filters are numbered from 0")
    waveform = torch.from_numpy(np.ascontiguousarray(x, np.float32))[None]
    waveform = waveform.to(sonifier.blocks[0].conv.weight)
    for layer in layers:
        check_layer(layer, sonifier.n_layers)
    record = sonifier.forward(waveform, max(layers))
    wanted = []
    for layer in layers:
        maps = record.maps[layer - 1]
        if not maps.isfinite().all():
            raise SonifyError(
                f"layer {layer} has activations that are not finite: check the model's weights"
            )
        chosen = _strongest(maps, rule, top).tolist() if filters is None else filters
        wanted += [(layer, f) for f in chosen]
    asked, of_filter = torch.tensor(wanted, device=waveform.device).T
    made = sonifier.render_from(record, waveform, asked, torch.zeros_like(asked), of_filter)
    grids, results = sonifier.grids(), []
    for i, (layer, f) in enumerate(wanted):
        peak, frame = record.maps[layer - 1][0, f].max(dim=-1)
        results.append(
            Heard(
                layer=layer,
                filter=f,
                activation=float(peak),
                time_s=grids[layer - 1].centre(int(frame), len(x)) / rate_hz,
                scale_factor=float(made.scales[i]),
                dead=bool(made.dead[i]),
                signal=made.signals[i].float().cpu().numpy(),
            )
        )
    return results


def hear_by_autograd(
    sonifier: AutogradSonifier,
    x: np.ndarray,
    layers: Sequence[int] | None,
    *,
    rate_hz: int,
    top: int = 5,
    filters: Sequence[int] | None = None,
    rule: str = "mean",
) -> tuple[list[Heard], Run]:
    """Sonify one recording as `hear` does, by automatic differentiation.

    Returns the forward pass too. `layers` None: four, from first to last. `time_s` is the centre of
    energy of the frame's own sonification. Raises SonifyError as `hear` and
    `AutogradSonifier.forward` do.
    """
    waveform = torch.from_numpy(np.ascontiguousarray(x, np.float32))[None]
    like = next((p for p in sonifier.model.parameters() if p.is_floating_point()), waveform)
    waveform = waveform.to(like)
    if layers and min(layers) < 1:
        check_layer(min(layers), max(layers))
    run = sonifier.forward(waveform, max(layers) if layers else None)
    n = len(run.maps)
    results = []
    for layer in layers or sorted(set(np.linspace(1, n, 4).round().astype(int).tolist())):
        maps = run.maps[layer - 1]
        chosen = _strongest(maps, rule, top).tolist() if filters is None else list(filters)
        asked = torch.tensor(chosen, device=waveform.device)
        made = sonifier.render_from(run, waveform, layer, torch.zeros_like(asked), asked)
        for i, f in enumerate(chosen):
            peak, frame = maps[0, f].max(dim=-1)
            energy = sonifier.raw(run, layer, 0, f, int(frame)).double().square().cpu()
            at = (
                float((energy * torch.arange(len(x))).sum() / energy.sum()) if energy.any() else 0.0
            )
            signal = made.signals[i].float().cpu().numpy()
            scale, dead = float(made.scales[i]), bool(made.dead[i])
            time_s = at / rate_hz
            results.append(Heard(layer, f, float(peak), time_s, scale, dead, signal, sonifier.by))
    return results, run


def _strongest(maps: Tensor, rule: str, top: int) -> Tensor:
    """Return the indices of the `top` most active maps, most active first.

    maps is (1, filter, frame).
    """
    scores = activity(maps, rule)[0]
    return torch.argsort(scores, descending=True, stable=True)[:top]
