"""The removal test (section 4.1): what a model still recognises without a layer's sonification."""

from collections.abc import Iterable

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from sonify.data.clips import Clips
from sonify.evaluation.ranking import rank
from sonify.evaluation.scoring import Counter, whole_clips
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
    parts: Iterable[Clips],
    *,
    rule: str,
    rescale: bool,
    precision: str = "exact",
    max_samples: int,
    device: torch.device | str = "cpu",
    progress: Counter | None = None,
) -> pd.DataFrame:
    """The removal table of one model on the parts of one split: mAP, mAUC and d_prime of what is
    left of the clips when each layer's most active sonification is taken away; layer 0 is the
    untouched baseline. n_dead counts the clips whose most active map was dead, so that nothing was
    removed.
    """
    sonifier = Sonifier(model, precision, allow_strided=True)
    layers = sonifier.n_layers
    targets, scores = [], []
    dead = np.zeros(layers + 1, np.int64)
    for clips, indices, x in whole_clips(parts, max_samples, device, progress):
        found = sonifier.most_active(x, rule)
        left = (residual(x, signals, rescale) for signals in found.signals)
        logits = [model(waveforms).float().cpu().numpy() for waveforms in (x, *left)]
        targets.append(clips.targets[indices])
        scores.append(np.stack(logits))
        dead[1:] += found.dead.sum(dim=1).cpu().numpy()
    truth, per_layer = np.concatenate(targets), np.concatenate(scores, axis=1)
    shared = {"dataset": clips.dataset, "split": clips.splits[0], **card.keys, "rule": rule}
    return pd.DataFrame(
        {
            **shared,
            "layer": layer,
            "metric": metric,
            "value": value,
            "n_clips": len(truth),
            "n_dead": dead[layer],
        }
        for layer in range(layers + 1)
        for metric, value in rank(truth, per_layer[layer]).metrics.items()
    )
