"""The figure of trainings: what each panel shows, and that nothing lies on anything else."""

import itertools
import json
import runpy
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from drawn import texts

from sonify.contracts import tables
from sonify.reporting.drawing.style import COLOURS, image
from sonify.reporting.drawing.training import COLUMNS, figure_training
from sonify.reporting.training_curves import POINTS, smoothed

SCRIPT = Path(__file__).resolve().parents[4] / "workflow" / "scripts" / "figure_training.py"
EPOCHS, PER_EPOCH = 4, 50
CONSTANT = 3.434
RUNS = ["contrastive", "speech_commands-contrastive_strided-fconly", "audioset-x-full", "scratch"]
SCORES = {"scratch": [0.1, 0.4, 0.3, 0.4], RUNS[1]: [0.2, 0.3, 0.5, 0.4]}


def keys(run, seed):
    regime = "contrastive" if "contrastive" in run else "supervised"
    named = {"dataset": "fsd50k", "model": f"{run}-s{seed}", "run": run, "regime": regime}
    return named | {"finetune": "none", "architecture": "CNN12", "seed": seed}


def history(run, seed):
    epoch = np.arange(1, EPOCHS + 1)
    scores = SCORES.get(run, [np.nan] * EPOCHS)
    best = EPOCHS if run not in SCORES else int(np.argmax(scores)) + 1
    rows = {"epoch": epoch, "step": epoch * PER_EPOCH, "loss": 1 / epoch, "learning_rate": 0.1}
    rows |= {"val_score": scores, "chosen": epoch == best}
    rows["constant_loss"] = CONSTANT if "contrastive" in run else np.nan
    return pd.DataFrame(rows).assign(**keys(run, seed))


