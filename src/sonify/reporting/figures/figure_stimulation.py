"""Stimulation: what sonifications do to the filters that they are of."""

from typing import TYPE_CHECKING

from sonify.reporting.figure import FigureSpec

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def _draw(**tables_and_settings) -> "Figure":
    from sonify.reporting.drawing.stimulation import figure_stimulation

    return figure_stimulation(**tables_and_settings)


FIGURE = FigureSpec(
    name="figure_stimulation",
    title="Stimulation: what a sonification does to its own filter",
    alt="For each layer, how active a filter is on its own sonification and on surrogates of the "
    "same energy, and how often it is then the most active of its layer; a column for each run.",
    read="Sonifications are played to the network that they were made with. At 1 in the upper "
    "panels, a sound excites the filter as much as the whole clip did. Where random phases do as "
    "well, it is the bands alone that excite the filter. Bars are 95% intervals over seeds.",
    paper="It says that removal alters the activity of feature maps (section 4.1), and does not "
    "measure it.",
    tables=("stimulation",),
    draw=_draw,
    beyond=True,
)
