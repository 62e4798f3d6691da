"""Draw Strided convolutions in place of pooling."""

from sonify.reporting.drawing.job import draw_figure
from sonify.reporting.figures.figure_strided import FIGURE

draw_figure(FIGURE)
