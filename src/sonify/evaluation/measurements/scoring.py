"""Scores of whole clips: evaluation is on the entire clip at once (appendix A.3)."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import torch
from torch import Tensor, nn

from sonify.data.by_part import Counter, by_part
from sonify.data.clips import Clips, Part, length_buckets
from sonify.data.kept import Kept
from sonify.evaluation.metrics.bootstrap import Counts, replicates, resamples
from sonify.evaluation.metrics.ranking import Ranking, accuracy, rank
from sonify.models.checkpoint import ModelCard
from sonify.runtime.errors import SonifyError


def whole_clips(
    parts: Iterable[Clips],
    max_samples: int,
    device: torch.device | str = "cpu",
    progress: Counter | None = None,
) -> Iterator[tuple[Clips, np.ndarray, Tensor]]:
    """Yield batches of clips of equal length, never padded.

    The part of a split that holds them, their indices there, and waveforms (clip, time).

    A batch has at most `max_samples` samples in total, but at least one clip; memory holds one
    part.
    """
    done = 0
    for clips in parts:
        for indices in length_buckets(clips.lengths, max_samples):
            yield clips, indices, torch.from_numpy(clips.whole(indices)).to(device)
            done += len(indices)
            if progress:
                progress(done)


def measured(
    targets: np.ndarray, scores: np.ndarray, counts: Counts
) -> tuple[Ranking, list[dict[str, Any]]]:
    """The ranking of scores, (clip, class), and rows of its metrics: their names, values, and
    replicates on the resamples `counts`, (clip, replicate).

    They include accuracy where every clip has one class. Raises SonifyError as `rank` does.
    """
    ranking = rank(targets, scores)
    values = ranking.metrics
    if (targets.sum(axis=1) == 1).all():
        values = {**values, "accuracy": accuracy(targets, scores)}
    again = replicates(targets, scores, counts)
    return ranking, [{"metric": m, "value": v, "replicates": again[m]} for m, v in values.items()]


def score_tables(
    model: nn.Module, card: ModelCard, parts: Iterable[Clips | Part], **how: Any
) -> tuple[pd.DataFrame, pa.Table]:
    """The tables metrics and scores of one model on a split; see `score_parts`.

    Metrics are mAP, mAUC, d_prime, and accuracy where every clip has one class; scores are those of
    each clip that they are computed from.
    """
    parts = list(parts)
    n, done, ids = sum(map(len, parts)), 0, []
    for part in score_parts(model, card, parts, **how):
        if not done:  # each is held once, since they may be gigabytes
            dataset, split = part["split"].tolist()
            targets, scores = (np.empty((n, len(card.classes)), t) for t in (np.uint8, np.float32))
        own = slice(done, done := done + len(part["ids"]))
        targets[own], scores[own] = part["targets"], part["scores"]
        ids += part["ids"].tolist()
    keys = {"dataset": dataset, "split": split, **card.keys}
    ranking, rows = measured(targets, scores, resamples(dataset, split, ids))
    shared = {
        "n_clips": ranking.n_clips,
        "n_classes": ranking.n_classes,
        "n_dropped": ranking.n_dropped,
        "prevalence": ranking.prevalence,
    }
    return pd.DataFrame({**keys, **row, **shared} for row in rows), _scores(ids, scores, keys)


@torch.no_grad()
def score_parts(
    model: nn.Module,
    card: ModelCard,
    parts: Iterable[Clips | Part],
    *,
    max_samples: int,
    device: torch.device | str = "cpu",
    progress: Counter | None = None,
    kept: Kept | None = None,
) -> Iterator[dict[str, np.ndarray]]:
    """Yield ids, (clip,), targets and scores, (clip, class), of each part of one split; dataset
    and split.

    Parts that `kept` has, or does not own, are not scored. Raises SonifyError when the model has
    other classes than the clips.
    """
    kept = kept or Kept()

    def scored(load: Callable[[], Clips], count: Counter) -> dict[str, np.ndarray]:
        clips = load()
        if list(card.classes) != clips.classes:
            raise SonifyError(
                f"model {card.model} knows other classes than {clips.dataset} has: train it on "
                f"{clips.dataset} first"
            )
        order, logits = [], []
        for _, indices, x in whole_clips([clips], max_samples, device, count):
            order.append(indices)
            logits.append(model(x).float().cpu().numpy())
        every = np.concatenate(order)
        return {
            "split": np.array([clips.dataset, clips.splits[0]]),
            "ids": np.array([clips.ids[i] for i in every]),
            "targets": clips.targets[every],
            "scores": np.concatenate(logits),
        }

    for name, load, count in by_part(parts, kept, progress):
        yield kept.arrays(name, partial(scored, load, count))


def _scores(ids: list[str], scores: np.ndarray, keys: dict[str, Any]) -> pa.Table:
    """The scores table, straight from the array: pandas would make an object of each row.

    It is in the order of its key, since sorting it would need as much memory again.
    """
    order = np.argsort(pa.array(ids).to_numpy(zero_copy_only=False), kind="stable")
    offsets = np.arange(len(ids) + 1, dtype=np.int32) * scores.shape[1]
    lists = pa.ListArray.from_arrays(offsets, scores[order].ravel())
    same = {name: pa.repeat(value, len(ids)) for name, value in keys.items()}
    return pa.table({"clip_id": [ids[i] for i in order], "class_scores": lists, **same})
