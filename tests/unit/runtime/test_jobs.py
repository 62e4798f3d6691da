"""How a script ends: with all it said, whether it takes Python down or not."""

import os
import subprocess
import sys
import time

import pytest

from sonify.runtime.cost import write_cost

# A shell that runs the tests in the background has them ignore SIGINT, which Python would inherit.
SCRIPT = """
import atexit, signal, sys
from sonify.runtime.jobs import run

signal.signal(signal.SIGINT, signal.default_int_handler)
atexit.register(lambda: print("put away", flush=False))

def main():
    print("a result", end=" ")
    print("a line of the log", file=sys.stderr)
    {last}

run(main)
print("Python went on")
"""


def ended(last: str, **environment: str) -> subprocess.CompletedProcess:
    inherited = {k: v for k, v in os.environ.items() if k not in ("SONIFY_JOB", "PYTHONUNBUFFERED")}
    return subprocess.run(
        # By a shell, as in the workflow: the memory of what starts a program counts as its own.
        ["bash", "-c", '"$@"; exit $?', "bash", sys.executable, "-c", SCRIPT.format(last=last)],
        capture_output=True,  # pipes, which Python buffers
        text=True,
        env=inherited | environment,
        check=False,
    )


@pytest.fixture
def job(tmp_path) -> str:
    return f"{time.time()} {tmp_path}/benchmarks/train/a.tsv"


@pytest.mark.parametrize("last", ["pass", "sys.stdout.write('more ')"])
def test_a_job_loses_nothing_it_said(last, job):
    done = ended(last, SONIFY_JOB=job)
    assert done.returncode == 0
    assert done.stdout == ("a result " if last == "pass" else "a result more ") + "put away\n"
    assert done.stderr == "a line of the log\n"


def test_outside_the_workflow_python_goes_on():
    done = ended("pass")
    assert done.stdout == "a result Python went on\nput away\n" and done.returncode == 0


def test_a_job_that_fails_fails(job, tmp_path):
    done = ended("open('nothing here')", SONIFY_JOB=job)
    assert done.returncode == 1 and done.stdout == "a result put away\n"
    assert done.stderr.endswith("error: No such file or directory: nothing here\n")
    crashed = ended("1 / 0", SONIFY_JOB=job)
    assert crashed.returncode == 1 and "ZeroDivisionError" in crashed.stderr
    assert not list(tmp_path.iterdir()), "only what came to an end has a cost"


def test_control_c_prints_no_traceback(job):
    at_work = "for _ in range(1000): time.sleep(0.01)"  # until it is interrupted
    done = ended(f"import _thread, time; _thread.interrupt_main()\n    {at_work}", SONIFY_JOB=job)
    assert done.returncode == 130 and done.stderr == "a line of the log\n"


BUSY = "import time\nwhile time.process_time() < {}: pass"
COSTLY = f"""import subprocess
    subprocess.run([sys.executable, "-c", {BUSY.format(0.5)!r}], check=True)
    held = b"1" * 300_000_000
    {BUSY.format(1).replace(chr(10), chr(10) + "    ")}"""


def test_a_job_writes_its_cost_and_its_childrens(tmp_path):
    before = time.time()
    done = ended(COSTLY, SONIFY_JOB=f"{before - 100} {tmp_path}/benchmarks/train/a.tsv")
    assert done.returncode == 0, done.stderr
    passed = time.time() - before
    file = tmp_path / "benchmarks" / "train" / "a.tsv"
    names, values = (line.split("\t") for line in file.read_text().splitlines())
    assert names == ["s", "cpu_s", "peak_mb"]
    seconds, processor, peak = map(float, values)
    assert 101.49 < seconds < 100.01 + passed
    assert 1.49 < processor < 2.5
    assert 300 < peak < 500


def test_a_clock_that_is_set_back_makes_no_cost_negative(tmp_path):
    write_cost(tmp_path / "a.tsv", time.time() + 3_600)
    assert (tmp_path / "a.tsv").read_text().splitlines()[1].startswith("0.00\t")
