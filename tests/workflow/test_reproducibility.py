"""Running sets of seeds: their overlays, their folders, what is kept, and the page."""

import json
import subprocess
import sys

import pandas as pd
import pytest
import reproducibility
import yaml
from checkouts import ROOT
from reproducibility import CLAIMS, main, overlay

from sonify.config.__main__ import overlaid
from sonify.config.loading import load
from sonify.contracts import tables

SMOKE = ROOT / "workflow" / "configs" / "smoke.yaml"


def claims(verdict="reproduced"):
    """A table of one claim."""
    numbers = {"mean": 0.2, "ci95": 0.1, "delta": None, "p": 0.01, "p_holm": 0.02, "n_runs": 2}
    spec = tables.contract("claims").columns
    row = {name: "x" if spec[name]["type"] == "string" else None for name in spec}
    return pd.DataFrame([row | numbers | {"claim": 1, "verdict": verdict, "scale": "mini"}])


@pytest.fixture
def runs(monkeypatch, tmp_path):
    """Pretend to run Snakemake: `runs` are the commands; a set without claims gets some."""
    commands = []
    real = subprocess.run

    def pretended(command, **options):
        if command[0] == "git":
            return real(command, **options)
        commands.append(command)
        folder = tmp_path / "sets" / command[command.index("--directory") + 1].rsplit("/", 1)[1]
        if not (folder / CLAIMS).is_file():
            tables.write(claims(), folder / CLAIMS, "claims")
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(reproducibility.subprocess, "run", pretended)
    return commands


@pytest.fixture
def call(tmp_path):
    def called(*options):
        out = tmp_path / "page.md"
        main(["--folder", str(tmp_path / "sets"), "--out", str(out), *options])
        return out.read_text(encoding="utf-8") if out.is_file() else None

    return called


def test_sets_have_no_seed_in_common_and_make_valid_configurations(tmp_path):
    config = overlaid([])
    config["training"]["seeds"] = [0, 1, 4]
    made = [overlay(config, number)["training"] for number in range(3)]
    assert [one["seeds"] for one in made] == [[0, 1, 4], [5, 6, 9], [10, 11, 14]]
    changes = overlay(overlaid([]), 1)
    (tmp_path / "seeds.yaml").write_text(yaml.safe_dump(changes))
    loaded = load(overlaid([tmp_path / "seeds.yaml"])).training.seeds
    assert list(loaded) == changes["training"]["seeds"]
    assert not set(loaded) & set(load(overlaid([])).training.seeds)


def test_every_set_runs_in_its_folder_and_the_page_follows(runs, call, tmp_path):
    text = call("--configfile", str(SMOKE), "--sets", "2", "--cores", "2")
    folders = sorted(path.name for path in (tmp_path / "sets").iterdir())
    assert len(runs) == len(folders) == 2
    for command, name in zip(runs, folders, strict=True):
        folder = str(tmp_path / "sets" / name)
        assert command[command.index("--directory") + 1] == folder
        at = command.index("--configfile")
        assert command[at + 1 : at + 3] == [str(SMOKE), f"{folder}/seeds.yaml"]
        assert command[-4:] == ["--cores", "2", "--", str(CLAIMS)]
    assert "config.yaml + smoke.yaml" in text
    assert "1 of 1 claims have the same verdict in all 2 sets" in text


def test_a_finished_set_keeps_its_time_and_one_cut_off_adds_to_it(runs, call, tmp_path):
    call("--sets", "1")
    (record,) = (tmp_path / "sets").glob("*/made.json")
    record.write_text(json.dumps({"seconds": 600.0, "commit": "then"}))
    call("--sets", "1")
    assert json.loads(record.read_text()) == {"seconds": 600.0, "commit": "then"}
    (record.parent / CLAIMS).unlink()
    assert "10 min" in call("--sets", "1")
    made = json.loads(record.read_text())
    assert 600 < made["seconds"] < 660 and made["commit"] != "then"


def test_writing_alone_runs_nothing(runs, call, tmp_path):
    with pytest.raises(SystemExit, match=r"has no results/reporting/claims\.parquet yet"):
        call("--sets", "2", "--write")
    call("--sets", "2")
    runs.clear()
    first, second = sorted((tmp_path / "sets").iterdir())
    tables.write(claims("contradicted"), second / CLAIMS, "claims")
    text = call("--sets", "2", "--write", "--beside", f"other={first / CLAIMS}")
    assert not runs and "Claims 1 are reproduced in one set and contradicted" in text
    assert "| other |" in text


def test_a_run_that_fails_stops_with_one_sentence(call, monkeypatch):
    failed = subprocess.CompletedProcess([], 1, stdout="")
    monkeypatch.setattr(reproducibility.subprocess, "run", lambda *_, **__: failed)
    with pytest.raises(SystemExit, match="error: the run in .* failed, see above: correct"):
        call("--sets", "1")


@pytest.mark.parametrize("option", ["-n", "--dry-run", "--dryrun", "-np", "-qn"])
def test_a_dry_run_in_any_spelling_records_nothing(runs, tmp_path, option):
    call = ["--folder", str(tmp_path / "sets"), "--out", str(tmp_path / "page.md"), "--sets", "1"]
    main([option, *call])
    assert option in runs[0]
    assert not (tmp_path / "page.md").exists() and not list(tmp_path.glob("sets/*/made.json"))


@pytest.mark.slow
def test_a_dry_run_plans_each_set_with_its_seeds_and_writes_nothing(tmp_path):
    command = [sys.executable, str(ROOT / "workflow/reproducibility.py"), "-n", "--sets", "2"]
    command += ["--quiet", "host"]
    command += ["--configfile", str(SMOKE), "--folder", str(tmp_path / "sets")]
    command += ["--out", str(tmp_path / "page.md")]
    environment = {"PYTHONPATH": str(ROOT / "src"), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    done = subprocess.run(
        command, capture_output=True, text=True, env=environment, cwd=tmp_path, check=False
    )
    printed = done.stdout + done.stderr
    assert done.returncode == 0, printed
    first, second = (
        set(yaml.safe_load(file.read_text())["training"]["seeds"])
        for file in sorted((tmp_path / "sets").glob("*/seeds.yaml"))
    )
    assert not first & second
    for seed in first | second:
        assert f"results/models/contrastive-s{seed}/model.safetensors" in printed
    assert printed.count("results/reporting/claims.parquet") >= 2
    assert not (tmp_path / "page.md").exists() and not list(tmp_path.glob("sets/*/made.json"))
