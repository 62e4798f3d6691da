"""Score clips without other sounds of the energy of their sonifications."""

from sonify.evaluation.job import run_stage
from sonify.evaluation.stages.removal_controls import STAGE

run_stage(STAGE, __doc__)
