"""Draw Figure 2."""

from sonify.reporting.drawing.job import draw_figure
from sonify.reporting.figures.figure_2 import FIGURE

draw_figure(FIGURE)
