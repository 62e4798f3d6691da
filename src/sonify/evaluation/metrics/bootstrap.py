"""Bootstrap over clips: how scores vary with the clips they happen to be computed from.

A resample of n clips is n draws with replacement (Efron and Tibshirani 1993). It depends on the
names of the clips alone, so the b-th resample is the same for all models scored on the same clips:
the difference of two replicates is a replicate of the difference (a paired bootstrap).
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sonify.evaluation.metrics.ranking import d_prime
from sonify.runtime.seeds import generator

# Of 200 replicates the standard deviation is known to 5 % (1/√(2·199)), about as well as clips tell
# it; the 25 to 200 that Efron and Tibshirani recommend for standard errors. Percentiles, which
# would need thousands, are not taken: see sonify.paper.claims.statistics.
REPLICATES = 200

Counts = NDArray[np.float32]
Floats = NDArray[np.float64]


def resamples(dataset: str, split: str, clip_ids: Sequence[str]) -> Counts:
    """Return how often each clip is in each resample, (clip, replicate), clips as given.

    The draws depend on which clips there are, not on their order.
    """
    names = np.asarray(clip_ids)
    order, n = np.argsort(names), len(names)
    random = generator("bootstrap", dataset, split, *names[order])
    counts = np.empty((n, REPLICATES), np.float32)
    for b in range(REPLICATES):
        counts[order, b] = np.bincount(random.integers(n, size=n), minlength=n)
    return counts


def replicates(targets: np.ndarray, scores: np.ndarray, counts: Counts) -> dict[str, Floats]:
    """Return each metric of `ranking` on every resample, (replicate,), by its name.

    targets (0 or 1) and scores are (clip, class), counts (clip, replicate); accuracy is among the
    metrics where every clip has one class. A class without a positive clip in a resample (AUC: or a
    negative one) is left out of the mean, as for the full set; a resample that leaves no class is
    NaN.
    """
    each = [_of_class(t.astype(bool), s, counts) for t, s in zip(targets.T, scores.T, strict=True)]
    precision, auc = (_mean(np.array(values)) for values in zip(*each, strict=True))
    d = [d_prime(value) if value == value else np.nan for value in auc]
    found = {"mAP": precision, "mAUC": auc, "d_prime": np.array(d)}
    if (targets.sum(axis=1) == 1).all():
        right = scores.argmax(axis=1) == targets.argmax(axis=1)
        found["accuracy"] = clip_means(right.astype(np.float64), counts)
    return found


def clip_means(values: np.ndarray, counts: Counts) -> Floats:
    """Return means over clips on every resample: (clip, ...) to (replicate, ...), NaN left out."""
    known = ~np.isnan(values)
    sums, n = (
        np.tensordot(counts.astype(np.float64), x, axes=(0, 0))
        for x in (np.where(known, values, 0.0), known.astype(np.float64))
    )
    with np.errstate(invalid="ignore"):
        return np.asarray(sums / n)


def _of_class(positive: np.ndarray, scores: np.ndarray, counts: Counts) -> tuple[Floats, Floats]:
    """Return average precision and AUC of one class on every resample; tied scores form one step.

    Only the ends of those runs of tied scores that hold a positive clip matter, so the counts are
    summed from one to the next.
    """
    undefined = np.full(counts.shape[1], np.nan)
    if not positive.any():
        return undefined, undefined
    order = np.argsort(-scores, kind="stable")
    hits, ordered = np.flatnonzero(positive[order]), scores[order]
    run = np.cumsum(np.diff(ordered, prepend=ordered[0]) != 0)
    starts, ends = np.searchsorted(run, run[hits]), np.searchsorted(run, run[hits], side="right")
    first = np.flatnonzero(np.diff(ends, prepend=-1))  # of the hits of each run
    starts, ends = starts[first], ends[first]
    bounds = np.unique(np.concatenate([[0], starts, ends]))
    sums = np.add.reduceat(counts[order[: ends[-1]]], bounds[:-1], axis=0)
    above = np.vstack([np.zeros_like(undefined), np.cumsum(sums, axis=0, dtype=np.float64)])
    before, until = (above[np.searchsorted(bounds, at)] for at in (starts, ends))
    found = np.add.reduceat(counts[order[hits]], first, axis=0).astype(np.float64)
    so_far = np.cumsum(found, axis=0)
    positives = so_far[-1]
    negatives = len(counts) - positives
    # Negative clips ranked above a run, and those tied with it, which count half (Mann-Whitney).
    higher = before - so_far + found
    tied = until - before - found
    with np.errstate(invalid="ignore", divide="ignore"):
        steps = np.where(found > 0, found * so_far / until, 0.0)
        pairs = (found * (negatives - higher - tied / 2)).sum(axis=0)
        return steps.sum(axis=0) / positives, pairs / (positives * negatives)


def _mean(values: Floats) -> Floats:
    """Return means over classes, (class, replicate) to (replicate,), NaN left out."""
    known = ~np.isnan(values)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(known, values, 0.0).sum(axis=0) / known.sum(axis=0))
