"""The most active maps under several rules, which often agree: each is sonified once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from sonify.sonification.activity import strongest
from sonify.sonification.explainer import Explainer, Sonifications, batches


@dataclass(frozen=True)
class Chosen:
    """The most active maps of a batch's layers and clips, without repetition.

    layers: from 1, clips: indices within the batch, (request,). made: their sonifications,
    (request,). at: by rule, the request that is the most active map of each layer and clip,
    (layer, clip).
    """

    layers: Tensor
    clips: Tensor
    made: Sonifications
    at: dict[str, Tensor]


@torch.no_grad()
def most_active(
    explainer: Explainer, x: Tensor, rules: Sequence[str]
) -> Iterator[tuple[slice, Chosen]]:
    """Sonify the most active maps under each of `rules`, out of one forward pass.

    x is (clip, time). Yields batches of as many clips as run fast together, each with its slice of
    x; under each rule they equal those of `Explainer.most_active`. Raises SonifyError for an
    unknown rule and for waveforms that do not fit the model.
    """
    for some in batches(x):
        record = explainer.forward(x[some])
        picked = [[strongest(maps, rule) for maps in record.maps] for rule in rules]
        filters = torch.stack([torch.stack(layers) for layers in picked])  # (rule, layer, clip)
        _, n_layers, n_clips = filters.shape
        most = int(filters.max()) + 1
        places = torch.arange(n_layers * n_clips, device=x.device).view(n_layers, n_clips)
        distinct, at = (places * most + filters).unique(return_inverse=True)
        # By hand: torch.unravel_index imports SymPy, which takes longer than many a job.
        place, filters = distinct // most, distinct % most
        layers, clips = place // n_clips + 1, place % n_clips
        made = explainer.render_from(record, x[some], layers, clips, filters)
        yield some, Chosen(layers, clips, made, dict(zip(rules, at, strict=True)))
