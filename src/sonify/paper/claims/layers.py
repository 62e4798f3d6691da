"""Statistics of curves over layers: frames with a row a seed and a column a layer."""

import math

import pandas as pd

from sonify.evaluation.metrics.intervals import plus_minus
from sonify.paper.claims.evidence import Missing

# The paper calls layers 3-7 "the middle layers" and sets 8-11 apart as deep (3.3.2): what comes
# before is first. "Middle of the stack" (B) is taken as the centre of the eleven.
LAYERS = tuple(range(1, 12))
FIRST = (1, 2)
CENTRE = (5, 6, 7)
DEEP = (8, 9, 10, 11)

# Least rank correlation with depth to be called a trend: half of perfect order, which is about what
# eleven layers in random order exceed one time in twenty (0.536).
TREND = 0.5

_LEAST = 3  # layers without which there is neither a trend nor a spread


def among(curves: pd.DataFrame, layers: tuple[int, ...], least: int = 1) -> pd.DataFrame:
    """The curves at those of `layers` that were measured; Missing if fewer than `least` were."""
    kept = curves[[layer for layer in layers if layer in curves.columns]]
    if kept.shape[1] < least:
        which = f"layers {layers[0]} to {layers[-1]}" if len(layers) > 1 else f"layer {layers[0]}"
        raise Missing(f"{which}, at least {least} of them" if least > 1 else which)
    return kept


def common(
    one: pd.DataFrame, other: pd.DataFrame, layers: tuple[int, ...]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Both sets of curves at those of `layers` that both have, on the seeds that both have."""
    one, other = one.align(other, join="inner")
    return among(one, layers), among(other, layers)


def rank_correlation(curves: pd.DataFrame) -> pd.Series:
    """Spearman's correlation of value and layer, by seed: 1 where every layer adds, 0 for a curve
    that is flat, NaN where a layer has no value.
    """
    curves = among(curves, LAYERS, _LEAST)
    ranks = curves.rank(axis=1)
    centred = ranks.sub(ranks.mean(axis=1), axis=0)
    depth = pd.Series(curves.columns, curves.columns).rank()
    depth -= depth.mean()
    scale = ((centred**2).sum(axis=1) * (depth**2).sum()) ** 0.5
    return (centred @ depth) / scale.mask(scale == 0, 1.0)


def slope(curves: pd.DataFrame) -> pd.Series:
    """Least-squares slope per layer, by seed, in the unit of the values."""
    curves = among(curves, LAYERS, _LEAST)
    depth = pd.Series(curves.columns, curves.columns, dtype=float)
    depth -= depth.mean()
    return (curves @ depth) / (depth**2).sum()


def spread(curves: pd.DataFrame) -> pd.Series:
    """Standard deviation over layers, by seed, in the unit of the values."""
    return among(curves, LAYERS, _LEAST).std(axis=1, skipna=False)


def number(value: float, digits: int = 3) -> str:
    """A number as remarks show it: `0.123`, `∞` or `undefined`."""
    return plus_minus(float(value), math.nan, digits)


def against(better: pd.Series | pd.DataFrame, worse: pd.Series | pd.DataFrame) -> str:
    """`0.427 against 0.362`: the means of both, over seeds and layers."""
    return " against ".join(number(pd.DataFrame(x).mean().mean()) for x in (better, worse))


def partly(curves: pd.DataFrame) -> str:
    """What a remark on all layers adds where some were not measured, else nothing."""
    there = [layer for layer in LAYERS if layer in curves.columns]
    return "" if len(there) == len(LAYERS) else f" (only layers {', '.join(map(str, there))})"
