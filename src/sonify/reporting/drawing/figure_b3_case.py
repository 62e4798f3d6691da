"""Figure B.3's own case: cross-correlations of an input with its sonifications."""

import numpy as np
import pandas as pd
from matplotlib.figure import SubFigure

from sonify.data.audio import pcm
from sonify.evaluation.metrics.lags import cross_correlation
from sonify.reporting.drawing.style import COLOURS

CASE_INCHES = 1.9
COLUMNS = 1200  # of the picture of a cross-correlation


def draw_zeros_case(figure: SubFigure, invariance_case: pd.DataFrame) -> None:
    """Draw two panels: the input with its sonification, and with that of the input behind zeros.

    Of the table's first model: cross-correlations over lags, relative to their largest magnitude,
    and a mark where the table says that each is largest.
    """
    case = invariance_case[invariance_case["model"] == invariance_case["model"].iloc[0]]
    rows = case.set_index("signal")
    x = signal(rows.loc["input"])
    first = rows.loc["sonification"]
    titles = {
        "sonification": f"layer {first['layer']}, filter {first['filter']}: input and sonification",
        "delayed": f"input and sonification after {rows.loc['delayed', 'shift']} zeros",
    }
    panels = figure.subplots(1, 2, sharex=True, sharey=True)
    panels[0].set_ylabel("cross-correlation")
    for axes, (name, title) in zip(panels, titles.items(), strict=True):
        lags, low, high = _outline(*cross_correlation(x, signal(rows.loc[name])))
        axes.fill_between(lags, low, high, color=COLOURS[first["regime"]], lw=0.4)
        axes.set_title(title, loc="left")
        axes.set_xlabel("lag (samples)")
        axes.margins(x=0)
        axes.set_ylim(-1.1, 1.1)
        lag = rows.loc[name, "lag"]
        if not np.isnan(lag):
            axes.axvline(lag, color="black", ls=":", lw=1.2)
        words = "silent" if np.isnan(lag) else f"largest at {lag:.0f}"
        axes.text(0.98, 0.97, words, transform=axes.transAxes, ha="right", va="top")


def _outline(lags: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return lags, and the least and largest of the values from each to the next, peak 1."""
    edges = np.arange(0, len(lags), max(1, len(lags) // COLUMNS))
    values = values / (np.abs(values).max() or 1.0)
    return lags[edges], np.minimum.reduceat(values, edges), np.maximum.reduceat(values, edges)


def signal(row: pd.Series) -> np.ndarray:
    """Return the samples of a stored signal, (time,) float64."""
    return pcm.decode(row["pcm"], np.float64) * row["peak"]
