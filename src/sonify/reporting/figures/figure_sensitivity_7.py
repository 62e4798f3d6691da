"""Figure 7 under the other choices that the paper's text leaves open."""

from typing import TYPE_CHECKING

from sonify.reporting.figure import FigureSpec

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from sonify.plan.plan import Plan


def _settings(plan: "Plan") -> dict:
    """The runs that are drawn."""
    return {"runs": plan.evaluation.coherence.runs}


def _draw(**tables_and_settings) -> "Figure":
    from sonify.reporting.drawing.sensitivity import figure_sensitivity_7

    return figure_sensitivity_7(**tables_and_settings)


FIGURE = FigureSpec(
    name="figure_sensitivity_7",
    title="Figure 7 under other choices",
    alt="The curves of Figure 7 in a small panel for each way to choose the most active feature "
    "map.",
    read="Panels that look alike mean that the choice does not decide the result.",
    paper="Its text does not say by which rule the most active map was chosen; its code measures "
    "every filter's top clips instead (Figure 7, right).",
    tables=("coherence",),
    settings=_settings,
    draw=_draw,
)
