"""Draw Figure 7 from the coherence table."""

from sonify.reporting.figures.figure_7 import figure_7
from sonify.reporting.figures.job import figure_job

figure_job(__doc__, figure_7, "coherence")
