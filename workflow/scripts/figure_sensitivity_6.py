"""Draw Figure 6 under other choices."""

from sonify.reporting.drawing.job import draw_figure
from sonify.reporting.figures.figure_sensitivity_6 import FIGURE

draw_figure(FIGURE)
