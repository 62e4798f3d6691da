"""Measure how exactly sonifications follow a delay of the input."""

from sonify.evaluation.job import run_stage
from sonify.evaluation.stages.invariance import STAGE

run_stage(STAGE, __doc__)
