"""Draw Figure 5 from the evolution table."""

from sonify.reporting.figures.figure_5 import figure_5
from sonify.reporting.figures.job import figure_job

figure_job(__doc__, figure_5, "evolution")
