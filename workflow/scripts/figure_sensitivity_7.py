"""Draw Figure 7 under every rule for the most active map, from the coherence table."""

from sonify.reporting.figures.job import figure_job
from sonify.reporting.figures.sensitivity import figure_sensitivity_7

figure_job(__doc__, figure_sensitivity_7, "coherence")
