"""Figure 6 under the other choices that the paper's text leaves open."""

from typing import TYPE_CHECKING

from sonify.reporting.figure import FigureSpec

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def _draw(**tables_and_settings) -> "Figure":
    from sonify.reporting.drawing.sensitivity import figure_sensitivity_6

    return figure_sensitivity_6(**tables_and_settings)


FIGURE = FigureSpec(
    name="figure_sensitivity_6",
    title="Figure 6 under other choices",
    alt="The curves of Figure 6 in a small panel for each way to choose the most active feature "
    "map, and with the residual scaled back to the clip's peak.",
    read="Panels that look alike mean that the choice does not decide the result.",
    paper="Its text does not say which rule was used, nor whether residuals were rescaled; its "
    "code takes the largest mean and rescales nothing.",
    tables=("removal",),
    draw=_draw,
)
