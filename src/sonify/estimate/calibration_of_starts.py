"""Timing of what a job costs before it does anything, in forks of an interpreter, as jobs are.

Run as a program it is that interpreter: it imports the packages named, forks, and prints seconds.
"""

import gc
import importlib
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from sonify.runtime.packages import PACKAGES

FORKS = 5
TABLES = ("scores", "metrics")  # that each fork writes and reads, without a row
STARTING = ("start", "network", "gathered")  # Python and files: as slow as a start
SOURCES = Path(__file__).resolve().parents[2]


def start_rates(assumed: Mapping[str, float]) -> dict[str, float]:
    """Return the rates that follow a start, which is timed; none where jobs are not forked."""
    start = start_s()
    return {unit: start * assumed[unit] / assumed["start"] for unit in STARTING} if start else {}


def start_s() -> float | None:
    """Return the processor seconds of a job's start; None where jobs are not forked."""
    if sys.platform != "linux":
        return None
    command = [sys.executable, "-m", __name__, *PACKAGES]
    own = {"PYTHONPATH": str(SOURCES), "OMP_NUM_THREADS": "1", "MPLBACKEND": "agg"}
    done = subprocess.run(command, env=os.environ | own, capture_output=True, text=True, check=True)
    return float(done.stdout)


def forked(call: Callable[[], object]) -> float:
    """Return the processor seconds of a call in a fork. Raises RuntimeError if that fails."""
    child = os.fork()
    if not child:
        status = 1
        try:
            call()
            status = 0
        finally:
            os._exit(status)
    _, status, usage = os.wait4(child, 0)
    if status:
        raise RuntimeError("a fork that was to be timed has failed")
    return usage.ru_utime + usage.ru_stime


def _begin() -> None:
    importlib.import_module("sonify.runtime.jobs")
    tables = importlib.import_module("sonify.contracts.tables")
    with TemporaryDirectory() as folder:
        for name in TABLES:
            file = Path(folder, f"{name}.parquet")
            tables.write(tables.contract(name).schema.empty_table(), file, name)
            tables.read(file, name)


if __name__ == "__main__":
    for package in sys.argv[1:]:
        importlib.import_module(package)
    gc.freeze()
    sys.stdout.write(f"{median(forked(_begin) for _ in range(FORKS))}\n")
