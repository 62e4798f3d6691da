# Contents page of the workflow: `snakemake` makes everything, `snakemake <stage>` one stage.
from pathlib import Path

from snakemake.utils import min_version

min_version("9.27")


configfile: str(Path(workflow.basedir, "config.yaml"))


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/training.smk"
include: "workflow/rules/sonification.smk"
include: "workflow/rules/evaluation.smk"
include: "workflow/rules/reporting.smk"
include: "workflow/rules/beyond.smk"
include: "workflow/rules/proof.smk"


rule all:
    default_target: True
    input:
        # Named here although others follow from them, so that a lost one is noticed.
        data_targets(),
        training_targets(),
        sonification_targets(),
        evaluation_targets(),
        reporting_targets(),
        beyond_targets(),


rule data:
    input:
        data_targets(),


rule training:
    input:
        training_targets(),


rule sonification:
    input:
        sonification_targets(),


rule evaluation:
    input:
        evaluation_targets(),


rule reporting:
    input:
        reporting_targets(),
