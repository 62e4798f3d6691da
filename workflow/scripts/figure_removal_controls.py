"""Draw what the controls of removal do beside the sonification."""

from sonify.reporting.drawing.job import draw_figure
from sonify.reporting.figures.figure_removal_controls import FIGURE

draw_figure(FIGURE)
