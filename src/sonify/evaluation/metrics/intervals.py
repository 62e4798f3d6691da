"""95% t-intervals over runs: every "mean ± ci" that the tables, figures and pages show."""

import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import stdtrit  # quantile of Student's t; scipy.stats takes a second to import

from sonify.runtime.errors import SonifyError


class Interval(NamedTuple):
    """Mean over n runs and the half-width of its 95% t-interval, in the unit of the values."""

    mean: float
    ci95: float
    n: int


def t_interval(values: Iterable[float]) -> Interval:
    """Return the mean of one value per run, with t(0.975, n - 1) · sd / √n.

    One run has no interval (ci95 NaN); no runs have no mean either (NaN, NaN, 0); equal finite
    values have half-width 0. An infinite value (d-prime of a perfect ranking) gives an infinite
    mean and no interval. Raises SonifyError for NaN.
    """
    x = np.asarray(list(values), np.float64)
    n = len(x)
    if np.isnan(x).any():
        raise SonifyError(f"{np.isnan(x).sum()} of {n} values are NaN: a run without a result")
    if n == 0:
        return Interval(math.nan, math.nan, 0)
    if not np.isfinite(x).all():
        infinite = set(x[~np.isfinite(x)])
        return Interval(infinite.pop() if len(infinite) == 1 else math.nan, math.nan, n)
    if n == 1:
        return Interval(float(x[0]), math.nan, 1)
    if x.min() == x.max():  # the sum below would leave rounding in both
        return Interval(float(x[0]), 0.0, n)
    half_width = stdtrit(n - 1, 0.975) * x.std(ddof=1) / math.sqrt(n)
    return Interval(float(x.mean()), float(half_width), n)


def t_intervals(frame: pd.DataFrame, by: list[str], column: str) -> pd.DataFrame:
    """`t_interval` of `column` in each group: columns `by`, mean, ci95, n, sorted by `by`."""
    rows = [(*key, *t_interval(group)) for key, group in frame.groupby(by)[column]]
    return pd.DataFrame(rows, columns=[*by, *Interval._fields])


def plus_minus(mean: float, ci95: float, digits: int = 3) -> str:
    """`0.362 ± 0.006`; the mean alone where there is no interval, `∞` where it is infinite."""
    if math.isnan(mean):
        return "undefined"
    text = f"{mean:.{digits}f}" if math.isfinite(mean) else ("∞" if mean > 0 else "−∞")
    return text if math.isnan(ci95) else f"{text} ± {ci95:.{digits}f}"
