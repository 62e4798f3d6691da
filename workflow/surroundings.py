"""What jobs find around them: interpreter, library, scripts, GPU."""

import shutil
import sys
import threading
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# Keep freed memory for the next tensor of the same size, as every step needs the same ones: without
# this, Linux hands it back and fetches it anew, which costs a third of training time. No effect on
# other systems.
MEMORY = "export MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=100000000000; "


def shell_prefix(workflow) -> str:
    """Shell code before every job, so that scripts run from any folder, installed or not.

    Jobs use the interpreter that runs Snakemake, whether or not its environment is activated;
    with --sdm conda or apptainer they use the deployed one.
    """
    deployed = workflow.deployment_settings and workflow.deployment_settings.deployment_method
    path = "" if deployed else f'export PATH="{Path(sys.executable).parent}:$PATH"; '
    # Doubled braces, because Snakemake formats the prefix like any shell command.
    library = f'export PYTHONPATH="{ROOT / "src"}${{{{PYTHONPATH:+:$PYTHONPATH}}}}"; '
    scripts = f'export SCRIPTS="{ROOT / "workflow" / "scripts"}"; '
    return f"set -euo pipefail; export SONIFY_JOB=1; {MEMORY}{path}{library}{scripts}"


def gpus(device: str) -> int:
    """GPUs that one model job takes: 1 where it will use one, so that such jobs queue for it."""
    wants = device in ("cuda", "mps") or (device == "auto" and shutil.which("nvidia-smi"))
    return 1 if wants else 0


def model_job(device: str, mem_mb: int = 32_000, runtime: int = 480) -> dict[str, int]:
    """Resources of a job that runs or trains a model: GPUs, megabytes and minutes.

    The last two are what a cluster's scheduler is asked for; one machine takes no notice of them.
    """
    return {"gpu": gpus(device), "mem_mb": mem_mb, "runtime": runtime}


def stop_timers() -> None:
    """Cancel the timers of this process: those of Snakemake's scheduler would keep it from ending
    until the timespan of `max-jobs-per-timespan` is over, although nothing is left to start.
    """
    for thread in threading.enumerate():
        if isinstance(thread, threading.Timer):
            thread.cancel()
