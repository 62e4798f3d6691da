"""Draw strided convolutions against max pooling, from the coherence table."""

from sonify.reporting.figures.job import figure_job
from sonify.reporting.figures.strided import figure_strided

figure_job(__doc__, figure_strided, "coherence")
