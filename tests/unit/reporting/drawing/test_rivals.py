"""The figure of rivals: what each panel shows, and that nothing lies on anything else."""

import itertools
import json
import runpy
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from beyond_tables import METHODS, rivals, rivals_removal
from drawn import texts
from matplotlib.colors import to_hex

from sonify.contracts import tables
from sonify.reporting.drawing.rivals import figure_rivals
from sonify.reporting.drawing.style import image
from sonify.reporting.rival_values import METRICS

SCRIPT = Path(__file__).resolve().parents[4] / "workflow" / "scripts" / "figure_rivals.py"
LAYERS, T_3 = (1, 6, 11), 4.302653
ASIDE = {0: -0.04, 1: 0.0, 2: 0.04}  # of one method alone: no difference that is told apart


def value(finetune, method, sound, layer, seed):
    if sound != "sonification":
        return 0.2 + (0.1 if sound == "untrained" else 0.0)
    own = {"deconvnet": 0.6, "gradient_times_input": 0.6 + ASIDE[seed], "random_signal": 0.3}
    return own[method] + layer / 100 + seed / 50 + (0.05 if finetune == "full" else 0.0)


def left(*where):
    return 0.5 - value(*where) / 2


@pytest.fixture
def given():
    """Both tables, of the fully finetuned run alone, as the stage makes them."""
    frames = {"rivals": rivals(value), "rivals_removal": rivals_removal(left)}
    return {n: f[f["finetune"] == "full"].reset_index(drop=True) for n, f in frames.items()}


def marks(axes):
    """Return place and half-width of every mark, and whether it is filled, by method and layer."""
    found = {}
    for bar in axes.containers:
        method, _, layer = bar.get_label().rpartition(" ")
        line, _, (spread,) = bar.lines
        low, high = spread.get_segments()[0][:, 0]
        filled = to_hex(line.get_markerfacecolor()) == to_hex(line.get_color())
        found[method, int(layer)] = line.get_xdata()[0], (high - low) / 2, filled
    return found


def panels(figure):
    titled = [axes for axes in figure.axes if axes.get_title("left")]
    return dict(zip(METRICS, titled, strict=True))


def test_every_measure_has_a_panel_with_means_intervals_and_an_arrow(given):
    figure = figure_rivals(**given, scale="mini")
    axes = panels(figure)
    assert [a.get_title("left") for a in axes.values()][4:9] == [
        "delay →", "random weights ←", "cost ←", "FF →", "FF, scores →",
    ]  # fmt: skip
    for metric, less, half in (
        ("rival_response", 0.2, 1.0),
        ("rival_coherence", 0.3, 1.0),
        ("rival_removal", 0.2, 0.5),
        ("rival_sparseness", 0.0, 1.0),
        ("rival_cost", 0.0, 1.0),
    ):
        found = marks(axes[metric])
        assert set(found) == set(itertools.product(METHODS, LAYERS))
        for (method, layer), (mean, bar, _) in found.items():
            seeds = [value("full", method, "sonification", layer, s) - less for s in (0, 1, 2)]
            assert mean == pytest.approx(half * np.mean(seeds)), (metric, method, layer)
            spread = T_3 * np.std(seeds, ddof=1) / 3**0.5
            assert bar == pytest.approx(half * spread, rel=1e-4), (metric, method, layer)
    assert axes["rival_share"].get_title("right") == "miniature"
    assert axes["rival_removal"].get_ylabel() == "contrastive, full\nFSD50K eval, 25 clips"


def test_marks_are_filled_where_the_difference_by_seed_excludes_none(given):
    axes = panels(figure_rivals(**given, scale="mini"))
    for metric in METRICS:
        for (method, layer), (*_, filled) in marks(axes[metric]).items():
            assert filled == (method != "gradient_times_input"), (metric, method, layer)
    one = {name: frame[frame["seed"] == 0] for name, frame in given.items()}
    found = marks(panels(figure_rivals(**one, scale="mini"))["rival_response"])
    filled = {method for (method, _), (*_, told) in found.items() if told}
    assert filled == {"deconvnet"}, "a single seed tells nothing apart"


def test_the_deconvnet_leads_and_the_random_signal_ends(given):
    axes = panels(figure_rivals(**given, scale="mini"))["rival_removal"]
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert labels == ["deconvnet", "gradient times input", "random signal"]
    top, bottom = axes.get_ylim()[::-1]
    assert (top, bottom) == (-0.5, 2.5), "the first method is on top"
    lines = [line for line in axes.lines if line.get_label() == "_deconvnet"]
    expected = [(0.65 + n / 100 + 0.02 - 0.2) / 2 for n in LAYERS]
    assert [line.get_xdata()[0] for line in lines] == pytest.approx(expected)


def test_all_marks_are_inside_and_only_bars_may_leave(given):
    for axes in panels(figure_rivals(**given, scale="mini")).values():
        low, high = axes.get_xlim()
        assert all(low < mean < high for mean, *_ in marks(axes).values())


def test_recordings_have_no_stems(given):
    given["rivals"]["best_share"] = np.nan
    axes = panels(figure_rivals(**given, scale="mini"))["rival_share"]
    assert [text.get_text() for text in axes.texts] == ["not measured"]
    assert all(pd.isna(bar.lines[0].get_xdata()).all() for bar in axes.containers)


@pytest.mark.parametrize("runs", [1, 2])
def test_no_text_lies_on_another_or_outside(runs, given):
    if runs == 2:
        given = {"rivals": rivals(value), "rivals_removal": rivals_removal(left)}
    figure = figure_rivals(**given, scale="mini")
    assert len(figure.axes) == 16 * runs
    boxes = texts(figure)
    width, height = figure.canvas.get_width_height()
    for text, box in boxes:
        assert text.get_fontsize() >= 8, text
        assert box.x0 >= -1 and box.x1 <= width + 1 and box.y0 >= -1 and box.y1 <= height + 1, text
    for (one, a), (other, b) in itertools.combinations(boxes, 2):
        assert not a.overlaps(b), (one, other)


def test_no_rows_no_figure(given):
    with pytest.raises(ValueError, match="no rows"):
        figure_rivals(given["rivals"][:0], given["rivals_removal"], "mini")
    with pytest.raises(ValueError, match="scale is 'maxi'"):
        figure_rivals(**given, scale="maxi")


def test_the_script_draws_it(given, tmp_path, monkeypatch):
    out = tmp_path / "figures" / "figure_rivals.png"
    words = ["--settings", json.dumps({"scale": "mini"}), "--out", str(out)]
    for name, frame in given.items():
        tables.write(frame, tmp_path / f"{name}.parquet", name)
        words += [f"--{name}", str(tmp_path / f"{name}.parquet")]
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), *words])
    runpy.run_path(str(SCRIPT))
    read = {name: tables.read(tmp_path / f"{name}.parquet", name) for name in given}
    figure = figure_rivals(**read, scale="mini")
    assert out.read_bytes() == image(figure, "png")
    assert out.with_suffix(".svg").read_bytes() == image(figure, "svg")
