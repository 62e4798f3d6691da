"""Draw Figure 6 from the removal table."""

from sonify.reporting.figures.figure_6 import figure_6
from sonify.reporting.figures.job import figure_job

figure_job(__doc__, figure_6, "removal")
