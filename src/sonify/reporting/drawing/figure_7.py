"""Figure 7: spectral coherence of inputs and sonifications, layer by layer."""

import math
from collections.abc import Sequence

import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from sonify.paper.labels import distinct_labels, measured_on, scale_label
from sonify.reporting.curves import MODEL, coherence_curves, coherence_runs, floor
from sonify.reporting.drawing.authors import authors_key, draw_authors
from sonify.reporting.drawing.authors import coherence_curves as coherence_by_authors
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
from sonify.runtime.errors import SonifyError

MEASURE = "mean top-k coherence"
_STYLES = {"none": "-", "full": "-.", "fconly": (0, (3, 1))}
_FLOOR = {"color": "#404040", "ls": ":", "lw": 1.4}


def figure_7(
    coherence: pd.DataFrame, scale: str, rule: str = "mean", runs: Sequence[str] | None = None
) -> Figure:
    """Mean top-k coherence by layer, a curve per training run, from rows of contract coherence.

    `rule` says which of the rules in the table is drawn, `runs` which runs (None for all). The
    dotted line is what independent noises of the clips' lengths would score. Bands are 95%
    t-intervals over seeds, each the mean over its clips. Behind them, in grey, stands what the
    authors measured on AudioSet eval, by another measure. Raises SonifyError without rows.
    """
    scale_label(scale)
    curves = coherence_curves(coherence, rule, runs)
    if curves.empty:
        raise SonifyError("the coherence table has no rows, so that Figure 7 would be empty")
    noise = floor(coherence)
    theirs = coherence_by_authors(*coherence[["dataset", "split"]].iloc[0])
    theirs = theirs[theirs["layer"].isin(curves["layer"])]
    with rc_context(RC):
        figure, (axes,) = blank(1)
        draw_authors(axes, theirs)
        draw_encoders(axes, curves, coherence_runs(coherence, rule, runs), noise)
        axes.set_ylabel(MEASURE)
        axes.set_title(measured_on(coherence), loc="left")
        layer_axis(axes, curves["layer"])
        coherence_axis(axes, pd.concat([curves, theirs]), noise)
        scale_mark(axes, scale)
        keys = [authors_key(" (other measure)")] if len(theirs) else []
        legend(figure, [*encoder_keys(curves), *keys])
    return figure


def draw_encoders(axes: Axes, curves: pd.DataFrame, runs: pd.DataFrame, noise: float) -> None:
    """Each run's coherence by layer, from `coherence_curves` and `coherence_runs`, and the noise
    floor."""
    for (regime, finetune, _, run), curve in curves.groupby(MODEL):
        draw_curve(axes, curve, runs, regime, run, ls=_STYLES[finetune])
    draw_floor(axes, noise)


def encoder_keys(curves: pd.DataFrame) -> list:
    """The legend's entries of what `draw_encoders` draws."""
    labels, keys = distinct_labels(curves), []
    models = curves[MODEL].drop_duplicates()
    order = models["regime"].map(list(COLOURS).index)  # as in Figure 6
    for regime, finetune, _, run in models.loc[order.sort_values(kind="stable").index].to_numpy():
        look = {"color": COLOURS[regime], "marker": MARKERS[regime], "ls": _STYLES[finetune]}
        keys.append(Line2D([], [], label=labels[run], **look))
    return [*keys, floor_key(), interval_key(curves)]


def draw_floor(axes: Axes, noise: float) -> None:
    """The dotted line of the noise floor."""
    if not math.isnan(noise):
        axes.axhline(noise, label="_floor", **_FLOOR)


def floor_key() -> Line2D:
    """The legend's entry of the noise floor."""
    return Line2D([], [], label="noise floor", **_FLOOR)


def coherence_axis(axes: Axes, curves: pd.DataFrame, noise: float) -> None:
    """A vertical axis that shows the curves and the noise floor."""
    unit_axis(axes, pd.concat([curves, pd.DataFrame([{"mean": noise, "ci95": 0.0}])]))
