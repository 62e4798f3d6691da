"""Controls for the removal test: the effect of subtracting other sounds of equal energy (Figure 6).

Besides the controls of `controls`: added, s added instead of subtracted; projected, the multiple of
s that leaves the least of the clip, with an energy of its own.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from sonify.data.clips import Clips
from sonify.evaluation.measurements.controls import (
    SONIFICATION,
    Heard,
    explainers,
    heard_with_controls,
)
from sonify.evaluation.measurements.scoring import Counter, measured
from sonify.evaluation.metrics import surrogates
from sonify.evaluation.metrics.bootstrap import resamples
from sonify.models.checkpoint import ModelCard
from sonify.models.heads import SoundModel
from sonify.sonification.methods import DEFAULT

OWN = 0.0  # in place of a fraction: the energy of the sonification as it is
SWEPT = (SONIFICATION, "other_clip", "noise")  # subtracted at given fractions of energy too
NOTHING = "clip", OWN

Condition = tuple[str, float]  # a sound, and the fraction of the clip's energy that it has


@torch.no_grad()
def removal_controls_table(
    model: SoundModel,
    card: ModelCard,
    parts: Iterable[Clips],
    *,
    rule: str,
    fractions: Sequence[float],
    method: str = DEFAULT,
    precision: str = "exact",
    max_samples: int,
    device: torch.device | str = "cpu",
    progress: Counter | None = None,
) -> pd.DataFrame:
    """Return the removal_controls table of one model on the parts of one split.

    mAP after subtracting each sound, by layer; layer 0 is the untouched clip. The sounds in SWEPT
    are also subtracted at each of `fractions` of the clip's energy. Raises SonifyError as
    `heard_with_controls`.
    """
    explainer, fresh = explainers(model, card, method, precision, device)
    ids: list[str] = []
    targets: list[np.ndarray] = []
    scores: dict[Condition, list[np.ndarray]] = defaultdict(list)
    removed: dict[Condition, list[np.ndarray]] = defaultdict(list)
    for batch in heard_with_controls(
        explainer,
        fresh,
        parts,
        rule=rule,
        max_samples=max_samples,
        device=device,
        progress=progress,
    ):
        ids += batch.ids
        targets.append(batch.clips.targets[batch.indices])
        whole = surrogates.energy(batch.x)
        scores[NOTHING].append(_scores(model, batch.x[None]))
        removed[NOTHING].append(np.zeros((1, len(batch.x))))
        for condition, sounds in _subtracted(batch, fractions):
            scores[condition].append(_scores(model, batch.x - sounds))
            share = surrogates.energy(sounds) / whole.clamp_min(torch.finfo(whole.dtype).tiny)
            removed[condition].append(share.cpu().numpy())
    place = {"dataset": batch.clips.dataset, "split": batch.clips.splits[0]}
    counts, truth = resamples(place["dataset"], place["split"], ids), np.concatenate(targets)
    rows = []
    for (sound, fraction), batches in scores.items():
        shares = np.concatenate(removed[sound, fraction], axis=1)
        for at, left in enumerate(np.concatenate(batches, axis=1)):
            row = next(r for r in measured(truth, left, counts)[1] if r["metric"] == "mAP")
            where = {
                "sound": sound,
                "target_fraction": fraction,
                "layer": 0 if sound == NOTHING[0] else at + 1,
                "removed": shares[at].mean(),
                "n_silent": int((shares[at] == 0).sum()),
            }
            rows.append({**place, **card.keys, **where, **row, "n_clips": len(truth)})
    return pd.DataFrame(rows)


def _subtracted(batch: Heard, fractions: Sequence[float]) -> Iterator[tuple[Condition, Tensor]]:
    """Yield the sounds to subtract under each condition, (layer, clip, time)."""
    s, whole = batch.sounds[SONIFICATION], surrogates.energy(batch.x)
    for name, sounds in batch.sounds.items():
        yield (name, OWN), sounds
    yield ("added", OWN), -s
    yield ("projected", OWN), surrogates.projection(batch.x, s)
    for name in SWEPT:
        for fraction in fractions:
            energies = (fraction * whole).expand(s.shape[:2])
            yield (name, fraction), surrogates.matched(batch.sounds[name], energies)


def _scores(model: SoundModel, x: Tensor) -> np.ndarray:
    """Return the scores of sounds, (layer, clip, time): (layer, clip, class)."""
    return np.stack([model(of_layer).float().cpu().numpy() for of_layer in x])
