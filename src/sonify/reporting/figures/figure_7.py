"""Figure 7: coherence of inputs and sonifications (section 4.2)."""

from typing import TYPE_CHECKING

from sonify.reporting.figure import FigureSpec, Numbers

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from sonify.plan.plan import Plan


def _settings(plan: "Plan") -> dict:
    """The measured condition and the runs that are drawn."""
    runs = plan.evaluation.coherence.runs
    return {"rule": plan.config.sonification.rule, "runs": runs}


def _draw(**tables_and_settings) -> "Figure":
    from sonify.reporting.drawing.figure_7 import figure_7

    return figure_7(**tables_and_settings)


def _numbers(**tables_and_settings) -> "pd.DataFrame":
    from sonify.reporting.tables.curves import figure_7

    return figure_7(**tables_and_settings)


FIGURE = FigureSpec(
    name="figure_7",
    title="Figure 7: coherence of input and sonification",
    alt="Coherence of inputs and sonifications against the layer, a curve for each regime; dotted "
    "lines: the noise floor. Left: mean top-k magnitude-squared coherence of the most active map "
    "of every clip. Right: mean of the highest peaks of coherence, top clips of every filter.",
    read="1 means that input and sonification agree at their most coherent frequencies; the "
    "dotted noise floor is what two unrelated noises would score. The two panels show different "
    "measures: on the left that of the paper’s text, on the right that of its authors’ code, the "
    "mean of the highest peaks over every filter that has them. Grey, and comparable with the "
    "right panel only: three runs of the authors with their 95% intervals.",
    paper="Coherence falls with depth for both regimes, and significantly faster for supervised "
    "training (section 4.2).",
    tables=("coherence", "coherence_by_filter"),
    settings=_settings,
    draw=_draw,
    numbers=Numbers(
        _numbers,
        "The authors’ numbers come from three runs, and are known only for the measure of their "
        "code, the mean of the highest peaks.",
    ),
)
