"""Draw Figure B.3."""

from sonify.reporting.drawing.job import draw_figure
from sonify.reporting.figures.figure_b3 import FIGURE

draw_figure(FIGURE)
