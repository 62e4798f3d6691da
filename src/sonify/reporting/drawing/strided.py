"""Sonifications of strided convolutions against those of max-pooling (section 3.2)."""

from collections.abc import Mapping

import pandas as pd
from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from sonify.paper.labels import measured_on, scale_label
from sonify.reporting.curves import coherence_curves, coherence_runs, floor
from sonify.reporting.drawing.figure_7 import MEASURE, coherence_axis, draw_floor, floor_key
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

_LOOKS = {"pool": "max pooling", "strided": "strided convolutions"}


def figure_strided(
    coherence: pd.DataFrame, scale: str, rule: str, pairs: Mapping[str, str]
) -> Figure:
    """By layer, how much of the spectrum (left: coherence) and of the time structure (right:
    correlation of energy envelopes) sonifications share with their clips, from contract coherence.

    `pairs` names the two training runs to compare, "pool" and "strided". The dotted line is the
    coherence of independent noises. Bands are 95% t-intervals over seeds, each the mean over its
    clips. Raises SonifyError without rows of both runs.
    """
    scale_label(scale)
    if coherence.empty:
        raise SonifyError("the coherence table has no rows, so that the figure would be empty")
    names, noise = list(pairs.values()), floor(coherence)
    with rc_context(RC):
        figure, panels = blank(2, sharey=False)
        for axes, measure in zip(panels, ("coherence", "envelope_correlation"), strict=True):
            curves = coherence_curves(coherence, rule, names, measure)
            runs = coherence_runs(coherence, rule, names, measure)
            for kind, run in pairs.items():
                draw_curve(axes, curves[curves["run"] == run], runs, _LOOKS[kind], run)
            layer_axis(axes, curves["layer"])
            unit_axis(axes, curves)
        coherence_axis(panels[0], coherence_curves(coherence, rule, names), noise)
        draw_floor(panels[0], noise)
        panels[0].set_ylabel(MEASURE)
        panels[0].set_title(measured_on(coherence), loc="left")
        panels[1].set_ylabel("correlation of energy envelopes")
        scale_mark(panels[1], scale)
        keys = [
            Line2D([], [], color=COLOURS[look], marker=MARKERS[look], label=look)
            for look in map(_LOOKS.__getitem__, pairs)
        ]
        legend(figure, [*keys, floor_key(), interval_key(curves)])
    return figure
