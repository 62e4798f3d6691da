"""The environment of jobs: interpreter, library, scripts and GPU."""

import os
import shutil
import sys
import threading
from pathlib import Path

# For all jobs: notebooks' shells name a backend that this environment may lack.
os.environ["MPLBACKEND"] = "agg"

ROOT = Path(__file__).resolve().parents[1]
# Keep freed memory for reuse, since every step allocates tensors of the same sizes: otherwise the
# allocator returns it to Linux and maps it anew, which costs a third of training time. No effect on
# other systems.
MEMORY = "export MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=100000000000; "


def shell_prefix(workflow) -> str:
    """Shell code that precedes every job, so that scripts run from any directory, installed or not.

    Jobs use the interpreter that runs Snakemake, whether or not its environment is activated, or
    the deployed one with --sdm conda or apptainer.
    """
    deployed = workflow.deployment_settings and workflow.deployment_settings.deployment_method
    path = "" if deployed else f'export PATH="{Path(sys.executable).parent}:$PATH"; '
    # Doubled braces, because Snakemake formats the prefix like any shell command.
    library = f'export PYTHONPATH="{ROOT / "src"}${{{{PYTHONPATH:+:$PYTHONPATH}}}}"; '
    scripts = f'export SCRIPTS="{ROOT / "workflow" / "scripts"}"; '
    return f"set -euo pipefail; export SONIFY_JOB=1; {MEMORY}{path}{library}{scripts}"


def gpus(device: str) -> int:
    """The number of GPUs that a model job uses, 0 or 1, so that such jobs queue for the GPU."""
    wants = device in ("cuda", "mps") or (device == "auto" and shutil.which("nvidia-smi"))
    return 1 if wants else 0


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
