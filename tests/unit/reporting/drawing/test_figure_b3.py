import itertools
import json
import runpy
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from built import built_once
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PolyCollection

from sonify.contracts import tables
from sonify.reporting.drawing.figure_b3 import figure_b3
from sonify.reporting.drawing.style import image

SCRIPTS = Path(__file__).resolve().parents[4] / "workflow" / "scripts"
RUNS = ("contrastive", "contrastive_strided", "supervised")
SHIFTS = (1, 2, 3, 4, 16, 64, 512, 8645)
STRIDES = [2, 4, 8, 16, 32, 64, 128, 256, 256, 256, 256]


def keys(run, seed):
    return {
        "dataset": "audioset", "split": "eval", "model": f"{run}-s{seed}", "run": run,
        "regime": run.partition("_")[0], "finetune": "none", "seed": seed,
        "architecture": "CNN12_strided" if "strided" in run else "CNN12",
    }  # fmt: skip


@built_once
def invariance(runs=RUNS, seeds=(0, 1), layers=11):
    """Off the stride, correlation 0.8 - 0.02 · layer + 0.1 · seed, clips 0.1 either side."""
    rows = []
    for run, seed, layer, shift, clip in itertools.product(
        runs, seeds, range(1, layers + 1), SHIFTS, (-1, 1)
    ):
        on = shift % STRIDES[layer - 1] == 0
        value = 1.0 if on else 0.8 - 0.02 * layer + 0.1 * seed + 0.1 * clip
        rows.append(
            {**keys(run, seed), "clip_id": f"clip{clip}", "layer": layer, "filter": 3}
            | {"shift": shift, "on_stride": on, "correlation": value, "dead": False}
            | {"sdr_db": (np.inf if layer < 9 else 129.6 + seed) if on else 5.0}
        )
    return tables.checked(pd.DataFrame(rows), "invariance").to_pandas()


@built_once
def example(n=8_000):
    """A tone that is louder from 0.5 s to 0.6 s."""
    time, rows = np.arange(n) / 8_000, []
    tone = np.sin(2 * np.pi * 300 * time) * np.where((time > 0.5) & (time < 0.6), 1.0, 0.2)
    for signal, peak, shift in (
        ("input", 1.0, 0),
        ("sonification", 0.8, 0),
        ("returned", 0.7, 8645),
    ):
        rows.append(
            {**keys("contrastive", 0), "clip_id": "clip1", "layer": 6, "filter": 3}
            | {"signal": signal, "shift": shift, "peak": peak, "n_samples": n}
            | {"pcm": np.rint(32767 * tone).astype("<i2").tobytes()}
        )
    return tables.checked(pd.DataFrame(rows), "invariance_example").to_pandas()


@built_once
def case(n=30_000, lag=-8645):
    """Noise from 0.5 s on, in two models; what is like it, and what is so 8,645 samples later."""
    noise = np.random.default_rng(1).integers(-20_000, 20_000, n) * (np.arange(n) > 4_000)
    rows = []
    for run, (name, shift, where) in itertools.product(
        ("contrastive", "supervised"),
        (("input", 0, None), ("sonification", 0, 0), ("delayed", 8645, lag)),
    ):
        moved = np.concatenate([np.zeros(shift), noise])[:n]
        rows.append(
            {**keys(run, 0), "clip_id": "clip1", "layer": 1, "filter": 0, "signal": name}
            | {"shift": shift, "lag": where, "peak": 0.9, "n_samples": n}
            | {"pcm": moved.astype("<i2").tobytes()}
        )
    return tables.checked(pd.DataFrame(rows), "invariance_case").to_pandas()


def curves(axes, style="-"):
    return [
        line for line in axes.lines if line.get_linestyle() == style and len(line.get_xdata()) > 2
    ]


def test_the_case_shows_where_the_sonification_is_loud():
    whole, overlay, rest = figure_b3(invariance(), example(), case(), "mini").axes[:3]
    assert whole.get_title("left") == "layer 6, filter 3"
    assert [len(line.get_xdata()) for line in whole.lines] == [8_000, 8_000]
    x, s, back = (line.get_ydata() for line in overlay.lines)
    assert np.ptp(x) > 1.9 and len(x) == 160
    np.testing.assert_allclose(s, 0.8 * x, atol=1e-3)
    np.testing.assert_allclose(rest.lines[0].get_ydata(), s - back)
    start = float(rest.get_xlabel().split()[2])
    assert 0.5 <= start <= 0.58


def test_the_papers_own_case_stands_below_with_its_lags():
    still, delayed = figure_b3(invariance(), example(), case(), "mini").axes[-2:]
    assert still.get_title("left") == "layer 1, filter 0: input and sonification"
    assert delayed.get_title("left") == "input and sonification after 8645 zeros"
    for axes, lag in ((still, 0), (delayed, -8645)):
        assert axes.lines[0].get_xdata()[0] == lag
        assert [t.get_text() for t in axes.texts] == [f"largest at {lag}"]
        (outline,) = axes.collections
        x, y = outline.get_paths()[0].vertices.T
        assert y.max() == pytest.approx(1) and abs(x[y.argmax()] - lag) < 60
        assert (x.min(), x.max()) == (-29_999, pytest.approx(29_999, abs=60))
    assert figure_b3(invariance(), example(), case(lag=None), "mini").axes[-1].texts[
        0
    ].get_text() == ("silent")
    without = figure_b3(invariance(), example(), case()[:0], "mini")
    assert len(without.axes) == 3 + len(RUNS) and without.get_figheight() < 4.3


