"""Draw what sonifications do to the filters that they are of."""

from sonify.reporting.drawing.job import draw_figure
from sonify.reporting.figures.figure_stimulation import FIGURE

draw_figure(FIGURE)
