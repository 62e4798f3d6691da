# Checks the configuration and gives the rules what they share. No rules here.
import sys

sys.path[:0] = [str(Path(workflow.basedir, part)) for part in ("src", "workflow")]

from snakemake.exceptions import WorkflowError

from codedeps import code_hash
from sonify import config as configuration
from sonify.data.layouts.required import SPLITS
from sonify.workflow import Plan
from surroundings import gpus, shell_prefix

try:
    configuration.check(config)
except configuration.ConfigError as error:
    raise WorkflowError(str(error)) from None

plan = Plan(config)

shell.prefix(shell_prefix(workflow))


wildcard_constraints:
    dataset="|".join(SPLITS),
    run="|".join(re.escape(run) for run in config["training"]["runs"]),
    seed=r"\d+",
    model="|".join(re.escape(model) for model in plan.models),


def data_targets():
    return expand("results/data/{dataset}/manifest.parquet", dataset=SPLITS)


def training_targets():
    return expand("results/models/{model}/model.safetensors", model=plan.models)


def sonification_targets():
    return expand(
        "results/sonification/{model}/sonifications.parquet", model=plan.sonified_models
    )


def evaluation_targets():
    names = ["metrics", "removal", "coherence"]
    parts = [part for table in names for part in plan.parts(table)]
    return expand("results/evaluation/{table}.parquet", table=names) + parts


def tell_summary():
    """What came out and where to look, once everything has run."""
    summary = Path("results/reporting/summary.txt")
    if summary.is_file():
        print(summary.read_text(encoding="utf-8"), file=sys.stderr)
