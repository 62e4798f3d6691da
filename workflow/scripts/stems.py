"""Measure how far sonifications are single sources of clips whose stems are known."""

from sonify.evaluation.job import run_stage
from sonify.evaluation.stages.stems import STAGE

run_stage(STAGE, __doc__)
