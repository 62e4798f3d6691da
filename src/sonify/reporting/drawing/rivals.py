"""Figure: explanation methods side by side, a panel for each measure and a row for each method."""

from collections.abc import Mapping
from itertools import cycle

import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator, StrMethodFormatter

from sonify.evaluation.metrics.intervals import t_intervals
from sonify.paper.labels import distinct_labels, measured_on, scale_label
from sonify.reporting.control_values import curves
from sonify.reporting.drawing.style import PANEL_INCHES, RC, legend, scale_mark, within_reach
from sonify.reporting.rival_values import (
    DECONVNET,
    METRICS,
    Measure,
    in_order,
    in_words,
    rivals_removal_values,
    rivals_values,
)
from sonify.runtime.errors import SonifyError

_COLUMNS = 4
_RATIO = "rival_cost"  # the one measure on a logarithmic axis
_SMALLEST = 0.0005  # a difference that three decimals do not show is none
_SHADE = "#EFEFEF"
# Okabe and Ito's hues; markers tell layers apart in grey.
_HUES = ("#E69F00", "#009E73", "#0072B2", "#CC79A7", "#56B4E9", "#D55E00", "#595959")
_MARKERS = ("o", "^", "s", "D", "v", "P", "<", ">")
Looks = Mapping[float, tuple[str, str]]


def figure_rivals(rivals: pd.DataFrame, rivals_removal: pd.DataFrame, scale: str) -> Figure:
    """Means of every measure by method and layer, with 95% t-intervals over seeds.

    From contracts rivals and rivals_removal; the panels of further runs stand below. A mark is
    filled where the 95% interval of the difference from the deconvnet, seed by seed, excludes 0;
    the deconvnet's own marks are filled, and lines lead down from them. Raises SonifyError for an
    unknown scale and without rows.
    """
    scale_label(scale)
    if rivals.empty or rivals_removal.empty:
        raise SonifyError("the tables have no rows, so that the figure would be empty")
    values = pd.concat([rivals_removal_values(rivals_removal), rivals_values(rivals)])
    means, apart = curves(values), _told_apart(values)
    layers = sorted(values["layer"].unique())
    looks = dict(zip(layers, zip(cycle(_HUES), cycle(_MARKERS), strict=False), strict=False))
    methods = in_order(values["sound"])
    named = distinct_labels(values)
    per_run = -(-len(METRICS) // _COLUMNS)
    row_inches = 0.75 + len(methods) * max(0.19, 0.07 * len(layers))
    with rc_context(RC):
        size = (2 * PANEL_INCHES + 0.4, 0.7 + row_inches * per_run * len(named))
        figure = Figure(figsize=size, layout="constrained")
        axes = figure.subplots(per_run * len(named), _COLUMNS, sharey=True, squeeze=False)
        for number, (run, label) in enumerate(named.items()):
            panels = axes[number * per_run : (number + 1) * per_run].ravel()
            own = means[means["run"] == run]
            for panel, (metric, measure) in zip(panels, METRICS.items(), strict=False):
                of = own[own["metric"] == metric]
                _draw(panel, measure, of, apart.get((run, metric), set()), methods, looks)
                if metric == _RATIO:
                    _logarithmic(panel)
            for panel in panels[len(METRICS) :]:
                panel.set_axis_off()
            panels[0].set_ylabel(f"{label}\n{measured_on(rivals)}")
        scale_mark(axes[0][-1], scale)
        legend(figure, _keys(looks), columns=3)
    return figure


def _told_apart(values: pd.DataFrame) -> dict[tuple[str, str], set[tuple[str, float]]]:
    """Return, by run and metric, the methods and layers whose values differ from the deconvnet's.

    The 95% interval of the differences by seed excludes 0.
    """
    by_seed = values.set_index(["run", "metric", "layer", "seed", "sound"])["value"].unstack()
    differences = by_seed.sub(by_seed[DECONVNET], axis=0).drop(columns=DECONVNET)
    long = differences.stack().rename("value").dropna().reset_index()
    found = t_intervals(long, ["run", "metric", "sound", "layer"], "value")
    apart = found[found["mean"].abs() - found["ci95"] > _SMALLEST]
    return {
        key: set(zip(rows["sound"], rows["layer"], strict=True))
        for key, rows in apart.groupby(["run", "metric"])
    }


def _draw(
    axes: Axes,
    measure: Measure,
    means: pd.DataFrame,
    apart: set[tuple[str, float]],
    methods: list[str],
    looks: Looks,
) -> None:
    axes.axhspan(-0.5, 0.5, color=_SHADE, linewidth=0, zorder=0)
    for at, (layer, (colour, marker)) in enumerate(looks.items()):
        own = means[means["layer"] == layer].set_index("sound").reindex(methods)
        aside = (at - (len(looks) - 1) / 2) * 0.72 / len(looks)
        line = {"color": colour, "lw": 0.7, "ls": ":", "zorder": 1, "label": "_deconvnet"}
        axes.plot([own.loc[DECONVNET, "mean"]] * 2, [aside, len(methods) - 0.5], **line)
        for place, method in enumerate(methods):
            known = own.loc[method]
            filled = method == DECONVNET or (method, layer) in apart
            axes.errorbar(
                known["mean"],
                place + aside,
                xerr=0.0 if pd.isna(known["ci95"]) else known["ci95"],
                color=colour,
                marker=marker,
                ms=3.4,
                mew=0.8,
                mfc=colour if filled else "white",
                elinewidth=0.8,
                label=f"{method} {layer:g}",
            )
    if means.empty:
        axes.text(0.5, 0.5, "not measured", transform=axes.transAxes, ha="center", va="center")
    low, high = _limits(means)
    if low < 0 < high:
        axes.axvline(0, color="#8C8C8C", lw=0.8, zorder=1, label="_zero")
    axes.set_xlim(low, high)
    axes.set_ylim(len(methods) - 0.5, -0.5)
    axes.set_yticks(range(len(methods)), [in_words(method) for method in methods])
    axes.tick_params(axis="y", length=0)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=3))
    axes.set_title(f"{measure.head} {'→' if measure.more_is_better else '←'}", loc="left")
    axes.set_xlabel(measure.unit)


def _limits(means: pd.DataFrame) -> tuple[float, float]:
    """Return the ends of the axis: it holds all marks, and of bars what the seeds can reach."""
    if means.empty:  # no clip has stems
        return 0.0, 1.0
    reach = within_reach(means)
    low, high = (means["mean"] - reach).min(), (means["mean"] + reach).max()
    aside = 0.06 * (high - low) or 0.5
    return low - aside, high + aside


def _logarithmic(axes: Axes) -> None:
    low, high = axes.get_xlim()
    marks = [line.get_xdata()[0] for bar in axes.containers for line in bar.lines[:1]]
    axes.set_xscale("log", base=2)
    axes.set_xlim(max(low, min(marks) / 1.5), high * 1.3)
    axes.xaxis.set_major_locator(LogLocator(base=4))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))


def _keys(looks: Looks) -> list[Line2D]:
    grey = {"color": "#595959", "marker": "o", "ms": 3.8}
    return [
        *(
            Line2D([], [], color=colour, marker=marker, lw=0.8, label=f"layer {layer:g}")
            for layer, (colour, marker) in looks.items()
        ),
        Line2D([], [], **grey, ls="", label="differs from the deconvnet"),
        Line2D([], [], **grey, ls="", mfc="white", label="not told apart from it"),
        Line2D([], [], color="#595959", ls=":", lw=0.9, label="the deconvnet’s mean"),
    ]
