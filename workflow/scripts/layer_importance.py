"""Train and score classifiers on the first layers of a pretrained encoder."""

from sonify.evaluation.job import run_stage
from sonify.evaluation.stages.layer_importance import STAGE

run_stage(STAGE, __doc__)
