"""Properties of every filter: activity, label purity of its top clips, spectrum, coherence."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from sonify.data.audio.pcm import samples
from sonify.data.clips import Clips
from sonify.evaluation.measurements.scoring import Counter, whole_clips
from sonify.evaluation.metrics.coherence import mean_topk_coherence
from sonify.evaluation.metrics.label_agreement import chances, purity
from sonify.evaluation.metrics.segments import shortest
from sonify.evaluation.metrics.spectra import spectral_shape
from sonify.models.checkpoint import ModelCard
from sonify.models.heads import SoundModel
from sonify.runtime.errors import SonifyError
from sonify.sonification.explainer import Explainer
from sonify.sonification.methods import DEFAULT, build_explainer

_OWN = ["layer", "filter"]
_SOUND = ["coherence", "flatness", "centroid_hz", "bandwidth_hz"]


def filters_table(
    model: SoundModel,
    card: ModelCard,
    parts: Iterable[Clips],
    top: pd.DataFrame,
    sonifications: Iterable[pd.DataFrame],
    *,
    top_k: int,
    nperseg: int,
    max_samples: int,
    device: torch.device | str = "cpu",
    progress: Counter | None = None,
) -> pd.DataFrame:
    """Return the filters table of one model: a row for every filter in `top`, its top_activations.

    `parts` are what was mined of the split (`data.mined`). `sonifications` are the rows of that
    table, a few at a time: of all the sound, memory holds those and the mined clips. Coherence
    (mean of the `top_k` largest bins) and the spectral measures are means over those of the
    filter's top clips whose sonification is not silent and that hold two segments of `nperseg`
    samples; NaN if none does.
    Label purity is the largest fraction, of the top clips on which the filter is active, that have
    one label in common; NaN with fewer than two such clips, of which it would say nothing. Beside
    it stands the purity of as many clips of the split drawn at random (`label_agreement.chance`).

    `progress` is called with the number of clips and sonifications done. Raises SonifyError for
    tables of another model or of other clips.
    """
    if set(top["model"]) != {card.model}:
        given = ", ".join(sorted(set(top["model"]))) or "no model"
        raise SonifyError(f"the top activations are of {given}, not of {card.model}: mine it again")
    explainer = build_explainer(DEFAULT, model)
    split = _survey(explainer, parts, top, max_samples, device, progress)
    done, described = split.n_clips, []
    for rows in sonifications:
        described.append(_described(rows, split.pcm, top_k, nperseg))
        done += len(rows)
        if progress:
            progress(done)
    if done - split.n_clips != len(top):
        raise SonifyError(
            f"there are {done - split.n_clips} sonifications of {len(top)} top clips of "
            f"{card.model}: render them again"
        )
    first = top[top["rank"] == 1].set_index(_OWN)
    table = first[["dataset", "split", *card.keys, "dead", "activation"]]
    table = table.join(pd.concat(described).groupby(_OWN)[_SOUND].mean())
    table = table.join(_purity(top[~top["dead"]], split))
    expected = chances(split.labelled, table["n_living"].dropna())
    table["chance_purity"] = table.pop("n_living").map(expected)
    return table.assign(
        n_clips=split.n_clips,
        n_active=[split.active[layer - 1][index] for layer, index in table.index],
        main_label=table["main_label"].fillna(""),
    ).reset_index()


@dataclass(frozen=True)
class _Split:
    """active: clips on which each filter is, (filter,) of each layer. labelled: (clip, class), 0 or
    1, in order of clip_id. Samples, (time,) int16, and classes, (class,), are of the mined clips.
    """

    n_clips: int
    classes: list[str]
    labelled: np.ndarray
    active: list[np.ndarray]
    pcm: dict[str, np.ndarray]
    targets: dict[str, np.ndarray]


@torch.no_grad()
def _survey(
    explainer: Explainer,
    parts: Iterable[Clips],
    top: pd.DataFrame,
    max_samples: int,
    device: torch.device | str,
    progress: Counter | None,
) -> _Split:
    """One forward pass over the split."""
    mined, ids, labelled = set(top["clip_id"]), [], []
    active = [torch.zeros(n, dtype=torch.int64, device=device) for n in explainer.filters]
    pcm, targets = {}, {}
    for clips, indices, x in whole_clips(parts, max_samples, device, progress):
        for counts, maps in zip(active, explainer.maps(x, pooled=False), strict=True):
            counts += (maps.amax(-1) > 0).sum(0)
        labelled.append(clips.targets[indices])
        for i in indices:
            ids.append(clips.ids[i])
            if clips.ids[i] in mined:  # copies: views would keep the whole part
                pcm[clips.ids[i]] = clips.pcm(i).copy()
                targets[clips.ids[i]] = clips.targets[i].copy()
    if missing := mined - set(pcm):
        raise SonifyError(f"clip {min(missing)} was mined but is not in the split: mine again")
    counted = [counts.cpu().numpy() for counts in active]
    every = np.concatenate(labelled)[np.argsort(ids, kind="stable")]
    return _Split(len(ids), clips.classes, every, counted, pcm, targets)


def _described(
    rows: pd.DataFrame, inputs: dict[str, np.ndarray], top_k: int, nperseg: int
) -> pd.DataFrame:
    """Return layer, filter and spectral measures of some sonifications; NaN for those left out.

    No measure depends on loudness, so that samples are taken as they are stored.
    """
    for row in rows.itertuples():
        if row.n_samples != len(inputs.get(row.clip_id, ())):
            raise SonifyError(
                f"the sonification of {row.model}, layer {row.layer}, filter {row.filter}, is not "
                f"of clip {row.clip_id} as it was mined: render it again"
            )
    measures = pd.DataFrame(np.nan, index=rows.index, columns=_SOUND)
    heard = rows[(rows["peak"] > 0) & (rows["n_samples"] >= shortest(nperseg))]
    for _, alike in heard.groupby("n_samples"):
        s = np.stack([samples(pcm) for pcm in alike["pcm"]])
        x = np.stack([inputs[clip] for clip in alike["clip_id"]])
        coherence = mean_topk_coherence(x, s, top_k, nperseg)
        measures.loc[alike.index] = np.column_stack([coherence, *spectral_shape(s, nperseg)])
    return rows[_OWN].join(measures)


def _purity(living: pd.DataFrame, split: _Split) -> pd.DataFrame:
    """label_purity, main_label and n_living, the clips that count, of filters, from those rows of
    `top` that are not dead.
    """
    totals = split.labelled.sum(axis=0, dtype=np.int64)
    rarest = np.argsort(totals, kind="stable")  # first among equally frequent: the rarest
    purities = {}
    for own, clips in living.groupby(_OWN)["clip_id"]:
        targets = np.stack([split.targets[c] for c in clips])
        counts = targets.sum(axis=0, dtype=np.int64)[rarest]
        best = int(counts.argmax())
        label = split.classes[rarest[best]] if counts[best] > 1 else ""
        purities[own] = (purity(targets), label, len(clips))
    index = pd.MultiIndex.from_tuples(purities, names=_OWN)
    columns = ["label_purity", "main_label", "n_living"]
    return pd.DataFrame(purities.values(), index=index, columns=columns)
