"""Figure 6 with controls: what subtracting other sounds of the same energy does."""

from typing import TYPE_CHECKING

from sonify.reporting.figure import FigureSpec

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def _draw(**tables_and_settings) -> "Figure":
    from sonify.reporting.drawing.removal_controls import figure_removal_controls

    return figure_removal_controls(**tables_and_settings)


FIGURE = FigureSpec(
    name="figure_removal_controls",
    title="Figure 6 with controls: removing other sounds of the same energy",
    alt="The fall of mAP against the layer, a curve for the sonification and for each control; "
    "below it against the fraction of the clip's energy that is subtracted; a column for each "
    "finetuning.",
    read="Every sound has, clip by clip, the energy of the sonification that it replaces. Where "
    "the curve of the sonification does not lie above the others, any sound of that energy "
    "causes the same fall. Bars are 95% intervals over seeds.",
    paper="It has no controls: mAP falls when sonifications are removed (section 4.1, Figure 6).",
    tables=("removal_controls",),
    draw=_draw,
    beyond=True,
)
