"""Running the jobs of a stage as the workflow's shell does, and what they cost."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sonify.rehearsal.stages import MB, OWN, Job, Stage
from sonify.runtime.cost import MB as RSS_MB
from sonify.runtime.errors import SonifyError

OWN_JOBS = "sonify.rehearsal.jobs"
# Runs a command and says what it took. The peak that the system tells of a process counts what its
# parent held when it was forked, so that the parent is this small one, whoever measures.
_MEASURER = """
import json, os, subprocess, sys
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, used = os.wait4(process.pid, 0)
process.returncode = os.waitstatus_to_exitcode(status)
print(json.dumps([process.returncode, used.ru_utime + used.ru_stime, used.ru_maxrss]))
"""


@dataclass(frozen=True)
class Cost:
    """Hold what a stage took: seconds that passed, seconds of processors, most memory of one of its
    processes, and what it left on the disk.
    """

    wall_s: float
    cpu_s: float
    peak_mb: float
    disk_mb: float


def measure(stage: Stage, folder: Path, shell: Path, left_mb: float = 0.0) -> Cost:
    """Run a stage in `folder`, where its files go; `shell` is workflow/job.sh.

    left_mb: what it has left on the disk before, if it is run again, which replaces those files.
    Raises SonifyError naming the log of a job that failed.
    """
    before, started = disk_mb(folder), time.monotonic()
    cpu, peak = 0.0, 0.0
    for number, job in enumerate(stage.jobs):
        words, log = _command(job, stage.name, number, shell)
        status, seconds, largest = _run(words, log, folder)
        if status:
            raise SonifyError(f"the stage {stage.name} failed: {folder / log} says why")
        cpu, peak = cpu + seconds, max(peak, largest)
    return Cost(time.monotonic() - started, cpu, peak, left_mb + disk_mb(folder) - before)


def disk_mb(folder: Path) -> float:
    """Return how many megabytes the files below a folder take of the disk."""
    blocks = 512
    files = (Path(at, name) for at, _, names in os.walk(folder) for name in names)
    return sum(file.lstat().st_blocks * blocks for file in files) / MB


def _command(job: Job, stage: str, number: int, shell: Path) -> tuple[list[str], str]:
    """Return the command of a job, and its log below the folder."""
    script, *arguments = job
    log = f"results/logs/{stage}/{number}.log"
    if script == OWN:
        words = '. "$0"; python -m "$@" > "$LOG" 2>&1'
        return ["bash", "-c", words, str(shell), OWN_JOBS, *arguments], log
    words = '. "$0"; job "$LOG" "$@" > /dev/null'
    return ["bash", "-c", words, str(shell), script, *arguments], log


def _run(words: Sequence[str], log: str, folder: Path) -> tuple[int, float, float]:
    """Run a command; return its status, processor seconds and peak in megabytes.

    Both are of the shell and all that it waited for; the peak is that of the largest process.
    """
    for place in (log, log.replace("logs", "benchmarks", 1)):
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    environment = os.environ | {"PATH": path, "LOG": log}
    command = [sys.executable, "-IS", "-c", _MEASURER, *words]
    done = subprocess.run(command, cwd=folder, env=environment, stdout=subprocess.PIPE, check=True)
    status, seconds, largest = json.loads(done.stdout)
    return status, seconds, largest / RSS_MB
