"""Draw what the controls of coherence do beside the sonification."""

from sonify.reporting.drawing.job import draw_figure
from sonify.reporting.figures.figure_coherence_controls import FIGURE

draw_figure(FIGURE)
