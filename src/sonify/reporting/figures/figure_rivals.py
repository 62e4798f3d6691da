"""Rivals: the deconvnet beside other explanation methods, at one energy."""

from typing import TYPE_CHECKING

from sonify.reporting.figure import FigureSpec

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def _draw(**tables_and_settings) -> "Figure":
    from sonify.reporting.drawing.rivals import figure_rivals

    return figure_rivals(**tables_and_settings)


FIGURE = FigureSpec(
    name="figure_rivals",
    title="Rivals: the deconvnet beside other methods",
    alt="A panel for each measure: whether a method’s sound is special (removal, stimulation, "
    "coherence, stems, delay, random weights, cost), then the field’s metrics (FF, AD, AI, AG, "
    "Fid-In, SPS, COMP). A row for each method, the deconvnet first, and a mark for each layer.",
    read="All sounds of a clip and layer have the energy of the deconvnet’s. The arrow beside a "
    "measure’s name points to the better side. A mark is filled if the difference from the "
    "deconvnet, on the same clips and seed by seed, has a 95% interval that excludes 0; where "
    "there is no difference, one mark in twenty is filled by chance. Bars are 95% intervals over "
    "seeds of the values themselves, cut where they leave a panel. A method that does no better "
    "than the random signal shows nothing. docs/rivals.md defines methods and measures.",
    paper="It compares the deconvnet with no other method, and leaves unpooling without switches "
    "to future work.",
    tables=("rivals", "rivals_removal"),
    draw=_draw,
    beyond=True,
)
