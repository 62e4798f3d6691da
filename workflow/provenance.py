"""Records of runs: `results/provenance/runs/<when it began>.json`, one file a run.

Everything that is not in the seals of results, because it need not matter to them: versions,
machine, commit, times. Fingerprints of the prepared corpora tell two laboratories whether they
used the same clips.
"""

import json
import os
import platform
import shutil
import subprocess
import time
from collections.abc import Iterable
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import msgspec
from codedeps import ROOT, SCRIPTS, code_hash

from sonify.runtime.folders import write_whole

RUNS = Path("results/provenance/runs")


def write_run(plan, folders: Iterable[str], started: float, outcome: str) -> Path:
    """Write what the run that began at `started` was; folders: of the prepared corpora."""
    content = {
        "started": _time(started),
        "ended": _time(time.time()),
        "outcome": outcome,
        "configuration": msgspec.to_builtins(plan.config),
        "seeds": {run: list(plan.seeds(run)) for run in plan.training.runs},
        "datasets": datasets(map(Path, folders)),
        "code": {**commit(ROOT), "scripts": {f.name: code_hash(f.name) for f in _scripts()}},
        "versions": versions(),
        "machine": machine(),
    }
    file = RUNS / f"{_time(started).replace(':', '-')}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    write_whole(file, (json.dumps(content, indent=1, sort_keys=True) + "\n").encode())
    return file


def datasets(folders: Iterable[Path]) -> dict[str, Any]:
    """Clips and fingerprint of each split of the corpora that have been prepared."""
    from sonify.data.fingerprint import fingerprints  # loads pyarrow, when all is done
    from sonify.runtime.errors import SonifyError

    found: dict[str, Any] = {}
    for folder in folders:
        manifest = folder / "manifest.parquet"
        try:
            found[folder.name] = fingerprints(manifest) if manifest.is_file() else None
        except SonifyError as error:  # what ends a run may be just that
            found[folder.name] = str(error)
    return found


def commit(root: Path) -> dict[str, Any]:
    """The commit of the code, and the files that differ from it; None where git knows neither."""
    head = _output("git", "-C", str(root), "rev-parse", "HEAD")
    status = _output("git", "-C", str(root), "status", "--porcelain")
    modified = None if status is None else [line[3:] for line in status.splitlines()]
    return {"commit": head and head.strip(), "modified": modified}


def versions() -> dict[str, str]:
    """Versions of Python and of every installed package."""
    packages = {d.metadata["Name"]: d.version for d in distributions() if d.metadata["Name"]}
    return {"python": platform.python_version(), **packages}


def machine() -> dict[str, Any]:
    """Processor, memory and GPUs; no name of the machine or of its user."""
    gpus = ("nvidia-smi", "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader")
    memory = None
    if "SC_PHYS_PAGES" in os.sysconf_names:
        memory = round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9, 1)
    return {
        "system": f"{platform.system()} {platform.release()}",
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gb": memory,
        "gpus": (_output(*gpus) or "").splitlines(),
    }


def _processor() -> str:
    facts = Path("/proc/cpuinfo")
    lines = facts.read_text(encoding="utf-8").splitlines() if facts.is_file() else []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor() or platform.machine()


def _output(*command: str) -> str | None:
    """Return what a program prints; None if it is not there or fails."""
    if not shutil.which(command[0]):
        return None
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else None


def _scripts() -> list[Path]:
    return sorted(SCRIPTS.glob("*.py"))


def _time(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
