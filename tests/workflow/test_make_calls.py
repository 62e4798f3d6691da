"""What make calls, in which order, with programs that only write down what they are told."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
STUB = """#!/bin/sh
printf '%s' "${0##*/}" >> calls
for word in "$@"; do printf '\\t%s' "$word" >> calls; done
echo >> calls
test "${0##*/}" != "$FAILS"
"""
PLAIN = ["python", "workflow/preflight.py", "config.yaml"]
RUN = ["snakemake", "--logger", "sonify", "--rerun-incomplete"]


@pytest.fixture
def make(tmp_path):
    """Call make in a folder of its own: its status, and the programs it has called."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "venv" / "bin").mkdir(parents=True)
    for name in ("python", "snakemake"):
        (tmp_path / "venv" / "bin" / name).write_text(STUB)
        (tmp_path / "venv" / "bin" / name).chmod(0o755)

    def make(question: str, fails: str = "", **variables: str) -> tuple[int, list[list[str]]]:
        given = [f"{name}={value}" for name, value in variables.items()]
        environment = {k: v for k, v in os.environ.items() if not k.startswith("MAKE")}
        done = subprocess.run(
            ["make", "-o", "setup", question, "VENV=venv", *given],
            cwd=tmp_path,
            env=environment | {"FAILS": fails},
            capture_output=True,
            text=True,
        )
        calls = (tmp_path / "calls").read_text().splitlines()
        return done.returncode, [call.split("\t") for call in calls]

    return make


@pytest.mark.parametrize(
    ("variables", "checked", "run"),
    [
        ({}, PLAIN, RUN),
        (
            {"CONFIG": "a.yaml b.yaml"},
            [*PLAIN, "a.yaml", "b.yaml"],
            [*RUN[:3], "--configfile", "a.yaml", "b.yaml", RUN[3]],
        ),
        ({"ARGS": "--touch"}, [*PLAIN[:2], "--touch", PLAIN[2]], [*RUN, "--touch"]),
        ({"ARGS": "-n"}, [*PLAIN[:2], "--look", PLAIN[2]], ["snakemake", RUN[3], "-n"]),
        (
            {"ARGS": "--touch --dry-run"},
            [*PLAIN[:2], "--look", "--touch", PLAIN[2]],
            ["snakemake", RUN[3], "--touch", "--dry-run"],
        ),
        (
            {"ARGS": "--workflow-profile profiles/slurm"},
            [*PLAIN, "--", "--workflow-profile", "profiles/slurm"],
            [*RUN, "--workflow-profile", "profiles/slurm"],
        ),
        ({"ARGS": "evaluation -k"}, PLAIN, [*RUN, "evaluation", "-k"]),
    ],
    ids=["plain", "configuration", "touch", "look", "look at touch", "profile", "targets"],
)
def test_faults_are_looked_for_before_each_run(make, variables, checked, run):
    assert make("run", **variables) == (0, [checked, run])


def test_no_run_begins_where_a_fault_was_found(make):
    status, calls = make("run", fails="python")
    assert status and calls == [PLAIN]


@pytest.mark.parametrize("question", ["verify", "why"])
def test_questions_change_nothing(make, question):
    look = [*PLAIN[:2], "--look", *PLAIN[2:]]
    assert make(question) == (0, [look, ["snakemake", "--dry-run", *RUN[1:]]])
    status, calls = make(question, fails="python", CONFIG="a.yaml")
    assert status and calls[2:] == [[*look, "a.yaml"]]
