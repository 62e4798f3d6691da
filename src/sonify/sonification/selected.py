"""Sonifications of filters that are selected clip by clip, other than the most active ones."""

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor

from sonify.runtime.errors import SonifyError
from sonify.sonification.activity import activity, strongest
from sonify.sonification.explainer import Explainer, Sonifications, batches

MOST_ACTIVE, LEAST_ACTIVE, RANDOM = "most_active", "least_active", "random"
SELECTIONS = (MOST_ACTIVE, LEAST_ACTIVE, RANDOM)
NONE = -1  # in place of a filter, where there is none to select


def select(maps: Sequence[Tensor], selections: Sequence[str], rule: str, places: Tensor) -> Tensor:
    """Return the filters of each selection, layer and clip, -1 where there is none.

    most_active as `activity.strongest`; least_active and random are among the other living filters
    of the layer and clip. maps: of each layer, (clip, filter, frame). places, (clip, layer) in [0,
    1), decides which of them is the random one. Raises SonifyError for another selection or rule.
    """
    chosen = [
        torch.stack(
            [_select(of, name, rule, places[:, layer]) for layer, of in enumerate(maps)],
        )
        for name in selections
    ]
    return torch.stack(chosen)


def _select(maps: Tensor, selection: str, rule: str, places: Tensor) -> Tensor:
    most = strongest(maps, rule)
    if selection == MOST_ACTIVE:
        return most
    if selection not in SELECTIONS:
        raise SonifyError(f"selection is {selection!r}: it must be one of {', '.join(SELECTIONS)}")
    active = activity(maps, rule)
    others = (active > 0).scatter(1, most.unsqueeze(1), False)
    if selection == LEAST_ACTIVE:
        found = active.masked_fill(~others, torch.inf).argmin(-1)
    else:
        wanted = (places.to(active.device) * others.sum(-1)).long()  # counting the living from 0
        found = (others.cumsum(-1) > wanted.unsqueeze(1)).int().argmax(-1)
    return torch.where(others.any(-1), found, NONE)


@torch.no_grad()
def sonify_selected(
    explainer: Explainer, x: Tensor, selections: Sequence[str], rule: str, places: Tensor
) -> Sonifications:
    """Sonify the filters that `select` names; results have axes (selection, layer, clip).

    Where there is none, the filter is -1, the signal silent and marked dead. Raises SonifyError as
    `select` and `Explainer.maps` do.
    """
    made = []
    for some in batches(x):
        record, n = explainer.forward(x[some]), len(x[some])
        filters = select(record.maps, selections, rule, places[some]).to(x.device)
        shape = filters.shape
        layers = torch.arange(1, shape[1] + 1, device=x.device)[:, None].expand(shape)
        clips = torch.arange(n, device=x.device).expand(shape)
        rendered = explainer.render_from(
            record, x[some], layers.flatten(), clips.flatten(), filters.clamp_min(0).flatten()
        )
        none = filters == NONE
        signals = rendered.signals.unflatten(0, shape).masked_fill(none.unsqueeze(-1), 0.0)
        scales = rendered.scales.unflatten(0, shape).masked_fill(none, 0.0)
        made.append((signals, filters, scales, rendered.dead.unflatten(0, shape) | none))
    return Sonifications(*(torch.cat(parts, dim=2) for parts in zip(*made, strict=True)))


@torch.no_grad()
def clip_activity(explainer: Explainer, x: Tensor, rule: str) -> list[Tensor]:
    """Return the activity of all filters on clips x, (clip, time): (clip, filter) by layer."""
    parts = [[activity(m, rule) for m in explainer.maps(x[some])] for some in batches(x)]
    return [torch.cat(of_layer) for of_layer in zip(*parts, strict=True)]


@torch.no_grad()
def layer_activity(explainer: Explainer, sounds: Tensor, rule: str) -> list[Tensor]:
    """Return the activity of each layer's filters on its own sounds, (clip, filter) by layer.

    sounds: (layer, clip, time); each layer is given only its own.
    """
    return [
        filter_activity(explainer, of_layer, layer, rule)
        for layer, of_layer in enumerate(sounds, start=1)
    ]


@torch.no_grad()
def filter_activity(
    explainer: Explainer, x: Tensor, layer: int, rule: str, pooled: bool = True
) -> Tensor:
    """Return the activity of one layer's filters on sounds x, (sound, time): (sound, filter).

    Measured on maps after the pool or, as mining does, before it.
    """

    def one(part: Tensor) -> Tensor:
        return next(itertools.islice(explainer.maps(part, pooled), layer - 1, None))

    return torch.cat([activity(one(x[some]), rule) for some in batches(x)])
