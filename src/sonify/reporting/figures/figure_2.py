"""Figure 2: supervised filters of the middle layers."""

from typing import TYPE_CHECKING

from sonify.reporting.figure import FigureSpec

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def _draw(**tables_and_settings) -> "Figure":
    from sonify.reporting.drawing.pairs import figure_2

    return figure_2(**tables_and_settings)


FIGURE = FigureSpec(
    name="figure_2",
    title="Figure 2: supervised filters of the middle layers",
    alt="Spectrograms of inputs beside their sonifications, supervised, middle layers.",
    read="The pairs follow a stated rule, unless the configuration names others: the filters "
    "with the highest mining scores, each with the highest-ranked of its top clips that this "
    "model shows nowhere else in Figures 1 to 3.",
    paper="The most remarkable supervised sonifications, a drill or the buzz of a fly, come from "
    "layers 3 to 7; deeper ones are mostly high-frequency noise (section 3.3.2).",
    tables=("pairs",),
    draw=_draw,
)
