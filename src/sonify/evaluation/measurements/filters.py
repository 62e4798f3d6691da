"""Properties of every filter: activity, label purity of its top clips, spectrum, coherence."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import torch

from sonify.data.audio.pcm import samples
from sonify.data.by_part import Counter, by_part
from sonify.data.clips import Clips, Part, in_memory
from sonify.data.kept import Kept
from sonify.data.mined import centres, mined
from sonify.evaluation.measurements.scoring import whole_clips
from sonify.evaluation.metrics.coherence import mean_topk_coherence
from sonify.evaluation.metrics.label_agreement import chances, purity
from sonify.evaluation.metrics.segments import shortest
from sonify.evaluation.metrics.spectra import spectral_shape
from sonify.models.checkpoint import ModelCard
from sonify.models.heads import SoundModel
from sonify.runtime.errors import SonifyError
from sonify.sonification.methods import DEFAULT, build_explainer
from sonify.sonification.settings import Mining

_OWN = ["layer", "filter"]
_SOUND = ["coherence", "flatness", "centroid_hz", "bandwidth_hz"]


def filters_table(
    model: SoundModel,
    card: ModelCard,
    parts: Sequence[Clips | Part],
    top: pd.DataFrame,
    sonifications: Iterable[pd.DataFrame],
    **how: Any,
) -> pd.DataFrame:
    """Return the filters table of one model: a row for every filter in `top`, its top_activations.

    The other arguments are those of `filter_parts`. Coherence (mean of the `top_k` largest bins)
    and the spectral measures are means over those of the filter's top clips whose sonification is
    not silent and that hold two segments of `nperseg` samples; NaN if none does. Label purity is
    the largest fraction of the top clips on which the filter is active that share one label; NaN
    with fewer than two such clips, where it would be meaningless. Beside it stands the purity of as
    many randomly drawn clips of the split (`label_agreement.chance`).

    Raises SonifyError for tables of another model or of other clips.
    """
    if set(top["model"]) != {card.model}:
        given = ", ".join(sorted(set(top["model"]))) or "no model"
        raise SonifyError(f"the top activations are of {given}, not of {card.model}: mine it again")
    surveyed, heard = filter_parts(model, parts, top, sonifications, **how)
    if len(heard) != len(top):
        raise SonifyError(
            f"there are {len(heard)} sonifications of {len(top)} top clips of {card.model}: render "
            "them again"
        )
    targets = surveyed.of_clips(top["clip_id"])
    first = top[top["rank"] == 1].set_index(_OWN)
    table = first[["dataset", "split", *card.keys, "dead", "activation"]]
    table = table.join(heard.groupby(_OWN)[_SOUND].mean())
    table = table.join(_purity(top[~top["dead"]], surveyed, targets))
    in_order = np.argsort(surveyed.ids, kind="stable")
    expected = chances(surveyed.labels, table["n_living"].dropna(), in_order)
    table["chance_purity"] = table.pop("n_living").map(expected)
    ends = np.cumsum(build_explainer(DEFAULT, model).filters)
    of_layer = np.split(surveyed.active, ends[:-1])
    return table.assign(
        n_clips=len(surveyed.ids),
        n_active=[of_layer[layer - 1][index] for layer, index in table.index],
        main_label=table["main_label"].fillna(""),
    ).reset_index()


def filter_parts(
    model: SoundModel,
    parts: Sequence[Clips | Part],
    top: pd.DataFrame,
    sonifications: Iterable[pd.DataFrame],
    *,
    top_k: int,
    nperseg: int,
    mining: Mining | None = None,
    max_samples: int,
    device: torch.device | str = "cpu",
    progress: Counter | None = None,
    kept: Kept | None = None,
) -> tuple["Surveyed", pd.DataFrame]:
    """Return the parts that a model's filters table is computed from.

    First the survey of the split's parts, then a row for each sonification, in order: layer, filter
    and measures of its sound, NaN if silent or too short. `sonifications` yields the rows of that
    table, a few at a time: memory holds only their sound and the mined clips.

    Parts that `kept` already has, or does not own, are not computed: a share has every n-th stored
    part and every n-th group of rows. `progress` is called with the number of clips and
    sonifications done. Raises SonifyError for sonifications of other clips.
    """
    held, use = kept or Kept(), mining or Mining()
    explainer = build_explainer(DEFAULT, model)
    done = 0

    def advance(now: int) -> None:
        nonlocal done
        done = now
        if progress:
            progress(done)

    @torch.no_grad()
    def survey(load: Callable[[], Clips], count: Counter) -> dict[str, np.ndarray]:
        stored = load()
        active = [torch.zeros(n, dtype=torch.int64, device=device) for n in explainer.filters]
        ids, labels = [np.array([], str)], [stored.targets[:0]]
        used = mined([stored], use.exclude_labels, use.crop_s)
        for clips, indices, x in whole_clips(used, max_samples, device, count):
            for counts, maps in zip(active, explainer.maps(x, pooled=False), strict=True):
                counts += (maps.amax(-1) > 0).sum(0)
            ids.append(np.array([clips.ids[i] for i in indices]))
            labels.append(clips.targets[indices])
        return {
            "active": np.concatenate([counts.cpu().numpy() for counts in active]),
            "ids": np.concatenate(ids),
            "labels": np.concatenate(labels),
            "classes": np.array(stored.classes),
        }

    def describe() -> dict[str, np.ndarray]:
        clips = centres(map(in_memory, parts), top.set_index("clip_id")["n_samples"])
        empty = pd.DataFrame({name: np.array([], float) for name in (*_OWN, *_SOUND, "at")})
        found, at = [], 0
        for number, rows in enumerate(sonifications):
            if held.owns(number):
                one = _described(rows, clips, top_k, nperseg)
                found.append(one.assign(at=np.arange(at, at + len(rows))))
                advance(done + len(rows))
            at += len(rows)
        table = pd.concat(found) if found else empty
        return {str(name): table[name].to_numpy() for name in table.columns}

    surveyed = _surveyed(
        (
            held.arrays(name, partial(survey, load, count))
            for name, load, count in by_part(parts, held, advance)
        ),
        sum(map(len, parts)),
    )
    heard = [pd.DataFrame(held.arrays(name, describe)) for name in held.pieces("sounds")]
    return surveyed, pd.concat(heard).astype(dict.fromkeys(_OWN, np.int64)).sort_values("at")


@dataclass(frozen=True)
class Surveyed:
    """The clips of a split that are mined: ids, (clip,), and labels, (clip, class), 0 or 1; on how
    many of them each filter is active, (filter of any layer,); all classes.
    """

    ids: np.ndarray
    labels: np.ndarray
    active: np.ndarray
    classes: list[str]

    def of_clips(self, wanted: Iterable[str]) -> dict[str, np.ndarray]:
        """Return the labels of some clips, (class,), by id; raises SonifyError for others."""
        names = set(wanted)
        found = {clip: self.labels[at] for at, clip in enumerate(self.ids) if clip in names}
        if missing := names - found.keys():
            raise SonifyError(f"clip {min(missing)} was mined but is not in the split: mine again")
        return found


def _surveyed(parts: Iterable[dict[str, np.ndarray]], n_clips: int) -> Surveyed:
    """Put parts together as they come, since labels of all, at most `n_clips`, may be gigabytes.

    Of a share there may be none.
    """
    ids, done, classes = [np.array([], str)], 0, list[str]()
    labels, active = np.empty((0, 0), np.uint8), np.zeros(0, np.int64)
    for number, part in enumerate(parts):
        if not number:
            labels = np.empty((n_clips, part["labels"].shape[1]), np.uint8)
            active, classes = np.zeros_like(part["active"]), part["classes"].tolist()
        labels[done : (done := done + len(part["ids"]))] = part["labels"]
        ids.append(part["ids"])
        active += part["active"]
    return Surveyed(np.concatenate(ids), labels[:done], active, classes)


def _described(
    rows: pd.DataFrame, inputs: dict[str, np.ndarray], top_k: int, nperseg: int
) -> pd.DataFrame:
    """Return layer, filter and spectral measures of some sonifications; NaN for those left out.

    No measure depends on loudness, so samples are used as stored.
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


def _purity(living: pd.DataFrame, split: Surveyed, targets: dict[str, np.ndarray]) -> pd.DataFrame:
    """label_purity, main_label and n_living, the clips that count, of filters, from those rows of
    `top` that are not dead; `targets` are the labels of their clips.
    """
    totals = split.labels.sum(axis=0, dtype=np.int64)
    rarest = np.argsort(totals, kind="stable")  # first among equally frequent: the rarest
    purities = {}
    for own, clips in living.groupby(_OWN)["clip_id"]:
        own_targets = np.stack([targets[clip] for clip in clips])
        counts = own_targets.sum(axis=0, dtype=np.int64)[rarest]
        best = int(counts.argmax())
        label = split.classes[rarest[best]] if counts[best] > 1 else ""
        purities[own] = (purity(own_targets), label, len(clips))
    index = pd.MultiIndex.from_tuples(purities, names=_OWN)
    columns = ["label_purity", "main_label", "n_living"]
    return pd.DataFrame(purities.values(), index=index, columns=columns)
