"""Figure 7: coherence of inputs and sonifications (section 4.2)."""

from typing import TYPE_CHECKING

from sonify.reporting.figure import FigureSpec

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from sonify.plan.plan import Plan


def _settings(plan: "Plan") -> dict:
    """The measured condition and the runs that are drawn."""
    runs = plan.evaluation.coherence.runs
    return {"rule": plan.config.sonification.rule, "runs": runs}


def _draw(**tables_and_settings) -> "Figure":
    from sonify.reporting.drawing.figure_7 import figure_7

    return figure_7(**tables_and_settings)


FIGURE = FigureSpec(
    name="figure_7",
    title="Figure 7: coherence of input and sonification",
    width="column",
    alt="Mean top-k magnitude-squared coherence of inputs and sonifications against the layer, "
    "a curve for each regime; dotted line: the noise floor.",
    read="1 means that input and sonification agree at their most coherent frequencies; the "
    "dotted noise floor is what two unrelated noises would score. Grey: three runs of the paper’s "
    "authors with their 95% intervals, by another measure, so that only the trend can be "
    "compared: the mean of the five highest peaks of coherence, over the top clips of every filter "
    "instead of the most active map of every clip.",
    paper="Coherence falls with depth for both regimes, and significantly faster for supervised "
    "training (section 4.2).",
    tables=("coherence",),
    settings=_settings,
    draw=_draw,
)