def steps(run, seed, number=EPOCHS * PER_EPOCH):
    at = np.arange(number)
    peak = 3e-3 * np.minimum((at + 1) / 20, 1)
    rows = {"epoch": at * EPOCHS // number + 1, "step": at + 1, "loss": 2.0 + seed - at / number}
    return pd.DataFrame(rows | {"learning_rate": peak}).assign(**keys(run, seed))


@pytest.fixture
def given(tmp_path):
    """Both tables, on disk and as the figure reads them."""
    frames = {"history": [], "step_history": []}
    for run, seed in itertools.product(RUNS, (0, 1, 2)):
        for name, made in (("history", history), ("step_history", steps)):
            file = tmp_path / f"{run}-s{seed}" / f"{name}.parquet"
            tables.write(made(run, seed), file, name)
            read = smoothed(file) if name == "step_history" else tables.read(file, name)
            frames[name].append(read)
    return {name: pd.concat(some, ignore_index=True) for name, some in frames.items()}


@pytest.mark.parametrize("number", [1, 7, POINTS, POINTS + 1, 1000])
def test_a_curve_is_the_means_of_stretches_that_differ_by_a_step_at_most(tmp_path, number):
    frame = steps("scratch", 0, number).assign(loss=np.arange(number, dtype=float), epoch=1)
    tables.write(frame, tmp_path / "s.parquet", "step_history")
    curve = smoothed(tmp_path / "s.parquet")
    sizes = []
    for mean in curve["loss"]:  # of consecutive numbers, which begin where the last stretch ended
        sizes.append(round(2 * (mean - sum(sizes)) + 1))
    assert len(sizes) == min(number, POINTS) and sum(sizes) == number
    assert max(sizes) - min(sizes) <= 1
    np.testing.assert_allclose(curve["passes"], (curve["loss"] + 0.5) / number)
    assert curve["learning_rate"].max() == frame["learning_rate"].max()


def named(figure):
    return {a.get_title("left").replace("\n", ""): a for a in figure.axes if a.get_title("left")}


def test_a_panel_for_each_run_a_line_for_each_seed_and_a_dot_for_each_model(given):
    figure = figure_training(**given, scale="mini", runs=[*RUNS, "not trained"])
    panels = named(figure)
    assert list(panels) == RUNS
    for run, axes in panels.items():
        curves = [line for line in axes.lines if line.get_linestyle() == "-"]
        dots = [line for line in axes.lines if line.get_marker() == "o"]
        assert len(curves) == len(dots) == 3
        colour = COLOURS["contrastive" if "contrastive" in run else "supervised"]
        assert {line.get_color() for line in [*curves, *dots]} == {colour}
        for seed, (curve, dot) in enumerate(zip(curves, dots, strict=True)):
            chosen = EPOCHS if run not in SCORES else int(np.argmax(SCORES[run])) + 1
            assert dot.get_xdata().tolist() == [chosen]
            expected = 2 + seed - chosen / EPOCHS
            assert dot.get_ydata()[0] == pytest.approx(expected, abs=1 / POINTS)
            x, y = curve.get_data()
            np.testing.assert_allclose(y, 2 + seed - x / EPOCHS, atol=1e-3 + 1 / PER_EPOCH)
        alike = [line for line in axes.lines if line.get_ydata()[0] == CONSTANT]
        assert len(alike) == ("contrastive" in run)
        assert [t.get_text() for t in axes.texts] == ["0.003"]
        assert axes.get_xlim() == (0, EPOCHS)


@pytest.mark.parametrize("course", ["rising", "level"])
def test_the_number_of_the_learning_rate_keeps_clear_of_losses_that_rise(given, course):
    rising = given["step_history"]["passes"] if course == "rising" else 1.0
    given["step_history"]["loss"] = rising
    figure = figure_training(**given, scale="mini", runs=RUNS)
    texts(figure)  # draws it
    for axes in named(figure).values():
        (number,) = axes.texts
        box = number.get_window_extent()
        for line in axes.lines:
            points = axes.transData.transform(np.column_stack(line.get_data()))
            beside = points[points[:, 0] >= box.x0 - 4]
            if not len(beside):  # a state chosen early
                continue
            size = line.get_markersize() if line.get_marker() == "o" else line.get_linewidth()
            top = beside[:, 1].max() + (size / 2 + 1) * figure.dpi / 72
            assert top < box.y0, (axes.get_title("left"), top, box.y0)


def test_scores_stand_below_the_runs_that_validate(given):
    figure = figure_training(**given, scale="mini", runs=RUNS)
    assert COLUMNS == 3
    scored = [axes for axes in figure.axes if axes.get_ylabel() == "score"]
    assert len(scored) == 2 and len(figure.axes) == len(RUNS) + 2
    for axes, run in zip(scored, (RUNS[1], "scratch"), strict=True):
        curves = [line for line in axes.lines if line.get_linestyle() == "-"]
        assert [line.get_ydata().tolist() for line in curves] == [SCORES[run]] * 3
        (dot, *_) = [line for line in axes.lines if line.get_marker() == "o"]
        best = max(SCORES[run])
        assert dot.get_ydata().tolist() == [best]
        assert dot.get_xdata().tolist() == [SCORES[run].index(best) + 1], "the first of equals"


@pytest.mark.parametrize("scored", [True, False])
def test_no_text_lies_on_another_or_outside(given, scored):
    if not scored:
        given["history"]["val_score"] = np.nan
    figure = figure_training(**given, scale="paper", runs=RUNS)
    boxes = [(t.get_text(), box) for t, box in texts(figure)]
    width, height = figure.canvas.get_width_height()
    for text, box in boxes:
        assert box.x0 >= -1 and box.x1 <= width + 1 and box.y0 >= -1 and box.y1 <= height + 1, text
    for (one, a), (other, b) in itertools.combinations(boxes, 2):
        assert not a.overlaps(b), (one, other)


def test_equal_tables_give_equal_bytes_and_none_no_figure(given):
    one, other = (image(figure_training(**given, scale="mini", runs=RUNS), "svg") for _ in "ab")
    assert one == other
    with pytest.raises(ValueError, match="no run has a history"):
        figure_training(given["history"], given["step_history"][:0], "mini", RUNS)
    with pytest.raises(ValueError, match="scale is 'maxi'"):
        figure_training(**given, scale="maxi", runs=RUNS)


def test_the_script_draws_it_from_the_files_of_all_trainings(given, tmp_path, monkeypatch):
    out = tmp_path / "figures" / "figure_training.png"
    words = ["--settings", json.dumps({"scale": "mini", "runs": RUNS}), "--out", str(out)]
    for name in ("history", "step_history"):
        words += [f"--{name}", *map(str, sorted(tmp_path.glob(f"*/{name}.parquet")))]
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), *words])
    runpy.run_path(str(SCRIPT))
    assert out.read_bytes().startswith(b"\x89PNG")
    svg = image(figure_training(**given, scale="mini", runs=RUNS), "svg")
    assert out.with_suffix(".svg").read_bytes() == svg
