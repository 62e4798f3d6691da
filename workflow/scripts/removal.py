"""Remove each layer's most active sonification from every clip and score what is left."""

from sonify.evaluation.job import run_stage
from sonify.evaluation.stages.removal import STAGE

run_stage(STAGE, __doc__)
