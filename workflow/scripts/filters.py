"""Describe every filter: how often it is active, what its top clips share, how it sounds."""

from sonify.evaluation.job import run_stage
from sonify.evaluation.stages.filters import STAGE

run_stage(STAGE, __doc__)
