"""Draw Figure 7 under other choices."""

from sonify.reporting.drawing.job import draw_figure
from sonify.reporting.figures.figure_sensitivity_7 import FIGURE

draw_figure(FIGURE)
