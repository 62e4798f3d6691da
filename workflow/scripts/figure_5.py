"""Draw Figure 5."""

from sonify.reporting.drawing.job import draw_figure
from sonify.reporting.figures.figure_5 import FIGURE

draw_figure(FIGURE)
