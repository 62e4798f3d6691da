"""Figure 3: deep contrastive filters."""

from typing import TYPE_CHECKING

from sonify.reporting.figure import FigureSpec

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def _draw(**tables_and_settings) -> "Figure":
    from sonify.reporting.drawing.pairs import figure_3

    return figure_3(**tables_and_settings)


FIGURE = FigureSpec(
    name="figure_3",
    title="Figure 3: deep contrastive filters",
    alt="Spectrograms of inputs beside their sonifications, contrastive, deep layers.",
    read="Chosen by the rule of Figure 2. Look for structure of the input that survives, such as "
    "harmonics or beats, while the rest is gone.",
    paper="Contrastive sonifications stay discernible as deep as layers 7 to 11: voices without "
    "the music, beats without the melody (section 3.3.2).",
    tables=("pairs",),
    draw=_draw,
)
