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
from conftest import ROOT, Workflow, fresh_checkout

DOC = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(\w+) (\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ESC50 = "filename,fold,target,category,esc10,src_file,take"


def blocks_of(section: str) -> list[tuple[str, str, str]]:
    """Language, path and text of the blocks of a section that name a file."""
    text = DOC.split(f"## {section}\n")[1].split("\n## ")[0]
    return BLOCK.findall(text)


def perform(section: str, checkout: Path, most: int) -> None:
    """Create and edit the files of a section, of which there may be `most`."""
    blocks = blocks_of(section)
    assert 1 <= len({name for _, name, _ in blocks}) <= most
    for language, name, text in blocks:
        file = checkout / name
        if language == "diff":
            file.write_text(edited(file.read_text(encoding="utf-8"), text), encoding="utf-8")
        else:
            assert not file.exists(), f"{name} is there already: show an edit of it"
            file.write_text(text, encoding="utf-8")


def edited(text: str, diff: str) -> str:
    """Apply a diff block: each of its places must stand in the text exactly once."""
    for place in diff.split("@@\n"):
        lines = [line or " " for line in place.splitlines()]
        old = "".join(f"{line[1:]}\n" for line in lines if line[0] != "+")
        new = "".join(f"{line[1:]}\n" for line in lines if line[0] != "-")
        assert text.count(old) == 1, f"stands {text.count(old)} times:\n{old}"
        text = text.replace(old, new)
    return text


@pytest.fixture
def extended(finished_run, tmp_path):
    """`extended(section, most)`: a finished smoke run on a copy that has a section's files."""

    def extend(section: str, most: int) -> Workflow:
        shutil.copytree(finished_run.folder, tmp_path / "work", symlinks=True)
        checkout = fresh_checkout(tmp_path / "checkout")
        perform(section, checkout, most)
        return Workflow(tmp_path / "work", checkout)

    yield extend
    shutil.rmtree(tmp_path / "work", ignore_errors=True)  # 200 MB


def overlaid(workflow: Workflow, *arguments: str) -> tuple[str, ...]:
    """Arguments that lay the example's configuration over that of the smoke run."""
    smoke = workflow.checkout / "workflow/configs/smoke.yaml"
    return (*arguments, "--configfile", str(smoke), str(workflow.checkout / "my.yaml"))


def results(workflow: Workflow) -> Path:
    return workflow.folder / "results"


def test_an_evaluation_stage(extended):
    workflow = extended("An evaluation stage", most=4)
    workflow(*overlaid(workflow, "results/evaluation/energy.parquet"))
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
    assert claims.loc[23, "statement"] == "More than half of the contrastive filters are alive"
    assert len(claims) == 23


def esc50(root: Path) -> Path:
    """Write a corpus of ESC-50's form: a clip of each of two classes in each of five folds."""
    (root / "meta").mkdir(parents=True)
    (root / "audio").mkdir()
    lines = [ESC50]
    for fold in range(1, 6):
        for target, category in enumerate(("dog", "rooster")):
            name = f"{fold}-{1000 + fold}-A-{target}.wav"
            lines.append(f"{name},{fold},{target},{category},True,{1000 + fold},A")
            noise = np.random.default_rng((fold, target)).uniform(-0.5, 0.5, 44100)
            soundfile.write(root / "audio" / name, noise, 44100)
    (root / "audio/5-1005-A-1.wav").unlink()
    (root / "meta/esc50.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return root


def test_a_dataset(workflow, tmp_path):
    perform("A dataset", workflow.checkout, most=4)
    workflow.edit("my.yaml", "/data/ESC-50", str(esc50(tmp_path / "ESC-50")))
    workflow(*overlaid(workflow, "results/data/esc50/manifest.parquet"))
    folder = results(workflow) / "data/esc50"
    manifest = pd.read_parquet(folder / "manifest.parquet").set_index("clip_id")
    assert list(manifest.groupby("split").size()) == [2, 2, 2, 2, 1]
    assert list(manifest.loc["2-1002-A-1", "labels"]) == ["rooster"]
    assert manifest.loc["2-1002-A-1", "source_url"] == "https://freesound.org/s/1002/"
    assert list(pd.read_parquet(folder / "rejected.parquet")["reason"]) == ["missing_file"]
    score = "results/evaluation/metrics/esc50-scratch-s0.parquet"
    planned = workflow.planned(*overlaid(workflow, score))
    assert planned == {"train": 1, "score": 1}


def test_an_explanation_method(extended):
    workflow = extended("An explanation method", most=3)
    table = "results/sonification/contrastive-s0/sonifications.parquet"
    before = pd.read_parquet(workflow.folder / table)
    assert workflow.planned(*overlaid(workflow, table)) == {"mine": 1, "render": 1}
    workflow(*overlaid(workflow, table))
    after = pd.read_parquet(workflow.folder / table)
    keys = ["layer", "filter", "rank", "clip_id", "dead"]
    assert after[keys].equals(before[keys])
    alive = ~after["dead"]
    assert (after["pcm"] != before["pcm"])[alive].all()
    assert (after["peak"] > 0)[alive].all() and not after["peak"][after["dead"]].any()


def test_a_layer_layout(extended, tmp_path):
    workflow = extended("A layer layout", most=1)
    everything = workflow.planned(*overlaid(workflow))
    assert everything["train"] == 38 and everything["page"] == 1
    model = "results/models/speech_commands-scratch-s0"
    workflow(*overlaid(workflow, f"{model}/model.safetensors"))
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 8000)
    soundfile.write(tmp_path / "noise.wav", noise, 8000)
    command = (sys.executable, "-m", "sonify.cli", "noise.wav", "--layer", "1", "6")
    done = subprocess.run(
        [*command, "--checkpoint", str(workflow.folder / model), "--out", "heard"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(workflow.checkout / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    sounds = {file.name[:7] for file in (tmp_path / "heard").glob("layer*.wav")}
    assert sounds == {"layer01", "layer06"}
