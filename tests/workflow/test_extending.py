"""The worked examples of docs/extending.md, done as they stand there, on a copy of the checkout."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
from checkouts import ROOT, Workflow, fresh_checkout

DOC = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(\w+) (\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def files_of(section: str) -> dict[str, tuple[str, str]]:
    """Files that a section of the page writes or changes, by path: the kind of block, its text."""
    text = DOC.split(f"## {section}\n")[1].split("\n## ")[0]
    return {path: (kind, block) for kind, path, block in BLOCK.findall(text)}


def write(checkout: Path, files: dict[str, tuple[str, str]]) -> None:
    for name, (kind, text) in files.items():
        if kind == "diff":
            apply = ["git", "apply", "--unidiff-zero", "-"]
            subprocess.run(apply, cwd=checkout, input=text, text=True, check=True)
        else:
            (checkout / name).parent.mkdir(parents=True, exist_ok=True)
            (checkout / name).write_text(text, encoding="utf-8")


@pytest.fixture
def extended(finished_run, tmp_path):
    """`extended(section, most)`: a finished smoke run on a copy that has a section's files."""

    def extend(section: str, most: int) -> Workflow:
        files = files_of(section)
        assert 1 <= len(files) <= most, f"{section} takes {len(files)} files"
        shutil.copytree(finished_run.folder, tmp_path / "work", symlinks=True)
        checkout = fresh_checkout(tmp_path / "checkout")
        write(checkout, files)
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


def test_a_dataset(workflow):
    files = files_of("A dataset")
    assert len(files) <= 4
    write(workflow.checkout, files)
    root = workflow.folder / "ESC-50"
    (root / "audio").mkdir(parents=True)
    (root / "meta").mkdir()
    lines = ["filename,fold,target,category,esc10,src_file,take"]
    rng = np.random.default_rng(0)
    for fold in range(1, 6):
        for target, category in enumerate(("dog", "rain")):
            name = f"{fold}-{target}-A-0.wav"
            soundfile.write(root / "audio" / name, rng.uniform(-1, 1, 8_000), 8_000)
            lines.append(f"{name},{fold},{target},{category},True,{fold},A")
    lines.append("5-lost-A-0.wav,5,0,dog,True,5,A")
    (root / "meta/esc50.csv").write_text("\n".join(lines) + "\n")
    with_overlay(workflow, "results/data/esc50/manifest.parquet")
    manifest = pd.read_parquet(results(workflow) / "data/esc50/manifest.parquet")
    assert dict(manifest["split"].value_counts()) == {"train": 6, "val": 2, "eval": 2}
    rejected = pd.read_parquet(results(workflow) / "data/esc50/rejected.parquet")
    assert list(rejected["reason"]) == ["missing_file"]
    planned = with_overlay(workflow, "--dry-run", "results/evaluation/metrics.parquet")
    assert re.search(r"^prepare_\w+ +3$", planned, re.MULTILINE) is None, "prepared already"
    assert re.search(r"^score +31$", planned, re.MULTILINE), "a classifier more than the matrix has"


def test_an_explanation_method(extended):
    workflow = extended("An explanation method", most=3)
    before = pd.read_parquet(results(workflow) / "sonification/supervised-s0/sonifications.parquet")
    with_overlay(workflow, "results/sonification/supervised-s0/sonifications.parquet")
    after = pd.read_parquet(results(workflow) / "sonification/supervised-s0/sonifications.parquet")
    pd.testing.assert_series_equal(before["dead"], after["dead"])
    alive = ~after["dead"]
    assert (before.loc[alive, "pcm"] != after.loc[alive, "pcm"]).mean() > 0.9
    assert (after.loc[alive, "scale_factor"] > 0).all()


LAYOUT = """
import torch, yaml, sys
from pathlib import Path
from sonify.api import CNN12, Sonifier
from sonify.config.__main__ import overlaid
from sonify.config.loading import load
from sonify.plan.plan import Plan
plan = Plan(load(overlaid([Path(name) for name in sys.argv[1:]])))
shape = plan.architecture("contrastive")
x = torch.randn(2, shape.shortest_clip())
s = Sonifier(CNN12(shape)).sonify(x, layer=shape.n_layers, filters=0)
print(shape.receptive_field, shape.shortest_clip(), tuple(s.shape))
"""


def test_a_layer_layout(workflow):
    files = files_of("A layer layout")
    assert list(files) == ["my.yaml"], "configuration only"
    write(workflow.checkout, files)
    assert re.search(r"^train +38$", with_overlay(workflow, "--dry-run"), re.MULTILINE)
    done = subprocess.run(
        [sys.executable, "-c", LAYOUT, "workflow/configs/smoke.yaml", "my.yaml"],
        cwd=workflow.checkout,
        env={**os.environ, "PYTHONPATH": "src"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == "2370 2370 (2, 2370)", done.stderr
