"""Means over seeds with standard errors, t-tests on them, and corrections for many tests.

Scores have two intervals. The one over clips is for these particular networks: where their mean
would lie with other clips of the same kind. The one over seeds and clips is for networks like these
and clips like these. Both are mean ± t · standard error; bootstrap percentiles are not used, since
copies of one clip in a resample shift mAP, and a few hundred replicates do not resolve the tails.

Seeds and clips are crossed, or every seed has clips of its own. In the model of two crossed random
effects, y = μ + seed + clips + seed:clips, the variance of a mean over n seeds is

    s²/n + c,

where s², the variance over seeds, includes the effect of clips on each seed separately, and c is
their effect on all seeds together, which s² cannot show: the covariance of two seeds over resamples
of their clips, drawn alike where they are the same clips (McCullagh 2000, Owen 2007). Seeds with
clips of their own are resampled independently, so that c is 0 up to the noise of the bootstrap, and
this is the t-interval over seeds. The mean is compared with the sum of Student's t with n - 1
degrees of freedom, times s/√n, and a normal deviate times √c: the Behrens-Fisher distribution,
which for few seeds errs on the side of caution (Robinson 1976), where Satterthwaite's degrees of
freedom err 5.7 to 8 % of the time instead of 5. (To resample seeds and clips together would
understate s² by (n - 1)/n, which is much of it for few seeds, and count seed:clips thrice.)

A verdict needs both intervals: the greater p value of each test counts, which belongs to the wider
interval at every level. Without seeds to compare there is no verdict, however clear the clips are.

Everything works on arrays with any leading axes, so that the simulation in the tests runs the rules
as the claims do. `floor` keeps equal seeds from counting as certainty: it is the least half-width
that a 95% interval over seeds may have.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

# scipy.stats takes a second to import
from scipy.special import gammaincinv, ndtr, ndtri, stdtr, stdtrit

Floats = NDArray[np.float64]

# Standard errors up to the rounding error of float64 sums are 0: 1e-17 is no effect.
ROUNDING = 1e-9

# Gauss-Legendre nodes for integrals over quantiles, dense near 0, where the tails of t come from.
_NODES, _LEGENDRE = np.polynomial.legendre.leggauss(32)
_QUANTILES = ((_NODES + 1) / 2) ** 3
_WEIGHTS = _LEGENDRE / 2 * 3 * ((_NODES + 1) / 2) ** 2


class Estimates(NamedTuple):
    """Mean, its standard error and degrees of freedom, and seeds behind it: (..., number) each.

    se and df are over seeds, clip_se and clip_df over clips, and shared is the variance that clips
    add to se². A standard error is NaN where there is no interval: over seeds for fewer than two,
    an infinite value, or equal seeds without a floor; over clips for what is not over clips.
    """

    mean: Floats
    se: Floats
    df: Floats
    n: Floats
    shared: Floats
    clip_se: Floats
    clip_df: Floats

    def over_seeds(self, level: float = 0.95) -> Floats:
        """Return the half-width of the interval over seeds and clips at `level`."""
        alone = stdtrit(self.df, (1 + level) / 2) * self.se
        return _greater(alone, self._quantile((1 + level) / 2))

    def over_clips(self, level: float = 0.95) -> Floats:
        """Return the half-width of the interval over clips at `level`."""
        return np.asarray(stdtrit(self.clip_df, (1 + level) / 2) * self.clip_se)

    def half_width(self, level: float = 0.95) -> Floats:
        """Return the wider half-width at `level`; NaN without an interval over seeds."""
        return _greater(self.over_seeds(level), self.over_clips(level))

    def p_above(self, threshold: float = 0.0) -> Floats:
        """Return the one-sided p value for a mean above `threshold`."""
        return self._p(threshold - self.mean)

    def p_below(self, threshold: float = 0.0) -> Floats:
        """Return the one-sided p value for a mean below `threshold`."""
        return self._p(self.mean - threshold)

    def _p(self, gap: Floats) -> Floats:
        with np.errstate(divide="ignore", invalid="ignore"):
            over_seeds = stdtr(self.df, gap / self.se)
            over_clips = stdtr(self.clip_df, gap / self.clip_se)
        return _greater(over_seeds, self._distribution(gap), over_clips)

    def _distribution(self, x: Floats) -> Floats:
        """Return the probability that se · t + √shared · z is at most x, t and z being random.

        It is normal given the chi-squared variable of t; the integral is over the quantiles of that
        variable.
        """
        if np.isnan(self.shared).all():
            return np.full(np.shape(x), np.nan)
        df, at = np.unique(self.df, return_inverse=True)
        mean_square = 2 * gammaincinv(df[:, None] / 2, _QUANTILES) / df[:, None]
        of_seeds = self.se[..., None] ** 2 / mean_square[at.reshape(self.df.shape)]
        spread = np.sqrt(of_seeds + self.shared[..., None])
        return np.asarray(ndtr(x[..., None] / spread) @ _WEIGHTS)

    def _quantile(self, p: float) -> Floats:
        """Return the quantile of that distribution, for p above 0.5, by bisection."""
        low = np.zeros(np.shape(self.mean))
        high = 2 * (stdtrit(self.df, p) * self.se + ndtri(p) * np.sqrt(self.shared))
        if np.isnan(self.shared).all():
            return np.asarray(high)
        for _ in range(40):
            middle = (low + high) / 2
            below = self._distribution(middle) < p
            low, high = np.where(below, middle, low), np.where(below, high, middle)
        return np.asarray(high)

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
        return _over_seeds(mean, np.sqrt(squares / df / n), df, n, floor)


def with_clips(found: Estimates, values: ArrayLike, again: ArrayLike) -> Estimates:
    """Add the clips' part: the values, (..., seed, number), again on every resample of their clips.

    again: (..., seed, replicate, number). Seeds whose value is NaN are left out, and resamples in
    which another is. A number has no interval over clips where fewer than two resamples are left.
    """
    x, replicas = np.asarray(values, np.float64), np.asarray(again, np.float64)
    known = ~np.isnan(x)[..., None, :]
    whole = (np.isfinite(replicas) | ~known).all(axis=-3, keepdims=True) & known.any(
        axis=-3, keepdims=True
    )
    used = whole & known
    n, left = known.sum(axis=(-3, -2)), whole.sum(axis=(-3, -2))
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(used, replicas, 0.0).sum(axis=-2, keepdims=True) / left[..., None, None, :]
        away = np.where(used, replicas - mean, 0.0)
        df = np.where(left > 1, left - 1.0, np.nan)
        of_mean = (away.sum(axis=-3) ** 2).sum(axis=-2) / df / n**2
        of_each = (away**2).sum(axis=(-3, -2)) / df / n
        shared = np.maximum((n * of_mean - of_each) / (n - 1), 0.0)
    return found._replace(shared=shared, clip_se=np.sqrt(of_mean), clip_df=df)


def holm(p: ArrayLike) -> Floats:
    """Return Holm's adjusted p values; NaN, for claims not tested, stays NaN and is not counted.

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


def _over_seeds(mean: Floats, se: Floats, df: Floats, n: Floats, floor: ArrayLike) -> Estimates:
    least = np.asarray(floor, np.float64) / stdtrit(df, 0.975)
    raised = np.maximum(se, least)
    none = np.full(np.shape(mean), np.nan)
    se = np.where(raised > ROUNDING, raised, np.nan)
    return Estimates(mean, se, df, n, none, none, none)


def _greater(over_seeds: Floats, *others: Floats) -> Floats:
    """Return the greatest; NaN where the value over seeds is NaN, whatever the others are."""
    for other in others:
        over_seeds = np.where(np.isnan(over_seeds), np.nan, np.fmax(over_seeds, other))
    return np.asarray(over_seeds)
