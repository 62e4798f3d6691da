"""Draw Figure 3."""

from sonify.reporting.drawing.job import draw_figure
from sonify.reporting.figures.figure_3 import FIGURE

draw_figure(FIGURE)
