"""How a script ends: with all it said, whether it takes Python down or not."""

import os
import subprocess
import sys

import pytest

SCRIPT = """
import atexit, sys
from sonify.runtime.jobs import run

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
        [sys.executable, "-c", SCRIPT.format(last=last)],
        capture_output=True,  # pipes, which Python buffers
        text=True,
        env=inherited | environment,
        check=False,
    )


@pytest.mark.parametrize("last", ["pass", "sys.stdout.write('more ')"])
def test_a_job_loses_nothing_it_said(last):
    done = ended(last, SONIFY_JOB="1")
    assert done.returncode == 0
    assert done.stdout == ("a result " if last == "pass" else "a result more ") + "put away\n"
    assert done.stderr == "a line of the log\n"


def test_outside_the_workflow_python_goes_on():
    done = ended("pass")
    assert done.stdout == "a result Python went on\nput away\n" and done.returncode == 0


def test_a_job_that_fails_fails():
    done = ended("open('nothing here')", SONIFY_JOB="1")
    assert done.returncode == 1 and done.stdout == "a result put away\n"
    assert done.stderr.endswith("error: No such file or directory: nothing here\n")
    crashed = ended("1 / 0", SONIFY_JOB="1")
    assert crashed.returncode == 1 and "ZeroDivisionError" in crashed.stderr
