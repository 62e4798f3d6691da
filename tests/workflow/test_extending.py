"""The worked examples of docs/extending.md, done as they stand there, on a copy of the checkout."""

import re
import shutil
from pathlib import Path

import pandas as pd
import pytest
from conftest import ROOT, Workflow, fresh_checkout

DOC = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```\w+ (\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def files_of(section: str) -> dict[str, str]:
    """Files that a section of the page writes, by path."""
    text = DOC.split(f"## {section}\n")[1].split("\n## ")[0]
    return dict(BLOCK.findall(text))


@pytest.fixture
def extended(finished_run, tmp_path):
    """`extended(section, most)`: a finished smoke run on a copy that has a section's files."""

    def extend(section: str, most: int) -> Workflow:
        files = files_of(section)
        assert 1 <= len(files) <= most, f"{section} takes {len(files)} files"
        shutil.copytree(finished_run.folder, tmp_path / "work", symlinks=True)
        checkout = fresh_checkout(tmp_path / "checkout")
        for name, text in files.items():
            (checkout / name).parent.mkdir(parents=True, exist_ok=True)
            (checkout / name).write_text(text, encoding="utf-8")
        return Workflow(tmp_path / "work", checkout)

    return extend


def with_overlay(workflow: Workflow, *arguments: str) -> str:
    smoke = workflow.checkout / "workflow/configs/smoke.yaml"
    overlay = workflow.checkout / "my.yaml"
    return workflow(*arguments, "--configfile", str(smoke), str(overlay))


def results(workflow: Workflow) -> Path:
    return workflow.folder / "results"


def test_an_evaluation_stage(extended):
    workflow = extended("An evaluation stage", most=4)
    with_overlay(workflow, "results/evaluation/energy.parquet")
    table = pd.read_parquet(results(workflow) / "evaluation/energy.parquet")
    assert list(table["layer"]) == list(range(1, 12))
    assert (table["value"] > 0).any() and table["run"].unique() == ["contrastive"]


def test_a_figure(extended):
    workflow = extended("A figure", most=2)
    workflow("results/reporting/figures/figure_dead.png")
    assert (results(workflow) / "reporting/figures/figure_dead.svg").stat().st_size > 1_000
    assert "figure_dead" in workflow("--list-rules") and workflow.planned()["page"] == 1


def test_a_claim(extended):
    workflow = extended("A claim", most=1)
    workflow("results/reporting/claims.parquet")
    claims = pd.read_parquet(results(workflow) / "reporting/claims.parquet").set_index("claim")
    assert claims.loc[99, "statement"] == "More than half of the contrastive filters are alive"
    assert len(claims) == 26
