"""The authors' own curves of Figures 4, 6 and 7, on the clips that they measured.

Frames have the columns regime, finetune, layer, mean, ci95 (95% t-interval, NaN where only means
are known) and n, and no rows for other clips than theirs.
"""

import pandas as pd

from sonify.evaluation.metrics.intervals import t_intervals
from sonify.paper import authors

WHOLE = 12  # the "layer" of the whole encoder, of eleven layers

_MODEL = ["regime", "finetune", "layer"]


def removal_curves(dataset: str, split: str) -> pd.DataFrame:
    """Return Figure 6: mAP by layer removed; at 0 nothing is removed."""
    same = (dataset, split) == ("fsd50k", "eval")
    return t_intervals(authors.figure_6()[: None if same else 0], _MODEL, "value")


def coherence_curves(dataset: str, split: str) -> pd.DataFrame:
    """Return Figure 7, by the measure of contract coherence_by_filter."""
    same = (dataset, split) == ("audioset", "eval")
    return t_intervals(authors.figure_7()[: None if same else 0], _MODEL, "value")


def importance_curves(dataset: str, split: str) -> pd.DataFrame:
    """Return Figure 4: mAP or accuracy by layers retained, means without intervals.

    Only the whole encoders, at layer WHOLE, have intervals.
    """
    frame = pd.concat([authors.figure_4(dataset), authors.figure_4_whole(dataset)])
    return t_intervals(frame[: None if split == "val" else 0], _MODEL, "value")
