"""Draw Figure 7."""

from sonify.reporting.drawing.job import draw_figure
from sonify.reporting.figures.figure_7 import FIGURE

draw_figure(FIGURE)
