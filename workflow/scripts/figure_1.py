"""Draw Figure 1."""

from sonify.reporting.drawing.job import draw_figure
from sonify.reporting.figures.figure_1 import FIGURE

draw_figure(FIGURE)
