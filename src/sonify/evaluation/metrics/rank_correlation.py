"""Ranks of values, and the correlation of two sets of values by rank."""

import numpy as np


def ranks(values: np.ndarray) -> np.ndarray:
    """Return ranks from 1, (value,); equal values share the middle of theirs."""
    _, at, counts = np.unique(values, return_inverse=True, return_counts=True)
    middles = np.cumsum(counts) - (counts - 1) / 2
    return np.asarray(middles[at])


def rank_correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Return Spearman's correlation, in [-1, 1], of as many values; NaN where all are equal."""
    a, b = (r - r.mean() for r in (ranks(one.ravel()), ranks(other.ravel())))
    size = np.sqrt((a @ a) * (b @ b))
    return float(a @ b / size) if size > 0 else float("nan")
