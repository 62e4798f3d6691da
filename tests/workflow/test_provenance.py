"""What a run leaves about itself."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest

from sonify.data.fingerprint import fingerprints

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "workflow"))
import provenance  # noqa: E402


class Config(msgspec.Struct):
    device: str = "cpu"


def test_a_run_leaves_configuration_versions_commit_and_machine(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "fsd50k-s0").mkdir()
    (tmp_path / "fsd50k-s0" / "manifest.parquet").write_text("no")
    training = SimpleNamespace(runs={"a": None})
    plan = SimpleNamespace(config=Config(), training=training, seeds=lambda run: (0, 1))
    file = provenance.write_run(plan, ["fsd50k-s0", "absent"], 0.0, "failed")
    assert file.as_posix() == "results/provenance/runs/1970-01-01T00-00-00Z.json"
    run = json.loads(file.read_text(encoding="utf-8"))
    assert run["configuration"] == {"device": "cpu"} and run["seeds"] == {"a": [0, 1]}
    assert run["outcome"] == "failed" and run["ended"] > run["started"]
    assert run["datasets"]["absent"] is None
    assert run["datasets"]["fsd50k-s0"].startswith("fsd50k-s0/manifest.parquet: ")
    assert run["versions"]["numpy"] and run["versions"]["python"].startswith("3.")
    assert run["machine"]["cores"] >= 1 and run["machine"]["processor"]
    assert len(run["code"]["scripts"]["train.py"]) == 16


@pytest.mark.slow
def test_a_real_run_records_itself_and_its_results_can_be_moved(workflow, tmp_path):
    """Of two jobs; a plain copy to a fresh clone has other dates, and no .snakemake."""
    table = "results/data/speech_commands-s0/manifest.parquet"
    workflow("--cores", "1", "--", table)
    [record] = (workflow.folder / "results/provenance/runs").glob("*.json")
    run = json.loads(record.read_text(encoding="utf-8"))
    assert run["outcome"] == "finished" and run["started"] < run["ended"]
    assert run["configuration"]["data"]["synthetic"]["speech_commands"]["words"] == 3
    assert run["seeds"]["contrastive"] == [0]
    assert run["code"].keys() >= {"commit", "modified"}
    assert len(run["code"]["scripts"]["prepare.py"]) == 16
    assert run["versions"]["torch"] and run["versions"]["snakemake"].startswith("9.")
    assert run["machine"]["cores"] >= 1
    splits = run["datasets"]["speech_commands-s0"]
    assert splits == fingerprints(workflow.folder / table)
    assert {split: facts["clips"] for split, facts in splits.items()} == {
        "train": 24,
        "val": 6,
        "test": 6,
    }

    moved = tmp_path / "moved"
    shutil.copytree(workflow.folder / "results", moved / "results", copy_function=shutil.copyfile)
    first, *rest = sorted(path for path in moved.rglob("*") if path.is_file())
    for path in rest:  # in an order of dates that none of the jobs has made
        os.utime(path, (first.stat().st_mtime + 1,) * 2)
    os.utime(moved / table, (first.stat().st_mtime - 99,) * 2)
    workflow.folder = moved
    assert workflow.planned("--", table)
    workflow("--cores", "1", "--touch", "--", table)
    assert workflow.planned("--", table) == {}
    before = (moved / table).read_bytes()
    assert "Nothing to be done" in workflow("--cores", "1", "--", table)
    assert (moved / table).read_bytes() == before


def test_the_commit_and_what_differs_from_it(tmp_path):
    def git(*words: str) -> None:
        who = ("-c", "user.name=a", "-c", "user.email=a@b")
        subprocess.run(["git", "-C", tmp_path, *who, *words], check=True, capture_output=True)

    assert provenance.commit(tmp_path) == {"commit": None, "modified": None}
    git("init")
    (tmp_path / "x").write_text("1")
    git("add", "x")
    git("commit", "-m", "x")
    clean = provenance.commit(tmp_path)
    assert len(clean["commit"]) == 40 and clean["modified"] == []
    (tmp_path / "x").write_text("2")
    assert provenance.commit(tmp_path) == {"commit": clean["commit"], "modified": ["x"]}
