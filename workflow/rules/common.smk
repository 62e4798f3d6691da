# Checks the configuration and gives the rules what they share. No rules here.
import os
import sys
import time
from functools import partial

sys.path[:0] = [str(Path(workflow.basedir, part)) for part in ("src", "workflow")]

from alive import TOLD, hold, tell_beside, tie_jobs
from codedeps import code_hash, contracts_hash, keep
from frozen import freeze
from proof import ASKED, prove, write_code, write_inputs
from provenance import write_run
from sonify.data.download.catalogue import in_words, receipt
from sonify.data.corpora.registry import DATASETS
from sonify.runtime.errors import ConfigError, one_sentence_errors
from sonify.paper.published import PAPER_TABLES
from sonify.config.loading import load
from sonify.plan.files import EACH, Files
from sonify.plan.outside import Outside
from sonify.plan.plan import Plan
from sonify.plan.resources import JobNeeds
from sonify.plan.scatter import Scatter
from sonify.plan.settings import Settings
from sonify.plan.registry import ALL_FIGURES, ALL_TABLES, EVALUATION_TABLES, STAGES
from sonify.runtime.packages import PACKAGES
from surroundings import (
    asked,
    gpus,
    jobs_are_here,
    missing_device,
    missing_tool,
    refuse,
    shell_prefix,
    start_warm,
    stop_timers,
    too_many_processes,
    unfilled,
)
from warm import Warm

if workflow.is_main_process:
    hold()
    tell_beside()
refuse(freeze(config, first=workflow.is_main_process))
try:
    plan = Plan(load(config))
except ConfigError as error:
    refuse(str(error))
refuse(unfilled(workflow))

files, settings, outside = Files(plan), Settings(plan), Outside(plan)
STARTED = time.time()
GPUS = gpus(config["device"])  # of a job that runs or trains a model
needs = JobNeeds(plan, on_gpu=GPUS > 0)
scatter = Scatter(plan, files)
warm = Warm(*PACKAGES, threads=config["threads"])

shell.prefix(shell_prefix(workflow))


wildcard_constraints:
    dataset="|".join(DATASETS),
    run="|".join(re.escape(run) for run in plan.training.runs),
    seed=r"\d+",
    model="|".join(re.escape(model) for model in plan.models),


def stage_input(stage, wildcards):
    return files.stage_input(stage, wildcards.job)


def stage_settings(stage, wildcards):
    return settings.evaluation_job(stage, wildcards.job)


def preparing_needs(dataset, wildcards):
    return needs.preparing(dataset)


def stage_needs(stage, wildcards):
    return needs.stage(stage, wildcards.job)


def stage_inputs(stage, wildcards, input):
    """The --input option of what a stage needs besides a model and clips."""
    return named_inputs(stage.needs, input)


def named_inputs(names, input):
    named = [f"{name}={input[name]}" for name in names if name in input.keys()]
    return ["--input", *named] if named else []


def stage_shares(stage, wildcards):
    return scatter.folders(stage.name, wildcards.job)


def gathered(wildcards, input):
    """The --gather option of a job that merges what others have made."""
    return ["--gather", *input.shares] if input.shares else []


# Parameters that take `output` are not tracked: a corpus may be moved, and another use asks for no
# other preparation.
def raw_root(dataset, wildcards, output):
    return files.raw_root(dataset, wildcards.get("seed"))


def used_splits(dataset, wildcards, output):
    return plan.used_splits(dataset)


# What is read outside results is compared by proof.py, without Snakemake's records.
def corpus_outside(dataset, wildcards, output):
    return outside.prepare(dataset)


def stage_outside(stage, wildcards, output):
    return outside.measure(stage, stage_settings(stage, wildcards))


def data_targets():
    return files.prepared_files


def training_targets():
    return files.model_files


def sonification_targets():
    return expand(
        "results/sonification/{model}/{table}.parquet",
        model=plan.sonified_models,
        table=["top_activations", "sonifications"],
    )


def evaluation_targets():
    return files.evaluation_files


def reporting_targets():
    claims = expand("results/reporting/claims.{kind}", kind=["parquet", "md"])
    claims += ["results/reporting/claims_beside.parquet"]
    database = ["results/results.duckdb"]
    pages = ["index.html", "gallery", "summary.txt"]
    cards = ["tables", "listening", "claims.html", "clips.html", "time.html"]
    return (
        expand("results/reporting/{page}", page=pages)
        + expand("results/reporting/cards/{card}", card=cards)
        + claims
        + database
        + files.table_files
        + files.curve_files
        + files.figure_files
    )


def made_already(paths):
    """Files of `beyond` that an earlier call has made: what shows everything shows them too."""
    return [path for path in paths if Path(path).is_file()]


def beyond_targets():
    """Return what `beyond` has made, when results are verified: it is checked with the others."""
    return made_already(files.beyond_files) if os.environ.get(ASKED) == "verify" else []


def parquet(paths):
    return [path for path in paths if path.endswith(".parquet")]


def tell_downloads():
    """Say what is still to be downloaded, before it is; only the main process says it."""
    if not workflow.is_main_process:
        return
    tables = {d: Path(files.raw_input(d)["downloads"]) for d in plan.downloaded}
    gone = [d for d in tables if tables[d].is_file() and not receipt(files.raw_root(d))]
    announced = set(plan.prepared) - set(gone)
    pending = {
        d: n for d, n in files.pending_downloads().items() if n != 0 and d in announced
    }
    if pending:
        each = ", ".join(f"{dataset} {in_words(n)}" for dataset, n in pending.items())
        sys.stderr.write(
            f"to download: {in_words(sum(n or 0 for n in pending.values()))} in all: {each}\n"
        )
    for dataset in gone:
        sys.stderr.write(
            f"{files.raw_root(dataset)} has been deleted: what was prepared from it is still used; to "
            f"prepare {dataset} anew, add --forcerun download_{dataset}\n"
        )


def tell_summary():
    """Print the summary of results and where they are, if this call has made it."""
    summary = Path("results/reporting/summary.txt")
    if summary.is_file() and summary.stat().st_mtime >= STARTED:
        sys.stderr.write(f"\n{summary.read_text(encoding='utf-8')}\n")


onstart:
    refuse(unfilled(workflow))
    refuse(missing_device(config["device"], workflow))
    refuse(missing_tool(plan.training.watch, workflow))
    refuse(
        too_many_processes(
            config["device"], config["threads"], plan.training.processes, workflow
        )
    )
    tie_jobs(here=jobs_are_here(workflow))
    write_code(workflow.dag.needrun_jobs())
    start_warm(warm, workflow)


# First what this process cannot end without, for the disk may be full.
onsuccess:
    warm.stop()
    stop_timers()
    with one_sentence_errors():
        write_inputs(workflow.dag)
        write_run(plan, files.prepared_folders, STARTED, "finished")
    tell_summary()


onerror:
    warm.stop()
    stop_timers()
    ending = "told to end" if TOLD in os.environ else "failed"
    with one_sentence_errors():
        write_inputs(workflow.dag)
        write_run(plan, files.prepared_folders, STARTED, ending)
