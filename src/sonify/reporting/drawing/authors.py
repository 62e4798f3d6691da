"""The authors' own curves behind ours: thin, grey and dotted, so that both differ in grey too."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from sonify.reporting.drawing.style import MARKERS

COLOUR = "#8C8C8C"
LABEL = "_authors"  # of everything drawn here
# By finetuning: Figure 4 has both in a panel.
_DASHES = {"none": (0, (1, 1.4)), "fconly": (0, (1, 1.4)), "full": (0, (4, 1.4))}
_LINE = {"color": COLOUR, "lw": 1.0, "ms": 2.6, "label": LABEL}


def draw_authors(axes: Axes, curves: pd.DataFrame) -> None:
    """Draw each model's mean by layer with its band of 95% t-intervals, behind everything else."""
    for (regime, finetune), curve in curves.groupby(["regime", "finetune"]):
        axes.plot(
            curve["layer"],
            curve["mean"],
            ls=_DASHES[finetune],
            marker=MARKERS[regime],
            markerfacecolor="white" if finetune == "fconly" else COLOUR,
            markeredgewidth=0.7,
            zorder=1.5,
            **_LINE,
        )
        if curve["ci95"].notna().any():
            low, high = curve["mean"] - curve["ci95"], curve["mean"] + curve["ci95"]
            band = {"color": COLOUR, "alpha": 0.18, "linewidth": 0, "zorder": 1.0}
            axes.fill_between(curve["layer"], low, high, label=LABEL, **band)


def draw_authors_at(axes: Axes, place: float, point: pd.Series) -> None:
    """Draw one mean with its interval as a bar at `place`."""
    fill = "white" if point["finetune"] == "fconly" else COLOUR
    own = {"marker": MARKERS[point["regime"]], "markerfacecolor": fill, "markeredgewidth": 0.7}
    axes.errorbar(place, point["mean"], point["ci95"], elinewidth=0.8, zorder=1.5, **own, **_LINE)


def authors_key(words: str, finetune: str = "none") -> Line2D:
    """Return the legend's entry: `the authors`, and `words`; with the look of a finetuning."""
    look = {"ls": _DASHES[finetune], "color": COLOUR, "lw": 1.0, "ms": 2.6, "markeredgewidth": 0.7}
    if finetune != "none":  # two looks in one panel: the fill tells them apart as well
        look |= {"marker": "o", "markerfacecolor": "white" if finetune == "fconly" else COLOUR}
    return Line2D([], [], label=f"the authors{words}", **look)
