"""Sonify randomly drawn filters at every kept checkpoint of a model's training."""

from sonify.evaluation.job import run_stage
from sonify.evaluation.stages.evolution import STAGE

run_stage(STAGE, __doc__)