def test_a_panel_for_every_run_and_four_layers_in_each():
    figure = figure_b3(invariance(), example(), case(), "mini")
    panels = figure.axes[3:-2]
    assert [axes.get_title("left") for axes in panels] == list(RUNS)
    for axes in panels:
        # Of layers 8 and 11 a single delay is a multiple of the stride, 256: no line.
        assert len(curves(axes, "--")) == 4
        on, off = curves(axes)[0], curves(axes, "--")[0]
        # A curve each: one line through both would zigzag between them.
        np.testing.assert_array_equal(on.get_xdata(), [2, 4, 16, 64, 512])
        np.testing.assert_array_equal(on.get_ydata(), 1)
        np.testing.assert_array_equal(off.get_xdata(), [1, 3, 8645])
        np.testing.assert_allclose(off.get_ydata(), 0.83)
        assert on.get_color() == off.get_color() and on.get_marker() == off.get_marker() == "o"
        assert off.get_markerfacecolor() == "white" != on.get_markerfacecolor()
        assert axes.get_xlabel().endswith("solid lines: SDR ≥ 130 dB")
        assert axes.get_ylim()[0] == 0
    parts = figure.subfigs[0].subfigs
    legends = [t.get_text() for part in parts for t in part.legends[0].get_texts()]
    assert {"layer 1", "layer 4", "layer 8", "layer 11", "of +8645, shifted back"} <= set(legends)
    assert {"multiples of the layer's stride", "other delays"} <= set(legends)


def test_bands_are_intervals_over_seeds_from_three_on():
    third = invariance(seeds=(0,)).assign(seed=2, model=lambda t: t["run"] + "-s2")
    axes = figure_b3(pd.concat([invariance(), third]), example(), case(), "mini").axes[3]
    on, off, *_ = [c for c in axes.collections if isinstance(c, PolyCollection)]
    assert np.ptp(on.get_paths()[0].vertices[:, 1]) == 0
    low = off.get_paths()[0].get_extents().ymin
    assert low == pytest.approx(0.78 + 0.1 / 3 - 4.303 * 0.1 / 3, abs=1e-3)
    two = figure_b3(invariance(), example(), case(), "mini")
    assert not any(
        isinstance(c, PolyCollection) for axes in two.axes[:-2] for c in axes.collections
    )
    assert "2 runs" in [t.get_text() for t in two.subfigs[0].subfigs[1].legends[0].get_texts()]
    alone = figure_b3(invariance(seeds=(0,)), example(), case(), "mini")
    assert not any(
        isinstance(c, PolyCollection) for axes in alone.axes[3:-2] for c in axes.collections
    )
    assert not any(
        "run" in t.get_text() for t in alone.subfigs[0].subfigs[1].legends[0].get_texts()
    )


def test_dead_maps_are_left_out_of_the_mean():
    table = invariance(seeds=(0,))
    gone = (table["clip_id"] == "clip1") & ~table["on_stride"]
    table.loc[gone, ["correlation", "sdr_db"]] = np.nan
    table.loc[gone, "dead"] = True
    off = curves(figure_b3(table, example(), case(), "mini").axes[3], "--")[0]
    assert off.get_ydata()[0] == pytest.approx(0.68)


def test_equal_signals_are_said_to_be_equal():
    figure = figure_b3(invariance(layers=4), example(), case(), "paper")
    assert figure.axes[3].get_xlabel().endswith("solid lines: equal")
    between = invariance().query("not on_stride")
    assert figure_b3(between, example(), case(), "mini").axes[3].get_xlabel() == "delay (samples)"
    assert figure.axes[0].get_title("right") == ""
    mini = figure_b3(invariance(layers=4), example(), case(), "mini")
    assert mini.axes[0].get_title("right") == "miniature"


@pytest.mark.parametrize("runs", [RUNS[:1], RUNS[:2], RUNS])
def test_no_text_overlaps_and_none_is_small(runs):
    figure = figure_b3(invariance(runs), example(), case(), "mini")
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    renderer = canvas.get_renderer()
    found = [t for part in figure.subfigs[0].subfigs for t in part.legends[0].get_texts()]
    for axes in figure.axes:
        found += [axes.xaxis.label, axes.yaxis.label, axes._left_title, axes._right_title]
        found += axes.texts
    boxes = [(t, t.get_window_extent(renderer)) for t in found if t.get_text()]
    for (one, a), (other, b) in itertools.combinations(boxes, 2):
        assert not a.overlaps(b), (one.get_text(), other.get_text())
    assert all(text.get_fontsize() >= 8 for text, _ in boxes)
    width, height = canvas.get_width_height()
    assert all(a.x0 >= 0 and a.x1 <= width and a.y1 <= height for _, a in boxes)


@pytest.mark.parametrize("kind", ["png", "svg"])
def test_same_tables_same_bytes(kind):
    given = invariance(RUNS[:1]), example(), case(), "mini"
    assert image(figure_b3(*given), kind) == image(figure_b3(*given), kind)


def test_empty_tables_are_refused():
    for given in ((invariance()[:0], example()), (invariance(), example()[:0])):
        with pytest.raises(ValueError, match=r"Figure B\.3 would be empty"):
            figure_b3(*given, case(), "mini")


def test_the_script(tmp_path, monkeypatch):
    given = {"invariance": invariance(), "invariance_example": example()}
    given["invariance_case"] = case()
    words = ["figure_b3.py", "--settings", json.dumps({"scale": "mini"})]
    for name, frame in given.items():
        tables.write(frame, tmp_path / f"{name}.parquet", name)
        words += [f"--{name}", str(tmp_path / f"{name}.parquet")]
    out = tmp_path / "figure_b3.png"
    monkeypatch.setattr(sys, "argv", [*words, "--out", str(out)])
    runpy.run_path(str(SCRIPTS / "figure_b3.py"))
    assert out.read_bytes().startswith(b"\x89PNG") and out.with_suffix(".svg").is_file()
