"""Means over seeds with standard errors, t-tests on them, and corrections for many tests.

Everything works on arrays with any leading axes, so that the simulation that the rules are tested
by runs them as the claims do. `floor` keeps equal seeds from counting as certainty: it is the least
half-width that a 95% interval may have.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtr, stdtrit  # scipy.stats takes a second to import

Floats = NDArray[np.float64]

# Standard errors up to the rounding error of float64 sums are 0: 1e-17 is no effect.
ROUNDING = 1e-9


class Estimates(NamedTuple):
    """Mean, its standard error and degrees of freedom, and seeds behind it: (..., number) each.

    The standard error is NaN where there is no interval: fewer than two seeds, an infinite value,
    or equal seeds without a floor.
    """

    mean: Floats
    se: Floats
    df: Floats
    n: Floats

    def half_width(self, level: float = 0.95) -> Floats:
        """Return the half-width of the t-interval at `level`; NaN without an interval."""
        return np.asarray(stdtrit(self.df, (1 + level) / 2) * self.se)

    def p_above(self, threshold: float = 0.0) -> Floats:
        """Return the one-sided p value for a mean above `threshold`."""
        return np.asarray(stdtr(self.df, (threshold - self.mean) / self.se))

    def p_below(self, threshold: float = 0.0) -> Floats:
        """Return the one-sided p value for a mean below `threshold`."""
        return np.asarray(stdtr(self.df, (self.mean - threshold) / self.se))

    def p_inside(self, margin: float) -> Floats:
        """Return the p value of two one-sided tests for a mean within `margin` of 0.

        It is under 0.05 exactly where the 90% t-interval lies inside the margins (Schuirmann 1987).
        """
        return np.maximum(self.p_above(-margin), self.p_below(margin))

    def p_outside(self, margin: float) -> Floats:
        """Return the one-sided p value for a mean beyond one of the margins."""
        return np.minimum(self.p_below(-margin), self.p_above(margin))


def estimates(values: ArrayLike, floor: ArrayLike = 0.0) -> Estimates:
    """Estimate every number from its own seeds: values (..., seed, number), NaN left out."""
    x = np.asarray(values, np.float64)
    known = ~np.isnan(x)
    n = known.sum(axis=-2).astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(known, x, 0.0).sum(axis=-2) / n
        squares = np.where(known, (x - mean[..., None, :]) ** 2, 0.0).sum(axis=-2)
        df = np.where(n > 1, n - 1, np.nan)
        return Estimates(mean, _floored(np.sqrt(squares / df / n), df, floor), df, n)


def pooled(values: ArrayLike, floor: ArrayLike = 0.0) -> Estimates:
    """Estimate the numbers of one profile with their spread over seeds pooled over the numbers.

    values: (..., seed, number) without NaN, two seeds at least. The variance is the mean of the
    numbers' variances. Its degrees of freedom are (seeds - 1) · numbers only if the numbers of one
    seed vary independently and alike; those of one network do not, so they are
    (seeds - 1) · tr(S)² / tr(S²), S being the numbers' covariance matrix (Box 1954, Greenhouse and
    Geisser 1959): at most (seeds - 1)², at least seeds - 1.
    """
    x = np.asarray(values, np.float64)
    n, numbers = x.shape[-2:]
    mean = x.mean(axis=-2)
    centred = x - mean[..., None, :]
    # tr(S²) is the same of the (seed, seed) products, which are fewer.
    products = centred @ np.swapaxes(centred, -1, -2)
    trace = np.trace(products, axis1=-2, axis2=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        df = (n - 1) * trace**2 / (products**2).sum(axis=(-1, -2))
        se = np.sqrt(trace / (n - 1) / numbers / n)
    shape = mean.shape
    se, df = (np.broadcast_to(a[..., None], shape).copy() for a in (se, df))
    df = np.where(np.isnan(df), n - 1, df)  # equal seeds
    return Estimates(mean, _floored(se, df, floor), df, np.full(shape, float(n)))


def holm(p: ArrayLike) -> Floats:
    """Return Holm's adjusted p values; NaN, for what was not tested, stays NaN and counts as none.

    The k-th smallest of m is multiplied by m - k + 1, made no smaller than those before it, and cut
    at 1 (Holm 1979).
    """
    values = np.asarray(p, np.float64)
    adjusted = np.full(values.shape, np.nan)
    tested = np.flatnonzero(~np.isnan(values))
    order = tested[np.argsort(values[tested], kind="stable")]
    factors = np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(factors * values[order]), 1.0)
    return adjusted


def _floored(se: Floats, df: Floats, floor: ArrayLike) -> Floats:
    least = np.asarray(floor, np.float64) / stdtrit(df, 0.975)
    raised = np.maximum(se, least)
    return np.where(raised > ROUNDING, raised, np.nan)
