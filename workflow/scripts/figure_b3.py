"""Draw Figure B.3 from the invariance tables."""

from sonify.reporting.figures.figure_b3 import figure_b3
from sonify.reporting.figures.job import figure_job

figure_job(__doc__, figure_b3, "invariance", "invariance_example")
