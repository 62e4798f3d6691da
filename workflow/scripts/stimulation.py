"""Measure how far sonifications excite the filters that they are of."""

from sonify.evaluation.job import run_stage
from sonify.evaluation.stages.stimulation import STAGE

run_stage(STAGE, __doc__)
