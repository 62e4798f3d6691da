"""The command that rehearses: what it runs, what it keeps, and how it fails."""

import argparse
import runpy
import sys

import numpy as np
import pytest
import rehearse
from checkouts import ROOT

from sonify.rehearsal.measuring import Cost, disk_mb, measure
from sonify.rehearsal.stages import BOUNDS, OWN, SHOWN_CARD, Bound, Stage, Stages

SCRIPTS = ROOT / "workflow" / "scripts"


def test_the_stages_are_the_workflow_s_scripts_in_order():
    stages = Stages(2_000).all()
    assert [stage.name for stage in stages] == list(BOUNDS)
    scripts = [job[0] for stage in stages for job in stage.jobs if job[0] != OWN]
    assert all((SCRIPTS / script).is_file() for script in scripts)
    assert scripts.count("train.py") == 2 and scripts[-1] == "summary.py"


class Parsed(Exception):
    """The options of a script were all there, and it would begin now."""


def test_every_script_takes_the_options_that_it_is_given(monkeypatch):
    parse = argparse.ArgumentParser.parse_args

    def parsed(parser, *arguments):
        parse(parser, *arguments)
        raise Parsed

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", parsed)
    jobs = [job for stage in Stages(2_000).all() for job in stage.jobs if job[0] != OWN]
    for script, *options in jobs:
        monkeypatch.setattr(sys, "argv", [script, *options])
        with pytest.raises(Parsed):
            runpy.run_path(str(SCRIPTS / script), run_name="__main__")
    assert len(jobs) == 13


@pytest.fixture
def called(monkeypatch):
    """Measure nothing: `called` are the stages that would have been, each of 100 MB."""
    names = []

    def pretended(stage, folder, shell, left_mb):
        names.append(stage.name)
        return Cost(1.0, 1.0, 100.0, left_mb + 1.0)

    monkeypatch.setattr(rehearse, "measure", pretended)
    return names


def test_a_call_goes_on_where_the_last_one_ended(called, tmp_path):
    def call(*options):
        called.clear()
        rehearse.main(["2000", "--folder", str(tmp_path), *options])
        return list(called)

    stages = list(BOUNDS)
    assert call("--until", "prepare") == stages[:3]
    assert call() == stages[3:]
    assert call() == []
    assert call("--again", "mine") == ["mine"]
    assert rehearse.finished(tmp_path / "2000")["mine"].disk_mb == 2.0  # and what it left before
    assert call("--write") == []
    (tmp_path / "2000" / rehearse.MEASURED).unlink()
    assert call("--only", "mine", "score") == ["mine", "score"]
    assert call() == [stage for stage in stages if stage not in ("mine", "score")]
    assert "| mine | 1.0 | 1.0 | 100 |" in (tmp_path / "rehearsal.md").read_text()
    assert len((tmp_path / "rehearsal.csv").read_text().splitlines()) == 1 + len(stages)


def test_a_stage_that_holds_too_much_is_an_error(called, tmp_path, monkeypatch):
    monkeypatch.setitem(BOUNDS, "mine", Bound(50, 0))
    with pytest.raises(
        SystemExit, match=r"error: mine held 100 MB with 2,000 clips, more than the 50 MB"
    ):
        rehearse.main(["2000", "--folder", str(tmp_path)])
    assert (tmp_path / "rehearsal.md").is_file()


def test_too_little_disk_is_said_first(called, tmp_path, monkeypatch):
    usage = type("Usage", (), {"free": 10})
    monkeypatch.setattr(rehearse.shutil, "disk_usage", lambda folder: usage)
    with pytest.raises(SystemExit, match=r"error: 2000 clips need 0\.6 GB of disk space"):
        rehearse.main(["2000", "--folder", str(tmp_path)])
    assert called == []


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--width", "0"], "--width is 0: it must be a finite number above 0"),
        (["--width", "nan"], "--width is nan: it must be a finite number above 0"),
        (["--out", "nowhere/page.md"], "--out is nowhere/page.md: there is no folder nowhere"),
        (["--folder", "nowhere", "--write"], "--folder is nowhere, where nothing was rehearsed"),
        (["2000", "20"], "20 clips are too few to rehearse with"),
    ],
)
def test_what_would_stop_a_call_later_is_said_first(called, tmp_path, options, sentence):
    with pytest.raises(SystemExit, match=f"error: {sentence}"):
        rehearse.main([*options, *(() if "--folder" in options else ("--folder", str(tmp_path)))])
    assert called == []


def test_a_network_of_another_width_is_not_mixed_with_the_one_that_was_shown(called, tmp_path):
    call = ["2000", "--folder", str(tmp_path), "--width", "0.5"]
    rehearse.main([*call, "--until", "prepare"])
    card = tmp_path / "2000" / SHOWN_CARD
    card.parent.mkdir(parents=True)
    card.write_text('{"architecture": {"width": 0.5}}')
    rehearse.main(call)  # as mine has left it
    said = "With 2,000 clips the network that is shown had 0.5 times full width"
    assert said in (tmp_path / "rehearsal.md").read_text()
    called.clear()
    with pytest.raises(SystemExit, match=r"stages that were run with --width 0\.5, not 1: give"):
        rehearse.main(["2000", "--folder", str(tmp_path), "--again", "render"])
    assert called == []
    card.write_text('{"architecture": {"width": 1.0}}')
    rehearse.main(["2000", "--folder", str(tmp_path)])
    assert "times full width" not in (tmp_path / "rehearsal.md").read_text()


def test_a_stage_costs_what_its_largest_process_holds_and_not_what_its_caller_does(tmp_path):
    ballast = np.ones(150_000_000)  # 1.2 GB
    stage = Stage("x", ((OWN, "empty", "--at", str(tmp_path / "results/empty")),))
    cost = measure(stage, tmp_path, rehearse.SHELL)
    assert len(ballast) and 50 < cost.peak_mb < 1_000
    assert 0 < cost.cpu_s < 60 and cost.wall_s > 0
    assert cost.disk_mb == pytest.approx(disk_mb(tmp_path)) and cost.disk_mb > 0


def test_the_disk_of_a_stage_that_is_run_again_is_all_that_it_left(tmp_path):
    stage = Stage("x", ((OWN, "empty", "--at", str(tmp_path / "results/empty")),))
    first = measure(stage, tmp_path, rehearse.SHELL).disk_mb
    again = measure(stage, tmp_path, rehearse.SHELL, first).disk_mb
    assert again == pytest.approx(first) and first > 0


def test_a_stage_that_fails_is_named_with_its_log(tmp_path):
    stage = Stage("list", ((OWN, "list", "--at", str(tmp_path)),))
    with pytest.raises(ValueError, match=r"list failed: .*/results/logs/list/0\.log says why"):
        measure(stage, tmp_path, rehearse.SHELL)
    assert "has no class_labels" in (tmp_path / "results/logs/list/0.log").read_text()


@pytest.mark.slow
def test_a_rehearsal_from_end_to_end(tmp_path):
    rehearse.main(["200", "--folder", str(tmp_path), "--width", "0.015625"])
    assert list(rehearse.rehearsed(tmp_path)) == [200]
    assert (tmp_path / "200/results/reporting/gallery/index.html").is_file()
    assert (tmp_path / "200/results/reporting/index.html").is_file()
    assert set(rehearse.finished(tmp_path / "200")) == set(BOUNDS)
