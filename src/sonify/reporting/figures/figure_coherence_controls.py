"""Figure 7 with controls: the coherence of clips with sounds that training has not shaped."""

from typing import TYPE_CHECKING

from sonify.reporting.figure import FigureSpec

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def _draw(**tables_and_settings) -> "Figure":
    from sonify.reporting.drawing.coherence_controls import figure_coherence_controls

    return figure_coherence_controls(**tables_and_settings)


FIGURE = FigureSpec(
    name="figure_coherence_controls",
    title="Figure 7 with controls: coherence without learning",
    alt="Coherence, spectral flatness and active fraction against the layer, a curve for the "
    "sonification, for each control and for networks with some layers randomised; a column for "
    "each run.",
    read="The first row is Figure 7 beside sounds that training has not shaped; in the second, the "
    "last or first layers of the network are those of an untrained one. Where the curves meet, "
    "coherence says nothing about what was learned. Bars are 95% intervals over seeds.",
    paper="It has no controls: coherence falls with depth, faster in supervised models (section "
    "4.2, Figure 7).",
    tables=("coherence_controls",),
    draw=_draw,
    beyond=True,
)
