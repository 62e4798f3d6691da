"""Ranking metrics: macro mAP, macro AUC and d-prime (appendix A.3).

Conventions: scores and targets are (clip, class); targets are 0 or 1, scores any finite numbers
that grow with confidence. Means are over the classes with a positive clip (AUC: and a
negative one); the others are counted, not scored.
"""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from sonify.runtime.errors import SonifyError


@dataclass(frozen=True)
class Ranking:
    """Ranking metrics of one set of scores; prevalence is the mean fraction of positives."""

    mean_average_precision: float
    mean_auc: float
    d_prime: float
    prevalence: float
    n_clips: int
    n_classes: int
    n_dropped: int

    @property
    def metrics(self) -> dict[str, float]:
        """The values by the names that result tables use."""
        return {
            "mAP": self.mean_average_precision,
            "mAUC": self.mean_auc,
            "d_prime": self.d_prime,
        }


def rank(targets: np.ndarray, scores: np.ndarray) -> Ranking:
    """mAP over the classes with a positive clip; mAUC and d-prime over those with a negative too.

    n_classes and prevalence are those of mAP; n_dropped counts the classes without a positive.

    Raises SonifyError for shapes that differ, targets other than 0 and 1, scores that are not
    finite, or no class to rank.
    """
    targets, scores = _validated(targets, scores)
    kept = targets.any(axis=0)
    auc = mean_auc(targets, scores)
    positives = float(targets.sum(dtype=np.float64))
    return Ranking(
        mean_average_precision(targets, scores),
        auc,
        d_prime(auc),
        positives / (len(targets) * int(kept.sum())),
        len(targets),
        int(kept.sum()),
        int((~kept).sum()),
    )


def mean_average_precision(targets: np.ndarray, scores: np.ndarray) -> float:
    """Macro mean of average precision over classes with a positive clip, in [0, 1].

    Average precision is the mean over positives of the precision at their score; tied scores are
    one threshold, as in scikit-learn.

    >>> import numpy as np
    >>> from sonify.api import mean_average_precision
    >>> targets = np.array([[1, 0], [0, 1], [1, 1]])  # (clip, class)
    >>> scores = np.array([[0.9, 0.4], [0.5, 0.3], [0.2, 0.8]])
    >>> round(mean_average_precision(targets, scores), 3)  # mean of 5/6 and 5/6
    0.833
    """
    targets, scores = _validated(targets, scores)
    positive = targets.any(axis=0)
    if not positive.any():
        raise SonifyError("no class has a positive clip: mAP has nothing to average")
    values = [_average_precision(targets[:, c], scores[:, c]) for c in np.flatnonzero(positive)]
    return float(np.mean(values))


def mean_auc(targets: np.ndarray, scores: np.ndarray) -> float:
    """Macro mean of the area under the ROC curve, in [0, 1], over classes with both outcomes.

    >>> import numpy as np
    >>> from sonify.api import mean_auc
    >>> targets = np.array([[1, 0], [0, 1], [1, 1]])  # (clip, class)
    >>> scores = np.array([[0.9, 0.4], [0.5, 0.3], [0.2, 0.8]])
    >>> mean_auc(targets, scores)  # one of two pairs in the right order, in each class
    0.5
    """
    targets, scores = _validated(targets, scores)
    kept = np.flatnonzero(_rankable(targets))
    if not len(kept):
        raise SonifyError("no class has a positive and a negative clip: AUC has nothing to average")
    return float(np.mean([_auc(targets[:, c], scores[:, c]) for c in kept]))


def average_ranks(scores: np.ndarray) -> np.ndarray:
    """Ranks of scores, (clip, class), among the clips of each class, from 1 up; ties share theirs.

    Equals scipy.stats.rankdata(scores, axis=0), whose import takes longer than many jobs.
    """
    ranks = np.empty(scores.shape)
    for column, out in zip(scores.T, ranks.T, strict=True):
        out[:] = _ranks_of_class(column)
    return ranks


def d_prime(auc: float) -> float:
    """d' = sqrt(2) times the normal quantile of the mean AUC; infinite for a perfect ranking.

    >>> from sonify.api import d_prime
    >>> d_prime(0.5), round(d_prime(0.95), 2)
    (0.0, 2.33)
    """
    if not 0 <= auc <= 1:
        raise SonifyError(f"AUC is {auc}: it must be in [0, 1]")
    if auc in (0, 1):
        return float("inf") if auc else float("-inf")
    return float(np.sqrt(2) * NormalDist().inv_cdf(auc))


def accuracy(targets: np.ndarray, scores: np.ndarray) -> float:
    """Return the fraction of clips that score highest on their class; ties go to the lower."""
    targets, scores = _validated(targets, scores)
    if (targets.sum(axis=1) != 1).any():
        raise SonifyError("accuracy needs exactly one class per clip")
    return float((scores.argmax(axis=1) == targets.argmax(axis=1)).mean())


def selection_score(targets: np.ndarray, scores: np.ndarray) -> float:
    """Return the score that selects models: accuracy where every clip has one class, else mAP.

    Raises SonifyError as `rank` does.
    """
    targets, scores = _validated(targets, scores)
    if (targets.sum(axis=1) == 1).all():
        return accuracy(targets, scores)
    return mean_average_precision(targets, scores)


def _ranks_of_class(scores: np.ndarray) -> np.ndarray:
    _, place, ties = np.unique(scores, return_inverse=True, return_counts=True)
    ranks: np.ndarray = (np.cumsum(ties) - (ties - 1) / 2)[place]
    return ranks


def _auc(targets: np.ndarray, scores: np.ndarray) -> float:
    n, positives = len(targets), float(targets.sum(dtype=np.float64))
    # Mann-Whitney: the fraction of (positive, negative) pairs in order, ties counting half.
    above = (_ranks_of_class(scores) * targets).sum() - positives * (positives + 1) / 2
    return float(above / (positives * (n - positives)))


def _average_precision(targets: np.ndarray, scores: np.ndarray) -> float:
    order = np.argsort(-scores, kind="stable")
    hits, scores = targets[order].astype(np.float64), scores[order]
    last_of_tie = np.append(np.flatnonzero(np.diff(scores)), len(scores) - 1)
    hits = np.cumsum(hits)[last_of_tie]
    precision = hits / (last_of_tie + 1)
    return float((np.diff(hits, prepend=0) * precision).sum() / hits[-1])


def _rankable(targets: np.ndarray) -> np.ndarray:
    positives = targets.sum(axis=0, dtype=np.float64)
    return (positives > 0) & (positives < len(targets))


def _validated(targets: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return both as arrays, and no copies: they may be gigabytes."""
    targets, scores = np.asarray(targets), np.asarray(scores)
    if targets.shape != scores.shape or targets.ndim != 2 or not targets.size:
        raise SonifyError(
            f"targets {targets.shape}, scores {scores.shape}: both must be (clip, class), not empty"
        )
    if not ((targets == 0) | (targets == 1)).all():
        raise SonifyError("targets must be 0 or 1")
    if not np.isfinite(scores).all():
        clip = int(np.argwhere(~np.isfinite(scores))[0, 0])
        raise SonifyError(f"the score of clip {clip} is not finite: was training stable?")
    return targets, scores
