"""Measure the coherence of clips with sounds that training has not shaped."""

from sonify.evaluation.job import run_stage
from sonify.evaluation.stages.coherence_controls import STAGE

run_stage(STAGE, __doc__)
