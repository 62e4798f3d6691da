"""Scores of a random ranking."""

import math
from functools import cache

import pandas as pd


def chance_map(prevalence: pd.Series, n_clips: pd.Series) -> pd.Series:
    """Return the expected mAP of a random ranking of n clips, from the mean prevalence.

    With k positives, ((k - 1) / (n - 1) · (n - H_n) + H_n) / n, H_n being the n-th harmonic number
    (Bestgen 2015). It exceeds the prevalence, by more with fewer clips, and is linear in k, so that
    the mean over classes needs only their mean prevalence.
    """
    harmonic = n_clips.map(_harmonic)
    others = (prevalence * n_clips - 1) / (n_clips - 1)
    return (others * (n_clips - harmonic) + harmonic) / n_clips


@cache
def _harmonic(n: float) -> float:
    return math.fsum(1 / i for i in range(1, int(n) + 1))
