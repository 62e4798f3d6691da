"""Coherence of every clip with the sonification of each layer's most active map (section 4.2)."""

from collections.abc import Iterable, Sequence

import pandas as pd
import torch

from sonify.data.clips import Clips
from sonify.evaluation.measurements.scoring import Counter, whole_clips
from sonify.evaluation.metrics.coherence import mean_topk_coherence, noise_floor
from sonify.evaluation.metrics.envelope import envelope_correlation
from sonify.evaluation.metrics.segments import NPERSEG
from sonify.models.checkpoint import ModelCard
from sonify.models.heads import SoundModel
from sonify.sonification.methods import DEFAULT, build_explainer
from sonify.sonification.most_active import most_active


def coherence_table(
    model: SoundModel,
    card: ModelCard,
    parts: Iterable[Clips],
    *,
    rules: Sequence[str],
    top_k: int = 5,
    nperseg: int = NPERSEG,
    method: str = DEFAULT,
    precision: str = "exact",
    max_samples: int,
    device: torch.device | str = "cpu",
    progress: Counter | None = None,
) -> pd.DataFrame:
    """Return the coherence table of one model on the parts of one split.

    Under each rule for the most active map it has one row per clip and layer, with the noise floor
    of the clip's length beside it.

    A map that several rules choose is sonified and measured once. Dead maps count as 0 and are
    marked. Raises SonifyError for an unknown rule and for clips shorter than two segments of
    `nperseg` or two frames of the envelope.
    """
    explainer = build_explainer(method, model, precision=precision)
    rows: list[pd.DataFrame] = []
    for clips, indices, x in whole_clips(parts, max_samples, device, progress):
        floor = noise_floor(x.shape[1], top_k, nperseg)
        for batch, chosen in most_active(explainer, x, rules):
            waveforms, signals = x[batch].cpu().numpy(), chosen.made.signals.cpu().numpy()
            of = chosen.clips.cpu().numpy()
            distinct = pd.DataFrame(
                {
                    "clip_id": [clips.ids[i] for i in indices[batch][of]],
                    "split": [clips.splits[i] for i in indices[batch][of]],
                    "layer": chosen.layers.cpu().numpy(),
                    "filter": chosen.made.filters.cpu().numpy(),
                    "coherence": mean_topk_coherence(waveforms, signals, top_k, nperseg, of),
                    "envelope_correlation": envelope_correlation(waveforms, signals, of),
                    "dead": chosen.made.dead.cpu().numpy(),
                }
            ).assign(dataset=clips.dataset, floor=floor, n_samples=x.shape[1])
            rows += [
                distinct.iloc[at.flatten().cpu().numpy()].assign(rule=rule)
                for rule, at in chosen.at.items()
            ]
    return pd.concat(rows, ignore_index=True).assign(**card.keys)
