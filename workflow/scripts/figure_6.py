"""Draw Figure 6."""

from sonify.reporting.drawing.job import draw_figure
from sonify.reporting.figures.figure_6 import FIGURE

draw_figure(FIGURE)
