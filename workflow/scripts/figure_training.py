"""Draw how every run was trained."""

from sonify.reporting.drawing.job import draw_figure
from sonify.reporting.figures.figure_training import FIGURE

draw_figure(FIGURE)
