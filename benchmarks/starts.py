"""Measure the cost of starting a job: a process of its own beside a fork of an interpreter that
has imported the heavy packages.
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd
from harness import Bench, bench, leave, spread

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT / "workflow"))

from warm import THREADS, Warm, possible  # noqa: E402

from sonify.runtime.packages import PACKAGES  # noqa: E402

PROCESS, FORK = "process", "fork"
SCRIPTS = ["gather.py", "train.py", "score.py", "removal.py", "figure_4.py"]
IDLE = """
from sonify.runtime import jobs
end = jobs.run
jobs.run = lambda main: end(lambda: None)
"""
NOTES = """\
Processor seconds of everything that a job consists of (its shell, `tee`, what asks for the fork,
what watches it, the job), from /proc. The job does nothing: it is the script with all its imports
and an empty `main`. Imports that only a working job makes are left out. What all forks share is
imported once, in {once:.1f} s."""


def main() -> None:
    run = bench("starts", __doc__)
    if not possible():
        leave("nothing is forked on this system: there is nothing to compare")
    warm = Warm(*PACKAGES, threads=run.threads)
    warm.start()
    while not warm.socket.exists():
        time.sleep(0.1)
    once = there(warm)
    run.record("once", "import", "processor time", "s", [once])
    try:
        rows = [measured(run, script, warm) for script in run.cases(["gather.py"], SCRIPTS, [])]
    finally:
        warm.stop()
    run.write("Starting a job", pd.DataFrame(rows), NOTES.format(once=once))


def measured(run: Bench, script: str, warm: Warm) -> dict:
    """One row of the table: medians of both ways, taken in turn."""
    spent: dict[str, list[float]] = {PROCESS: [], FORK: []}
    with tempfile.TemporaryDirectory() as folder:
        text = (ROOT / "workflow" / "scripts" / script).read_text(encoding="utf-8")
        Path(folder, script).write_text(IDLE + text)
        for repetition in range(2 if run.quick else 10):
            for variant, seconds in spent.items():
                cost = start(Path(folder), script, warm, variant == FORK)
                if repetition:
                    seconds.append(cost)
    row: dict[str, object] = {"job": script}
    for variant, seconds in spent.items():
        run.record(script, variant, "processor time", "s", seconds)
        row[f"{variant} (s)"] = run.rows[-1]["median"]
    row["times less"] = row[f"{PROCESS} (s)"] / row[f"{FORK} (s)"]
    return row | {"spread of forks": spread(run, script, FORK)}


def start(folder: Path, script: str, warm: Warm, forked: bool) -> float:
    """Run the script in `folder` as the workflow does; the processor seconds spent."""
    environment = os.environ | dict.fromkeys(THREADS, str(warm.threads))
    environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
    environment["SONIFY_WARM_FOLDER"] = str(warm.folder) if forked else ""
    shell = 'set -euo pipefail; . "$0"; SCRIPTS="$1"; job "$1/log" "$2"'
    before = here(), there(warm)
    command = ["bash", "-c", shell, str(ROOT / "workflow" / "job.sh"), str(folder), script]
    subprocess.run(command, env=environment, check=True)
    while Path(f"/proc/{warm.interpreter.pid}/task/{warm.interpreter.pid}/children").read_text():
        time.sleep(0.02)  # what watched the job ends after it
    return here() + there(warm) - sum(before)


def here() -> float:
    """Processor seconds of this process's children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def there(warm: Warm) -> float:
    """Processor seconds of the warm interpreter and its forks that have ended."""
    state = Path("/proc", str(warm.interpreter.pid), "stat").read_text().rpartition(")")[2].split()
    return sum(map(int, state[11:15])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
