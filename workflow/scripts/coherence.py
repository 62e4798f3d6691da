"""Measure the coherence of every clip with the sonification of each layer's most active maps."""

from sonify.evaluation.job import run_stage
from sonify.evaluation.stages.coherence import STAGE

run_stage(STAGE, __doc__)
