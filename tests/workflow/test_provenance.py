"""What a run leaves about itself."""

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import msgspec

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
