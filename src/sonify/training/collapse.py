"""Collapse of a contrastive training: projections that are all alike, by which no clip is found."""

import math

import pandas as pd

NEAR = 0.99  # of the loss of projections that are all alike; an untrained network's is lower


def constant_loss(clips: int, within: int | None = None) -> float:
    """Return NT-Xent of a batch whose projections are all alike, whatever the temperature.

    Each of the 2N views then has 2N − 1 candidates that are equally similar: ln(2N − 1). With
    `within`, the batch is split as by `losses.nt_xent`, and the mean is over the groups.
    """
    groups = clips // within if within is not None and clips >= 2 * within else 1
    small, larger = divmod(clips, groups)
    sizes = [small + 1] * larger + [small] * (groups - larger)
    return sum(math.log(2 * size - 1) for size in sizes) / groups


def collapsed(history: pd.DataFrame) -> list[str]:
    """Return the models whose last epoch separated clips no better than equal projections would.

    history: rows of that contract, of any number of models. Their order is kept.
    """
    last = history.loc[history.groupby("model", sort=False)["epoch"].idxmax()]
    return last.loc[last["loss"] >= NEAR * last["constant_loss"], "model"].tolist()
