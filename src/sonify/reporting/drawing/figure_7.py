"""Figure 7: spectral coherence of inputs and sonifications, layer by layer."""

import math
from collections.abc import Sequence

import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from sonify.paper.labels import clips_label, distinct_labels, measured_on, scale_label
from sonify.reporting.authors_curves import coherence_curves as coherence_by_authors
from sonify.reporting.curves import (
    MODEL,
    coherence_curves,
    coherence_runs,
    floor,
    peak_curves,
    peak_floor,
    peak_runs,
)
from sonify.reporting.drawing.authors import authors_key, draw_authors
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
_TEXT = "most active map of every clip (equation 3)"
_CODE = "top clips of every filter, highest peaks\n(authors’ code)"
_STYLES = {"none": "-", "full": "-.", "fconly": (0, (3, 1))}
_FLOOR = {"color": "#404040", "ls": ":", "lw": 1.4}


def figure_7(
    coherence: pd.DataFrame,
    coherence_by_filter: pd.DataFrame,
    scale: str,
    rule: str = "mean",
    runs: Sequence[str] | None = None,
) -> Figure:
    """Coherence by layer, a curve per training run: by the text (left) and by the authors' code.

    Left, from rows of contract coherence, the mean over clips; `rule` says which of the rules in
    the table is drawn, `runs` which runs (None for all). Right, from rows of coherence_by_filter,
    the mean over filters and their highest peaks, of the runs on the left that were sonified, with
    the authors' own curves in grey behind them on AudioSet eval; no panel if there are none.
    Dotted lines are what independent noises would score by the same measure. Bands are 95%
    t-intervals over seeds. Raises SonifyError without rows of coherence.
    """
    scale_label(scale)
    curves = coherence_curves(coherence, rule, runs)
    if curves.empty:
        raise SonifyError("the coherence table has no rows, so that Figure 7 would be empty")
    by_filter = coherence_by_filter[coherence_by_filter["run"].isin(curves["run"])]
    peaks = peak_curves(by_filter)
    keys = encoder_keys(pd.concat([curves, peaks]) if len(peaks) else curves)
    with rc_context(RC):
        figure, panels = blank(2 if len(peaks) else 1, sharey=False)
        noise = floor(coherence)
        draw_encoders(panels[0], curves, coherence_runs(coherence, rule, runs), noise)
        panels[0].set_ylabel(MEASURE)
        panels[0].set_title(f"{_TEXT}\n{measured_on(coherence)}", loc="left")
        layer_axis(panels[0], curves["layer"])
        coherence_axis(panels[0], curves, noise)
        if len(peaks) and _draw_peaks(panels[1], by_filter, peaks):
            keys.append(authors_key(" (3 runs, same markers)"))
        scale_mark(panels[-1], scale)
        legend(figure, keys, columns=len(panels) + 1)
    return figure


def _draw_peaks(axes: Axes, by_filter: pd.DataFrame, peaks: pd.DataFrame) -> bool:
    """The panel of `peaks`, the curves of `by_filter`; return whether it has the authors' too."""
    dataset, split = by_filter[["dataset", "split"]].iloc[0]
    theirs = coherence_by_authors(dataset, split)
    theirs = theirs[theirs["layer"].isin(peaks["layer"])]
    noise = peak_floor(by_filter)
    draw_authors(axes, theirs)
    draw_encoders(axes, peaks, peak_runs(by_filter), noise)
    axes.set_ylabel(f"mean of the {by_filter['peak_rank'].max()} highest peaks")
    axes.set_title(f"{_CODE}, {clips_label(dataset, split)}", loc="left")
    layer_axis(axes, peaks["layer"])
    coherence_axis(axes, pd.concat([peaks, theirs]), noise)
    return len(theirs) > 0


def draw_encoders(axes: Axes, curves: pd.DataFrame, runs: pd.DataFrame, noise: float) -> None:
    """Each run's coherence by layer, from `coherence_curves` and `coherence_runs` or `peak_curves`
    and `peak_runs`, and the noise floor."""
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
