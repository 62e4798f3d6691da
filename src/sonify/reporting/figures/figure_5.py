"""Figure 5: features during training (section 3.4)."""

from typing import TYPE_CHECKING

from sonify.reporting.figure import FigureSpec

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def _draw(**tables_and_settings) -> "Figure":
    from sonify.reporting.drawing.figure_5 import figure_5

    return figure_5(**tables_and_settings)


FIGURE = FigureSpec(
    name="figure_5",
    title="Figure 5: features during training",
    alt="Spectrograms of sonifications of fixed inputs: rows are filters, columns kept "
    "checkpoints, at most six of each; dead feature maps are marked.",
    read="Each row is one filter on one clip; from left to right, training progresses.",
    paper="Some frequencies are emphasised more and more; dead units start with a full spectrum "
    "that fades, and there are no sudden jumps (section 3.4).",
    tables=("evolution",),
    draw=_draw,
)
