"""The environment of jobs: interpreter, library, scripts and GPU."""

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from warm import Warm, possible

from sonify.runtime.errors import SonifyError
from sonify.training.watch import check_installed

WORKFLOW = Path(__file__).resolve().parent
# What takes longest to import of what jobs need.
PACKAGES = ("torch", "pandas", "pyarrow.parquet", "scipy.signal", "matplotlib.figure", "yaml")
FEW_JOBS = 5  # take no longer than importing PACKAGES for them
# For all jobs: notebooks' shells name a backend that this environment may lack.
os.environ["MPLBACKEND"] = "agg"


def shell_prefix(workflow) -> str:
    """Shell code that precedes every job, so that scripts run from any directory, installed or not.

    Jobs use the interpreter that runs Snakemake, whether or not its environment is activated, or
    the deployed one with --sdm conda or apptainer.
    """
    path = "" if deployed(workflow) else f'export PATH="{Path(sys.executable).parent}:$PATH"; '
    return f'set -euo pipefail; {path}. "{WORKFLOW / "job.sh"}"; '


def deployed(workflow) -> bool:
    """Whether jobs have an environment of their own, by conda or apptainer."""
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
    trained = any(job.rule.name == "train" for job in workflow.dag.needrun_jobs())
    if trained and jobs_are_here(workflow):
        try:
            check_installed(tools)
        except SonifyError as error:
            return str(error)
    return None


def model_job(device: str, mem_mb: int = 32_000, runtime: int = 480) -> dict[str, int]:
    """The resources of a job that runs or trains a model: GPUs, megabytes and minutes.

    Memory and runtime are requested from a cluster's scheduler; a single machine ignores them.
    """
    return {"gpu": gpus(device), "mem_mb": mem_mb, "runtime": runtime}


def stop_timers() -> None:
    """Cancel the timers of this process, so that it can exit.

    Those of Snakemake's scheduler would keep it alive until the timespan of
    `max-jobs-per-timespan` is over, although no job is left to start.
    """
    for thread in threading.enumerate():
        if isinstance(thread, threading.Timer):
            thread.cancel()
