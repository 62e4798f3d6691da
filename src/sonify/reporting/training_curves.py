"""Losses of trainings as curves: lightly smoothed, and few enough points to draw."""

from pathlib import Path

import numpy as np
import pandas as pd

from sonify.contracts import tables

POINTS = 60  # of a curve, at most
KEYS = ["model", "run", "regime", "seed"]


def smoothed(file: Path) -> pd.DataFrame:
    """Return POINTS points of the training whose table step_history is `file`, each of a stretch of
    its steps; if it has fewer steps, a point for each.

    Columns KEYS, passes (over the clips, at the middle of the stretch), loss (the mean) and
    learning_rate (the greatest). Raises SonifyError for a file that breaks the contract.
    """
    steps = tables.read(file, "step_history")
    number = len(steps)
    per_epoch = steps["step"].iloc[-1] / steps["epoch"].iloc[-1]
    stretch = np.arange(number) * min(POINTS, number) // number
    passes = (steps["step"] - 0.5) / per_epoch
    points = steps.assign(passes=passes).groupby([*KEYS, stretch], sort=False)
    curve = points.agg(
        passes=("passes", "mean"), loss=("loss", "mean"), learning_rate=("learning_rate", "max")
    )
    return curve.reset_index(KEYS).reset_index(drop=True)
