"""Draw Figure 2 from the pairs table."""

from sonify.reporting.figures.job import figure_job
from sonify.reporting.figures.pairs import figure_2

figure_job(__doc__, figure_2, "pairs")
