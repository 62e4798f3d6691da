"""Figure 4: what the first layers of an encoder are sufficient for."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from sonify.evaluation.metrics.intervals import t_intervals
from sonify.paper.labels import distinct_labels, measured_on, scale_label
from sonify.reporting.authors_curves import WHOLE, importance_curves
from sonify.reporting.curves import MODEL, importance_runs
from sonify.reporting.drawing.authors import authors_key, draw_authors, draw_authors_at
from sonify.reporting.drawing.style import (
    COLOURS,
    MARKERS,
    RC,
    blank,
    draw_curve,
    interval_key,
    layer_axis,
    legend,
    scale_mark,
    unit_axis,
)
from sonify.reporting.figures.figure_4 import PANELS
from sonify.runtime.errors import SonifyError

# Finetunings are told apart by fill and dashes, so that they are in grey too.
_FILLS = {"fconly": "white", "full": None}
_DASHES = {"fconly": (0, (2, 2)), "full": (0, (6, 2))}
_AUTHORS = {"fconly": ", fc-only", "full": ", full"}


def figure_4(
    layer_importance: pd.DataFrame,
    scale: str,
    whole: Mapping[str, int],
    finetuned: Mapping[str, str] | None = None,
) -> Figure:
    """Performance by retained layers, a panel per dataset and a curve per regime and finetuning,
    from contract layer_importance: mAP on FSD50K, accuracy on Speech Commands.

    `whole` says by run which "layer" is the whole encoder: the dashed line of the same hue. Where
    that is a finetuned run of its own, `finetuned` names the run of the probes it stands beside.
    Bands, and bars at its right end, are 95% t-intervals over runs. Behind them, in grey, stand the
    means of the authors' runs. Raises SonifyError when there is nothing to draw or a dataset has
    two splits.
    """
    scale_label(scale)
    runs = importance_runs(layer_importance, PANELS, finetuned)
    if runs.empty:
        raise SonifyError(
            "the layer importance table has neither mAP on FSD50K nor accuracy on Speech Commands, "
            "so that Figure 4 would be empty"
        )
    shown = [dataset for dataset in PANELS if dataset in set(runs["dataset"])]
    keys: dict[str, Line2D] = {}
    with rc_context(RC):
        figure, panels = blank(len(shown), sharey=False)
        for panel, dataset in zip(panels, shown, strict=True):
            keys |= _draw_dataset(panel, runs[runs["dataset"] == dataset], whole)
            panel.set_ylabel(PANELS[dataset])
        scale_mark(panels[-1], scale)
        dashed = Line2D([], [], color="#404040", ls="--", lw=1.1, label="whole encoder")
        spread = interval_key(t_intervals(runs, ["dataset", *MODEL, "layer"], "value"))
        same = set(runs["split"]) == {"val"}
        theirs = [authors_key(words, kind) for kind, words in _AUTHORS.items() if same]
        legend(figure, [*keys.values(), dashed, spread, *theirs], columns=len(shown) + 1)
    return figure


def _draw_dataset(panel: Axes, runs: pd.DataFrame, whole: Mapping[str, int]) -> dict[str, Line2D]:
    """Draw the runs of one dataset; returns its entries of the legend by label."""
    curves = t_intervals(runs, [*MODEL, "layer"], "value")
    labels, keys = distinct_labels(curves), {}
    places = np.linspace(-0.24, 0.24, len(labels))  # so that no bar hides another
    theirs = _draw_authors(panel, runs)
    for place, ((regime, finetune, _, run), curve) in zip(
        places, curves.groupby(MODEL), strict=True
    ):
        look = {"color": COLOURS[regime], "marker": MARKERS[regime]}
        look["markerfacecolor"] = _FILLS[finetune] or look["color"]
        keys[labels[run]] = Line2D([], [], label=labels[run], **look)
        retained = curve[curve["layer"] < whole[run]]
        draw_curve(panel, retained, runs, regime, run, markerfacecolor=look["markerfacecolor"])
        for mean, ci95 in curve.loc[curve["layer"] == whole[run], ["mean", "ci95"]].to_numpy():
            line = {"ls": _DASHES[finetune], "lw": 1.1, "label": "_whole"}
            panel.axhline(mean, color=look["color"], **line)
            panel.errorbar(
                whole[run] + place, mean, ci95, lw=0.9, label="_whole at its place", **look
            )
    layers = sorted(runs["layer"].unique())
    layer_axis(panel, runs["layer"])
    panel.set_xticks(layers, ["all" if n in whole.values() else str(n) for n in layers])
    panel.set_xlabel("retained layers")
    unit_axis(panel, pd.concat([curves, theirs]))
    panel.set_title(measured_on(runs), loc="left")
    return keys


def _draw_authors(panel: Axes, runs: pd.DataFrame) -> pd.DataFrame:
    """Draw the authors' curves, and their whole encoders at the right end; returns what it drew."""
    theirs = importance_curves(*runs[["dataset", "split"]].iloc[0])
    theirs = theirs[theirs["layer"].isin(runs["layer"])]
    draw_authors(panel, theirs[theirs["layer"] < WHOLE])
    for place, (_, point) in enumerate(theirs[theirs["layer"] == WHOLE].iterrows()):
        draw_authors_at(panel, WHOLE - 0.32 + 0.16 * place, point)
    return theirs
