"""Measure the coherence peaks of every filter's top clips with their sonifications."""

from sonify.evaluation.job import run_stage
from sonify.evaluation.stages.coherence_by_filter import STAGE

run_stage(STAGE, __doc__)
