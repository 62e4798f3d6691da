"""Measure the deconvnet and other explanation methods on the same clips, filters and energies."""

from sonify.evaluation.job import run_stage
from sonify.evaluation.stages.rivals import STAGE

run_stage(STAGE, __doc__)
