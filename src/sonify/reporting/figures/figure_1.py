"""Figure 1: both regimes side by side, from shallow to deep layers."""

from typing import TYPE_CHECKING

from sonify.reporting.figure import FigureSpec

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def _draw(**tables_and_settings) -> "Figure":
    from sonify.reporting.drawing.pairs import figure_1

    return figure_1(**tables_and_settings)


FIGURE = FigureSpec(
    name="figure_1",
    title="Figure 1: both regimes, shallow and deep",
    alt="Spectrograms of inputs beside their sonifications, for shallow and deep layers, "
    "supervised and contrastive side by side.",
    read="Each pair shows a clip and what one filter keeps of it, on one scale of loudness. "
    "Narrow bright bands mean that the filter responds to few frequencies; a dark picture "
    "means that its map is hardly active.",
    paper="Layer 1 is alike in both regimes; in layers 8 and 9 contrastive filters are less "
    "band-selective and more active than supervised ones (section 3.3.1).",
    tables=("pairs",),
    draw=_draw,
)
