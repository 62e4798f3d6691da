"""Measure how specific the sonifications of every filter's top clips are."""

from sonify.evaluation.job import run_stage
from sonify.evaluation.stages.specificity import STAGE

run_stage(STAGE, __doc__)
