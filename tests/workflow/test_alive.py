"""Locks of dead runs are removed, and nothing of a run outlives it; living ones are left alone."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import alive
import pytest

ROOT = Path(__file__).resolve().parents[2]
HOLD = "import alive, sys; alive.hold(); print(flush=True); sys.stdin.read()"
JOB = """
import signal, sys, time
from pathlib import Path
from sonify.runtime.jobs import run, say
def main():
    def told(*_):
        Path("told").touch()
        time.sleep(0.3)
        say("heard")
        raise SystemExit(143)
    signal.signal(signal.SIGTERM, told)
    Path("started").touch()
    try:
        time.sleep(600)
    finally:
        time.sleep(0.7)
        Path("left").touch()
run(main)
"""
ENVIRONMENT = {
    **os.environ,
    "PYTHONPATH": f"{ROOT / 'src'}:{ROOT / 'workflow'}",
    "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
}
linux = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="the system has no /proc")


def started(code: str, folder: Path, **options) -> subprocess.Popen:
    """A Python process that has printed a line."""
    options |= {"cwd": folder, "env": ENVIRONMENT, "stdin": subprocess.PIPE, "text": True}
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, **options)
    process.stdout.readline()
    return process


def until(true) -> None:
    """Wait for it, a minute at most."""
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


def preflight(folder: Path) -> str:
    command = [sys.executable, ROOT / "workflow" / "preflight.py"]
    done = subprocess.run(command, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True)
    assert done.returncode == 0
    return done.stderr


@pytest.fixture
def locks(tmp_path):
    locks = tmp_path / ".snakemake" / "locks"
    locks.mkdir(parents=True)
    (locks / "0.input.lock").write_text("a\n")
    (locks / "0.output.lock").write_text("b\n")
    return locks


def test_the_lock_of_a_dead_run_is_removed_and_that_of_a_living_one_is_not(tmp_path, locks):
    one, other = (started(HOLD, tmp_path) for _ in range(2))
    assert preflight(tmp_path) == "" and len(list(locks.iterdir())) == 2
    one.kill()
    one.communicate()
    assert preflight(tmp_path) == "" and len(list(locks.iterdir())) == 2
    other.kill()
    other.communicate()
    partial = tmp_path / "results" / ".gallery.partial"
    partial.mkdir(parents=True)
    removed = "removed the lock of a run that was killed\nremoved 1 unfinished file of an earlier"
    assert preflight(tmp_path).startswith(removed)
    assert not any(locks.iterdir()) and preflight(tmp_path) == ""


def test_a_lock_that_may_be_of_another_machine_or_of_a_stranger_is_left(tmp_path, locks):
    folder = tmp_path / ".snakemake"
    assert alive.remove_dead(folder) is None and len(list(locks.iterdir())) == 2
    (folder / "alive").write_text(f"elsewhere\n{socket.gethostname()}\n")
    said = alive.remove_dead(folder)
    assert said is not None and "belongs to a run on elsewhere: if that run is dead" in said
    assert len(list(locks.iterdir())) == 2


def test_a_job_ends_with_its_run_however_that_ends(tmp_path):
    (tmp_path / "job.py").write_text(JOB)
    main = started(HOLD, tmp_path)
    environment = {**ENVIRONMENT, alive.RUN: str(main.pid)}
    job = subprocess.Popen([sys.executable, "job.py"], cwd=tmp_path, env=environment)
    until((tmp_path / "started").exists)
    assert job.poll() is None
    main.kill()
    main.communicate()
    assert job.wait(60) == -signal.SIGKILL
    late = subprocess.run([sys.executable, "job.py"], cwd=tmp_path, env=environment, timeout=60)
    assert late.returncode == -signal.SIGKILL, "its run has ended before it began"


@pytest.fixture
def job_run(tmp_path):
    """A process with a job of job.sh, which says when a signal to end reaches it."""
    (tmp_path / "job.py").write_text(JOB)
    job = f'. "{ROOT}/workflow/job.sh"; SCRIPTS=.; set -o pipefail; job log job.py'
    code = f"""
import os, signal, subprocess
for number in (signal.SIGTERM, signal.SIGINT):
    signal.signal(number, lambda *_: print("before", flush=True))
import alive
alive.tie_jobs()
print(flush=True)
usual = dict(preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
print(subprocess.run(["bash", "-c", {job!r}], **usual).returncode, flush=True)
print(os.environ[alive.TOLD])
"""
    main = started(code, tmp_path, start_new_session=True)
    until((tmp_path / "started").exists)
    return main


@linux
@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
def test_what_jobs_do_when_they_are_told_to_end_is_waited_for_and_heard(job_run, tmp_path, end):
    job_run.send_signal(end)  # alone, as a process manager does
    printed, _ = job_run.communicate(timeout=60)
    assert printed.splitlines() == ["before", "heard", "143", end.name]
    assert (tmp_path / "log").read_text() == "heard\n"


WHILE_IT_SELECTS_JOBS = """
import alive, signal, threading, time
lock, heard = threading.Lock(), threading.Event()
def usual(*_):
    with lock:
        heard.set()
signal.signal(signal.SIGTERM, usual)
alive.tie_jobs()
with lock:
    print(flush=True)
    time.sleep(1)
print(heard.wait(30))
"""


def test_sigterm_is_heard_while_the_lock_of_its_handler_is_held(tmp_path):
    """As Snakemake does while it selects jobs, for seconds if these are many."""
    process = started(WHILE_IT_SELECTS_JOBS, tmp_path)
    process.send_signal(signal.SIGTERM)
    try:
        printed, _ = process.communicate(timeout=20)
    finally:
        process.kill()
    assert printed == "True\n" and process.returncode == 0


@linux
def test_ctrl_c_reaches_jobs_once(job_run, tmp_path):
    """Even if they take their time to end; and a second one changes nothing."""
    os.killpg(job_run.pid, signal.SIGINT)
    time.sleep(0.4)
    job_run.send_signal(signal.SIGINT)
    printed, _ = job_run.communicate(timeout=60)
    assert printed.splitlines() == ["before", "130", "SIGINT"]
    until((tmp_path / "left").exists)
    assert not (tmp_path / "told").exists()


@pytest.mark.parametrize(
    ("before", "printed"), [("default_int_handler", ["SIGINT"]), ("SIG_IGN", ["False"])]
)
def test_ctrl_c_ends_the_run_and_is_known_unless_it_is_ignored(tmp_path, before, printed):
    code = f"""
import os, signal, alive
signal.signal(signal.SIGINT, signal.{before})
alive.tie_jobs()
try:
    print(flush=True)
    input()
    print(alive.TOLD in os.environ)
except KeyboardInterrupt:
    print(os.environ[alive.TOLD])
"""
    main = started(code, tmp_path)
    main.send_signal(signal.SIGINT)
    if before == "default_int_handler":
        assert main.wait(timeout=60) == 0
    assert main.communicate("\n", timeout=60)[0].splitlines() == printed
