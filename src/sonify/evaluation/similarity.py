"""Coherence of every clip with the sonification of each layer's most active map (section 4.2)."""

from collections.abc import Iterable

import numpy as np
import pandas as pd
import torch

from sonify.data.clips import Clips
from sonify.evaluation.coherence import NPERSEG, mean_topk_coherence, noise_floor
from sonify.evaluation.scoring import Counter, whole_clips
from sonify.models.checkpoint import ModelCard
from sonify.models.heads import SoundModel
from sonify.sonification.deconvnet import Sonifier


def coherence_table(
    model: SoundModel,
    card: ModelCard,
    parts: Iterable[Clips],
    *,
    rule: str,
    top_k: int = 5,
    nperseg: int = NPERSEG,
    precision: str = "exact",
    max_samples: int,
    device: torch.device | str = "cpu",
    progress: Counter | None = None,
) -> pd.DataFrame:
    """The coherence table of one model on the parts of one split: one row per clip and layer, with
    the noise floor beside it.

    Dead maps count as 0 and are marked. Raises ValueError for clips shorter than `nperseg`.
    """
    sonifier = Sonifier(model, precision, allow_strided=True)
    rows: list[pd.DataFrame] = []
    for clips, indices, x in whole_clips(parts, max_samples, device, progress):
        found = sonifier.most_active(x, rule)
        waveforms = x.cpu().numpy().astype(np.float64)
        n_samples = waveforms.shape[1]
        for layer in range(1, sonifier.n_layers + 1):
            signals = found.signals[layer - 1].cpu().numpy().astype(np.float64)
            batch = {
                "dataset": clips.dataset,
                **card.keys,
                "rule": rule,
                "clip_id": [clips.ids[i] for i in indices],
                "split": [clips.splits[i] for i in indices],
                "layer": layer,
                "filter": found.filters[layer - 1].cpu().numpy(),
                "coherence": mean_topk_coherence(waveforms, signals, top_k, nperseg),
                "floor": noise_floor(n_samples, top_k, nperseg),
                "dead": found.dead[layer - 1].cpu().numpy(),
                "n_samples": n_samples,
            }
            rows.append(pd.DataFrame(batch))
    return pd.concat(rows, ignore_index=True)
