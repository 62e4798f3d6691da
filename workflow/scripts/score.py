"""Score a classifier on the whole clips of a split."""

from sonify.evaluation.job import run_stage
from sonify.evaluation.stages.score import STAGE

run_stage(STAGE, __doc__)
