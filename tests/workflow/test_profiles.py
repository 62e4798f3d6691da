"""What the profiles of clusters say, which no run on one machine needs."""

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
PROFILES = sorted((ROOT / "profiles").glob("*/config.yaml"))


def profile(name: str) -> dict:
    return yaml.safe_load((ROOT / "profiles" / name / "config.yaml").read_text(encoding="utf-8"))


def test_slurm_is_asked_by_a_command_that_needs_no_accounting():
    """Where there is none, sacct, the plugin's default, answers nothing, and the run hangs."""
    assert profile("slurm")["slurm-status-command"] == "squeue"


@pytest.mark.parametrize("name", ["slurm", "generic"])
def test_nodes_have_time_to_see_what_another_wrote(name):
    """Network file systems keep what they know of a folder for a minute (acdirmax of NFS)."""
    assert profile(name)["latency-wait"] >= 60


@pytest.mark.parametrize("name", ["slurm", "generic"])
def test_a_job_that_has_failed_is_tried_twice_more(name):
    """By the profile: a rule's own retries repeat within one job of a cluster, at its memory."""
    assert profile(name)["retries"] == 2
    rules = [ROOT / "Snakefile", *(ROOT / "workflow/rules").glob("*.smk")]
    assert len(rules) > 5
    assert not [file for file in rules if "retries" in file.read_text(encoding="utf-8")]


def test_the_commands_of_the_pages_name_profiles_that_are_there():
    said = {file: file.read_text(encoding="utf-8") for file in [*PAGES, *PROFILES]}
    named = {f: re.findall(r"--workflow-profile[ =]([\w/-]+)", text) for f, text in said.items()}
    assert all((ROOT / place / "config.yaml").is_file() for f in named for place in named[f])
    command = 'make run ARGS="--workflow-profile profiles/slurm"'
    assert command in said[ROOT / "README.md"]
    for file in PROFILES:
        if file.parent.name != "default":  # which Snakemake finds by itself
            assert named[file] == [f"profiles/{file.parent.name}"]


def test_downloads_run_where_the_workflow_runs():
    """As the profile of Slurm says: nodes of clusters often reach no network."""
    rules = (ROOT / "workflow/rules/data.smk").read_text(encoding="utf-8").split("    rule:\n")
    (download,) = [rule for rule in rules if 'f"download_{dataset}"' in rule.partition("input:")[0]]
    assert "        localrule: True\n" in download.partition("shell:")[0]
