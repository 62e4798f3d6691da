"""Coherence of every clip with the sonification of each layer's most active map (section 4.2)."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import pandas as pd
import torch

from sonify.data.by_part import Counter, by_part
from sonify.data.clips import Clips, Part
from sonify.data.kept import Kept
from sonify.evaluation.measurements.scoring import whole_clips
from sonify.evaluation.metrics.coherence import mean_topk_coherence, noise_floor
from sonify.evaluation.metrics.envelope import envelope_correlation
from sonify.evaluation.metrics.segments import NPERSEG
from sonify.models.checkpoint import ModelCard
from sonify.models.heads import SoundModel
from sonify.sonification.methods import DEFAULT, build_explainer
from sonify.sonification.most_active import most_active


def coherence_table(
    model: SoundModel, card: ModelCard, parts: Iterable[Clips | Part], **how: Any
) -> pd.DataFrame:
    """Return the coherence table of one model on a split; see `coherence_parts`.

    A row per clip and layer has the mean over k of equation 3; `reporting.curves` takes that over
    clips.
    """
    return pd.concat(coherence_parts(model, card, parts, **how), ignore_index=True)


def coherence_parts(
    model: SoundModel,
    card: ModelCard,
    parts: Iterable[Clips | Part],
    *,
    rules: Sequence[str],
    top_k: int = 5,
    nperseg: int = NPERSEG,
    method: str = DEFAULT,
    precision: str = "exact",
    max_samples: int,
    device: torch.device | str = "cpu",
    progress: Counter | None = None,
    kept: Kept | None = None,
) -> list[pd.DataFrame]:
    """Return the coherence table of one model on each part of one split.

    For each rule for the most active map, one row per clip and layer, with the noise floor for
    clips of that length.

    A map that several rules choose is sonified and measured once. Dead maps count as 0 and are
    marked. Parts that `kept` already has, or does not own, are not measured. Raises SonifyError for
    an unknown rule and for clips shorter than two segments of `nperseg` or two frames of the
    envelope.
    """
    kept = kept or Kept()
    explainer = build_explainer(method, model, precision=precision)

    def rows(load: Callable[[], Clips], count: Counter) -> pd.DataFrame:
        clips, found = load(), []
        for _, indices, x in whole_clips([clips], max_samples, device, count):
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
                found += [
                    distinct.iloc[at.flatten().cpu().numpy()].assign(rule=rule)
                    for rule, at in chosen.at.items()
                ]
        return pd.concat(found, ignore_index=True).assign(**card.keys)

    return [
        kept.table(name, "coherence", partial(rows, load, count))
        for name, load, count in by_part(parts, kept, progress)
    ]
