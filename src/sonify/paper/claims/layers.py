"""Statistics of curves over layers: frames with a row a seed and a column a layer."""

import pandas as pd

from sonify.paper.claims.evidence import Missing

# The paper calls layers 3-7 "the middle layers" and sets 8-11 apart as deep (3.3.2). Appendix B has
# only "the initial layers" and "deeper layers": the initial ones are all that are not deep. "Middle
# of the stack" (B) is taken as the centre of the eleven.
LAYERS = tuple(range(1, 12))
INITIAL = tuple(range(1, 8))
MIDDLE = (3, 4, 5, 6, 7)
CENTRE = (5, 6, 7)
DEEP = (8, 9, 10, 11)

# Smallest rank correlation with depth that counts as a trend: half of perfect order. Eleven layers
# in random order exceed it about one time in twenty (0.536).
TREND = 0.5

_MIN_LAYERS = 3  # fewer have neither a trend nor a spread


def at_layers(curves: pd.DataFrame, layers: tuple[int, ...], least: int = 1) -> pd.DataFrame:
    """Return the curves at those of `layers` that were measured.

    Raises Missing if they are fewer than `least`.
    """
    kept = curves[[layer for layer in layers if layer in curves.columns]]
    if kept.shape[1] < least:
        which = f"layers {layers[0]} to {layers[-1]}" if len(layers) > 1 else f"layer {layers[0]}"
        raise Missing(f"{which}, at least {least} of them" if least > 1 else which)
    return kept


def paired(
    one: pd.DataFrame, other: pd.DataFrame, layers: tuple[int, ...]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return both sets of curves at those of `layers`, and on the seeds, that both have."""
    one, other = one.align(other, join="inner")
    return at_layers(one, layers), at_layers(other, layers)


def rank_correlation(curves: pd.DataFrame) -> pd.Series:
    """Return Spearman's correlation of value and layer, by seed.

    1 where every layer adds, 0 for a flat curve, NaN where a layer has no value.
    """
    curves = at_layers(curves, LAYERS, _MIN_LAYERS)
    ranks = curves.rank(axis=1)
    centred = ranks.sub(ranks.mean(axis=1), axis=0)
    depth = pd.Series(curves.columns, curves.columns).rank()
    depth -= depth.mean()
    scale = ((centred**2).sum(axis=1) * (depth**2).sum()) ** 0.5
    return (centred @ depth) / scale.mask(scale == 0, 1.0)


def rank_step(curves: pd.DataFrame) -> float:
    """Return half of the loss of a perfect rank correlation when two neighbours change places.

    Of n layers that is 6 / (n (n² - 1)).
    """
    n: int = at_layers(curves, LAYERS, _MIN_LAYERS).shape[1]
    return 6 / (n * (n**2 - 1))


def slope(curves: pd.DataFrame) -> pd.Series:
    """Return the least-squares slope per layer, by seed, in the unit of the values."""
    curves = at_layers(curves, LAYERS, _MIN_LAYERS)
    depth = pd.Series(curves.columns, curves.columns, dtype=float)
    depth -= depth.mean()
    return (curves @ depth) / (depth**2).sum()


def spread(curves: pd.DataFrame) -> pd.Series:
    """Return the standard deviation over layers, by seed, in the unit of the values."""
    return at_layers(curves, LAYERS, _MIN_LAYERS).std(axis=1, skipna=False)


def coverage_note(curves: pd.DataFrame) -> str:
    """Return the addition to a remark on all layers if some were not measured, else nothing."""
    measured = [layer for layer in LAYERS if layer in curves.columns]
    return "" if len(measured) == len(LAYERS) else f" (only layers {', '.join(map(str, measured))})"
