"""Draw Figure 6 under every choice that the paper leaves open, from the removal table."""

from sonify.reporting.figures.job import figure_job
from sonify.reporting.figures.sensitivity import figure_sensitivity_6

figure_job(__doc__, figure_sensitivity_6, "removal")
