"""The agreement of the labels of a few clips, observed and by chance."""

from collections.abc import Iterable

import numpy as np

from sonify.runtime.errors import SonifyError
from sonify.runtime.seeds import generator

DRAWS = 10_000  # the standard error of their mean is at most 0.005
_AT_ONCE = 1_000  # draws, which bounds memory


def purity(labelled: np.ndarray) -> float:
    """Return the largest fraction of some clips that share one label.

    labelled: (clip, class), 1 where a clip has the label. NaN for fewer than two clips, where it
    would be meaningless.
    """
    if len(labelled) < 2:
        return float("nan")
    return float(labelled.mean(axis=0).max(initial=0))


def chances(
    labelled: np.ndarray, counts: Iterable[int], order: np.ndarray | None = None
) -> dict[int, float]:
    """Map each number of clips in `counts` to its `chance`; fewer than two clips have no purity."""
    return {n: chance(labelled, n, order) for n in sorted({int(n) for n in counts}) if n > 1}


def chance(labelled: np.ndarray, n: int, order: np.ndarray | None = None) -> float:
    """Return the expected label purity of n different clips of a split, drawn at random.

    labelled: (clip, class), 1 where a clip has the label; order: the clips' rows, (clip,), in the
    order that draws refer to, as given by default. The mean over DRAWS draws, which the same split
    and n always draw alike. Raises SonifyError if the split has fewer than n clips.
    """
    if not 1 <= n <= len(labelled):
        raise SonifyError(f"{n} clips cannot be drawn from {len(labelled)}: lower sonification.top")
    rng, total = generator("label purity", len(labelled), n), 0
    for _ in range(DRAWS // _AT_ONCE):
        drawn = np.array([rng.choice(len(labelled), n, replace=False) for _ in range(_AT_ONCE)])
        drawn = drawn if order is None else order[drawn]
        total += int(labelled[drawn].sum(axis=1, dtype=np.int32).max(axis=-1, initial=0).sum())
    return total / (n * DRAWS)
