"""Figure 7: spectral coherence of inputs and sonifications, layer by layer."""

import math

import pandas as pd
from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from sonify.reporting.curves import MODEL, coherence_curves, coherence_runs, floor
from sonify.reporting.figures.style import (
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
from sonify.reporting.labels import clips_label, distinct_labels, scale_label

_STYLES = {"none": "-", "full": "-.", "fconly": (0, (3, 1))}


def figure_7(coherence: pd.DataFrame, scale: str) -> Figure:
    """Mean top-k coherence by layer, a curve per model, from rows of contract coherence.

    The dotted line is what independent noises of the clips' lengths would score. Bands are 95%
    t-intervals over runs, each run the mean over its clips. Raises ValueError without rows.
    """
    scale_label(scale)
    curves, runs = coherence_curves(coherence), coherence_runs(coherence)
    if curves.empty:
        raise ValueError("the coherence table has no rows, so that Figure 7 would be empty")
    noise = floor(coherence)
    labels = distinct_labels(curves)
    with rc_context(RC):
        figure, (axes,) = blank(1)
        keys = []
        for (regime, finetune, _, run), curve in curves.groupby(MODEL):
            look = {"ls": _STYLES[finetune]}
            draw_curve(axes, curve, runs, regime, run, **look)
            key = {"color": COLOURS[regime], "marker": MARKERS[regime], **look}
            keys.append(Line2D([], [], label=labels[run], **key))
        keys.sort(key=lambda key: list(COLOURS.values()).index(key.get_color()))  # as in Figure 6
        if not math.isnan(noise):
            axes.axhline(noise, color="#404040", ls=":", lw=1.4, label="_floor")
        noise_key = Line2D([], [], color="#404040", ls=":", lw=1.4, label="noise floor")
        axes.set_ylabel("mean top-k coherence")
        axes.set_title(clips_label(*coherence[["dataset", "split"]].iloc[0]), loc="left")
        layer_axis(axes, curves["layer"])
        unit_axis(axes, pd.concat([curves, pd.DataFrame([{"mean": noise, "ci95": 0.0}])]))
        scale_mark(axes, scale)
        legend(figure, [*keys, noise_key, interval_key(curves)])
    return figure
