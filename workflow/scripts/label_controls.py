"""Compare the label purity of filters with that of an untrained network, and with chance."""

from sonify.evaluation.job import run_stage
from sonify.evaluation.stages.label_controls import STAGE

run_stage(STAGE, __doc__)
