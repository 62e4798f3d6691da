"""Draw Figure 3 from the pairs table."""

from sonify.reporting.figures.job import figure_job
from sonify.reporting.figures.pairs import figure_3

figure_job(__doc__, figure_3, "pairs")
