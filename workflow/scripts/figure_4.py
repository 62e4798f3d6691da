"""Draw Figure 4."""

from sonify.reporting.drawing.job import draw_figure
from sonify.reporting.figures.figure_4 import FIGURE

draw_figure(FIGURE)
