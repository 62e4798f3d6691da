"""Draw Figure 4 from the layer importance table."""

from sonify.reporting.figures.figure_4 import figure_4
from sonify.reporting.figures.job import figure_job

figure_job(__doc__, figure_4, "layer_importance")
