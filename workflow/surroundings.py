"""The environment of jobs: interpreter, library, scripts and GPU."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from warm import Warm, possible

from sonify.plan.resources import Needs
from sonify.runtime.errors import SonifyError
from sonify.runtime.plurals import counted
from sonify.training.watch import check_installed

WORKFLOW = Path(__file__).resolve().parent
FEW_JOBS = 5  # take no longer than importing PACKAGES for them
# For this process, as job.sh for those of jobs: notebooks' shells name one that may be lacking.
os.environ["MPLBACKEND"] = "agg"


def shell_prefix(workflow) -> str:
    """Shell code that precedes every job, so that scripts run from any directory, installed or not.

    Jobs use the interpreter that runs Snakemake, whether or not its environment is activated, or
    the deployed one with --sdm conda or apptainer.
    """
    here, read = (shlex.quote(str(p)) for p in (Path(sys.executable).parent, WORKFLOW / "job.sh"))
    path = "" if deployed(workflow) else f'export PATH={here}:"$PATH"; '
    # Snakemake formats it, as it does the commands of rules.
    return f"set -euo pipefail; {path}. {read}; ".replace("{", "{{").replace("}", "}}")


def deployed(workflow) -> bool:
    """Return whether jobs have an environment of their own, by conda or apptainer."""
    settings = workflow.deployment_settings
    return bool(settings and settings.deployment_method)


def jobs_are_here(workflow) -> bool:
    """Tell whether this process starts the jobs itself, as processes of this system."""
    here = workflow.is_main_process and workflow.executor_plugin.name == "local"
    return here and not deployed(workflow)


def start_warm(warm: Warm, workflow) -> None:
    """Start the interpreter that jobs are forked from, if there are enough jobs that can be.

    They find it by SONIFY_WARM_FOLDER. A cluster's jobs run elsewhere; SONIFY_WARM=0 in the
    environment says not to.
    """
    wanted = os.environ.get("SONIFY_WARM") != "0" and possible()
    if jobs_are_here(workflow) and wanted and len(list(workflow.dag.needrun_jobs())) >= FEW_JOBS:
        warm.start()
        os.environ["SONIFY_WARM_FOLDER"] = str(warm.folder)


def refuse(sentence: str | None) -> None:
    """End the run with a sentence about what it cannot be run with; go on if there is none.

    Snakemake, given an exception of its own, would put the line of a rule file around it.
    """
    if sentence:
        raise SystemExit(f"error: {sentence}")


def gpus(device: str) -> int:
    """The number of GPUs that a model job uses, 0 or 1, so that such jobs queue for the GPU."""
    wants = device in ("cuda", "mps") or (device == "auto" and shutil.which("nvidia-smi"))
    return 1 if wants else 0


def missing_device(device: str, workflow) -> str | None:
    """The sentence about a GPU that the configuration names and this machine lacks; None if not so.

    Asked before any job, for the first that needs one may come hours later. Takes as long as
    importing torch, where a GPU is named and some job needs it.
    """
    wanted = device in ("cuda", "mps") and jobs_are_here(workflow)
    if not wanted or not any(job.resources.get("gpu") for job in workflow.dag.needrun_jobs()):
        return None
    of = {"cuda": "cuda", "mps": "backends.mps"}[device]
    ask = f"import sys, torch; sys.exit(0 if torch.{of}.is_available() else 3)"
    if subprocess.run([sys.executable, "-c", ask], check=False).returncode != 3:
        return None
    return (
        f"device is {device!r}, which this machine, or its build of PyTorch, does not have: set "
        "device to auto or cpu"
    )


def missing_tool(tools: Sequence[str], workflow) -> str | None:
    """The sentence about a tool that is to show trainings and is not installed; None if not so."""
    if _trains_here(workflow):
        try:
            check_installed(tools)
        except SonifyError as error:
            return str(error)
    return None


def too_many_processes(device: str, threads: int, processes: int, workflow) -> str | None:
    """The sentence about trainings of more processes than this machine has room for; None if not.

    Asked before any job, where some training is shared: of GPUs each process has one, of the
    processors this run has (--cores) as many as it has threads.
    """
    if processes == 1 or not _trains_here(workflow):
        return None
    set_to = f"training.processes is {processes}"
    if gpus(device):
        ask = "import torch; print(torch.cuda.device_count())"
        answer = subprocess.run(
            [sys.executable, "-c", ask], capture_output=True, text=True, check=False
        )
        there = int(answer.stdout or 0)
        if there or device == "cuda":
            few = f"{set_to}, but PyTorch finds {counted(there, 'GPU')} here: lower it"
            return few if there < processes else None
    needed = threads * processes
    if needed <= workflow.cores:
        return None
    return (
        f"{set_to} with {counted(threads, 'thread')} each, which are {needed} processors, but this "
        f"run has {workflow.cores}: lower it or threads, or raise --cores"
    )


def asked(needs: Callable[[Any], Needs]) -> dict[str, Callable[..., int]]:
    """The resources of a rule whose jobs, by their wildcards, need `needs` of a cluster.

    A job that has failed gets twice the memory of the time before: most often that was it. A single
    machine ignores these, and no result depends on them.
    """
    return {
        "mem_mb": lambda wildcards, attempt: needs(wildcards).mem_mb * 2 ** (attempt - 1),
        "runtime": lambda wildcards: needs(wildcards).minutes,
    }


def unfilled(workflow) -> str | None:
    """The sentence about a <placeholder> that is left in a profile; None if there is none."""
    given = workflow.resource_settings
    executor = workflow.executor_settings  # None until jobs are about to start
    groups = [given._parsed_default_resources, *given._parsed_overwrite_resources.values()]
    for group in [*groups, vars(executor) if executor else {}]:
        for name, resource in group.items():
            value = getattr(resource, "raw", resource)
            if isinstance(value, str) and re.search(r"<\w+([ -]\w+)*>", value):
                return (
                    f"the profile has {name}: {value}: write your cluster's own value there, or "
                    "delete the line"
                )
    return None


def stop_timers() -> None:
    """Cancel the timers of this process, so that it can exit.

    Those of Snakemake's scheduler would keep it alive until the timespan of
    `max-jobs-per-timespan` is over, although no job is left to start.
    """
    for thread in threading.enumerate():
        if isinstance(thread, threading.Timer):
            thread.cancel()


def _trains_here(workflow) -> bool:
    """Return whether this run trains something, in jobs on this machine."""
    jobs = workflow.dag.needrun_jobs() if jobs_are_here(workflow) else ()
    return any(job.rule.name == "train" for job in jobs)
