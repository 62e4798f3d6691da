"""Draw the deconvnet beside other explanation methods."""

from sonify.reporting.drawing.job import draw_figure
from sonify.reporting.figures.figure_rivals import FIGURE

draw_figure(FIGURE)
