"""The removal test (section 4.1): what a model still recognises without a layer's sonification."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from sonify.data.clips import Clips
from sonify.evaluation.ranking import rank
from sonify.evaluation.scoring import whole_clips
from sonify.models.checkpoint import ModelCard
from sonify.models.heads import SoundModel
from sonify.sonification.deconvnet import Sonifier


def residual(x: Tensor, s: Tensor, rescale: bool = False) -> Tensor:
    """r = x - s: what is left of each clip, (..., time), once its sonification is taken away.

    `rescale` brings r back to the clip's own peak, which the paper neither says nor denies; a
    residual of silence stays silence.
    """
    r = x - s
    if not rescale:
        return r
    peak = r.abs().amax(-1, keepdim=True)
    factor = torch.where(peak > 0, x.abs().amax(-1, keepdim=True) / peak.clamp_min(1e-12), 1.0)
    return r * factor


@torch.no_grad()
def removal_table(
    model: SoundModel,
    card: ModelCard,
    clips: Clips,
    *,
    rule: str,
    rescale: bool,
    max_samples: int,
    device: torch.device | str = "cpu",
    progress: Callable[[int], None] | None = None,
) -> pd.DataFrame:
    """The removal table of one model: mAP, mAUC and d_prime of what is left of the clips when each
    layer's most active sonification is taken away; layer 0 is the untouched baseline. n_dead counts
    the clips whose most active map was dead, so that nothing was removed.
    """
    sonifier = Sonifier(model)
    layers = sonifier.n_layers
    scores = np.empty((layers + 1, len(clips), model.outputs), np.float32)
    dead = np.zeros(layers + 1, np.int64)
    done = 0
    for indices, x in whole_clips(clips, max_samples, device):
        found = sonifier.most_active(x, rule)
        scores[0, indices] = model(x).float().cpu().numpy()
        for layer in range(1, layers + 1):
            left = residual(x, found.signals[layer - 1], rescale)
            scores[layer, indices] = model(left).float().cpu().numpy()
        dead[1:] += found.dead.sum(dim=1).cpu().numpy()
        done += len(indices)
        if progress:
            progress(done)
    shared = {"dataset": clips.dataset, "split": clips.splits[0], **card.keys, "rule": rule}
    return pd.DataFrame(
        {
            **shared,
            "layer": layer,
            "metric": metric,
            "value": value,
            "n_clips": len(clips),
            "n_dead": dead[layer],
        }
        for layer in range(layers + 1)
        for metric, value in rank(clips.targets, scores[layer]).metrics.items()
    )
