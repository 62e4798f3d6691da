"""Draw how far sonifications are single sources of their clips."""

from sonify.reporting.drawing.job import draw_figure
from sonify.reporting.figures.figure_stems import FIGURE

draw_figure(FIGURE)
