"""Draw Figure 1 from the pairs table."""

from sonify.reporting.figures.job import figure_job
from sonify.reporting.figures.pairs import figure_1

figure_job(__doc__, figure_1, "pairs")
