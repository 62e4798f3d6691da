import itertools
import json
import runpy
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from drawn import bands, shown, texts

from sonify.contracts import tables
from sonify.reporting.drawing.figure_4 import figure_4
from sonify.reporting.drawing.figure_6 import figure_6
from sonify.reporting.drawing.figure_7 import figure_7
from sonify.reporting.drawing.style import COLOURS, image

WHOLE = {
    f"{dataset}_probe-{regime}-{finetune}": 12
    for dataset in ("fsd50k", "speech_commands")
    for regime in ("contrastive", "supervised")
    for finetune in ("fconly", "full")
}


def test_figure_6_draws_every_model_with_its_baseline(removal):
    figure = figure_6(removal(), "mini")
    assert [axes.get_title("left") for axes in figure.axes] == [
        "fc-only finetuning",
        "full finetuning",
    ]
    for axes in figure.axes:
        curves, baselines = shown(axes, "-"), shown(axes, "--")
        assert len(curves) == len(baselines) == len(bands(axes)) == 2
        assert [c.get_color() for c in curves] == [b.get_color() for b in baselines]
        for curve in curves:
            assert curve.get_xdata().tolist() == list(range(1, 12))


def test_figure_6_tells_baselines_apart_in_grey_and_gives_their_intervals(removal):
    figure = figure_6(removal(), "mini")
    for axes, bases in zip(figure.axes, ([0.31, 0.41], [0.51, 0.61]), strict=True):
        lines = [line for line in axes.lines if line.get_label() == "_baseline"]
        assert len({str(line._dash_pattern) for line in lines}) == 2
        bars = [c for c in axes.containers if c.get_label() == "_baseline at its place"]
        places = [bar.lines[0].get_xdata()[0] for bar in bars]
        assert len(set(places)) == 2 and all(abs(place) < 0.4 for place in places)
        assert [bar.lines[0].get_ydata()[0] for bar in bars] == pytest.approx(bases)
        assert len({bar.lines[0].get_marker() for bar in bars}) == 2
        curves = shown(axes, "-")
        for curve, line, bar in zip(curves, lines, bars, strict=True):
            (data, _, (spread,)) = bar.lines
            assert line.get_color() == curve.get_color() == data.get_color()
            assert data.get_marker() == curve.get_marker()
            assert data.get_markerfacecolor() == curve.get_markerfacecolor()
            (low, high) = spread.get_segments()[0][:, 1]
            assert high - low == pytest.approx(2 * 12.706 * 0.01, rel=1e-3)
        assert axes.get_xlabel() == "layer removed (0: none)" and 0 in axes.get_xticks()
    # Four models: two markers, filled in one panel and hollow in the other.
    looks = {
        (c.lines[0].get_marker(), c.lines[0].get_markerfacecolor() == "white")
        for axes in figure.axes
        for c in axes.containers
    }
    assert len(looks) == 4
    words = [t.get_text() for t in figure.legends[0].get_texts()]
    assert words.count("dashed: nothing removed") == 1


def test_figure_6_values(removal):
    axes = figure_6(removal(), "mini").axes[1]
    supervised = next(c for c in shown(axes, "-") if c.get_color() == COLOURS["supervised"])
    assert supervised.get_ydata()[9] == pytest.approx(0.6 * 0.5 + 0.01)
    baseline = next(c for c in shown(axes, "--") if c.get_color() == COLOURS["supervised"])
    assert baseline.get_ydata()[0] == pytest.approx(0.61)
    low, high = bands(axes)[1].get_paths()[0].get_extents().intervaly
    assert high - low == pytest.approx(2 * 12.706 * 0.01 + 0.6 * 0.5, rel=1e-3)


def test_one_seed_has_no_band(removal, coherence):
    six, seven = figure_6(removal(seeds=(0,)), "mini"), figure_7(coherence(seeds=(0,)), "mini")
    for figure in (six, seven):
        assert not any(bands(axes) for axes in figure.axes)
        assert not any("interval" in t.get_text() for t in figure.legends[0].get_texts())


def test_figure_7_draws_both_regimes_and_the_floor(coherence):
    figure = figure_7(coherence(), "mini")
    (axes,) = figure.axes
    curves = shown(axes, "-")
    assert len(curves) == len(bands(axes)) == 2
    assert curves[0].get_ydata()[0] == pytest.approx(0.855)
    assert axes.get_ylim()[0] == 0
    (floor,) = shown(axes, ":")
    assert floor.get_ydata()[0] == pytest.approx(0.02)
    assert "noise floor" in [t.get_text() for t in figure.legends[0].get_texts()]


def test_two_runs_do_not_squeeze_the_curves_for_their_bands(removal):
    low = removal([("a", "contrastive", "full", 0.3), ("b", "supervised", "full", 0.2)])
    low = low.assign(split="val")  # clips of which the authors have no curve
    (axes,) = figure_6(low, "mini").axes
    assert axes.get_ylim() == pytest.approx((0, 1.06 * 0.32))  # up to the better run, untouched
    three = removal([("a", "contrastive", "full", 0.3)], seeds=(0, 1, 2)).assign(split="val")
    (axes,) = figure_6(three, "mini").axes
    band = 4.303 * 0.02 / 3**0.5
    assert axes.get_ylim() == pytest.approx((0, 1.06 * (0.32 + band)), rel=1e-3)


def test_figures_say_how_many_clips(removal, coherence):
    assert figure_6(removal(), "mini").axes[0].get_ylabel() == "mAP on FSD50K eval, 250 clips"
    assert figure_7(coherence(), "mini").axes[0].get_title("left") == "AudioSet eval, 2 clips"


def test_only_the_miniature_says_so(removal, coherence):
    for scale, word in (("mini", "miniature"), ("paper", "")):
        assert figure_6(removal(), scale).axes[-1].get_title("right") == word
        assert figure_7(coherence(), scale).axes[-1].get_title("right") == word


@pytest.mark.parametrize("layers", [3, 11])
def test_no_text_overlaps_and_none_is_small(removal, coherence, layers):
    for figure in (
        figure_6(removal(layers=layers), "mini"),
        figure_7(coherence(layers=layers), "mini"),
    ):
        found = texts(figure)
        for (one, a), (other, b) in itertools.combinations(found, 2):
            assert not a.overlaps(b), (one.get_text(), other.get_text())
        assert all(text.get_fontsize() >= 8 for text, _ in found)
        legend = figure.legends[0].get_window_extent()
        assert not any(legend.overlaps(axes.get_window_extent()) for axes in figure.axes)


def test_layer_ticks_are_whole_numbers(removal):
    axes = figure_6(removal(), "mini").axes[0]
    ticks = axes.get_xticks()
    assert set(range(1, 12)) <= set(ticks.tolist()) and np.array_equal(ticks, ticks.round())


@pytest.mark.parametrize("kind", ["png", "svg"])
def test_same_tables_same_bytes(removal, coherence, kind):
    for draw, table in ((figure_6, removal(layers=3)), (figure_7, coherence(layers=3))):
        assert image(draw(table, "mini"), kind) == image(draw(table, "mini"), kind)


def test_models_from_scratch_get_a_panel(removal):
    runs = [("fsd50k-scratch", "supervised", "none", 0.4), ("a", "contrastive", "full", 0.5)]
    figure = figure_6(removal(runs), "mini")
    assert [axes.get_title("left") for axes in figure.axes] == ["full finetuning", "from scratch"]


def test_one_condition_is_drawn_out_of_several(removal, coherence):
    other = removal().assign(rule="max", value=lambda t: t["value"] / 2)
    rescaled = removal().assign(rescaled=True, value=lambda t: t["value"] / 4)
    both = pd.concat([removal(), other, rescaled])
    for condition, factor in ((("mean", False), 1), (("max", False), 2), (("mean", True), 4)):
        axes = figure_6(both, "mini", *condition).axes[1]
        supervised = next(c for c in shown(axes, "-") if c.get_color() == COLOURS["supervised"])
        assert supervised.get_ydata()[9] == pytest.approx((0.6 * 0.5 + 0.01) / factor)
    lower = coherence().assign(rule="energy", coherence=lambda t: t["coherence"] / 2)
    (axes,) = figure_7(pd.concat([coherence(), lower]), "mini", rule="energy").axes
    assert shown(axes, "-")[0].get_ydata()[0] == pytest.approx(0.855 / 2)
    (axes,) = figure_7(coherence(), "mini", runs=["supervised"]).axes
    (curve,) = shown(axes, "-")
    assert curve.get_color() == COLOURS["supervised"]


def test_conditions_and_runs_that_are_not_there_are_named(removal, coherence):
    with pytest.raises(ValueError, match="removal has no rows with rule max, only mean"):
        figure_6(removal(), "mini", rule="max")
    with pytest.raises(ValueError, match="removal has no rows with rescaled True, only False"):
        figure_6(removal(), "mini", rescaled=True)
    with pytest.raises(ValueError, match="coherence has no rows with rule max, only mean"):
        figure_7(coherence(), "mini", rule="max")
    with pytest.raises(ValueError, match="has no run strided, only contrastive, supervised"):
        figure_7(coherence(), "mini", runs=["contrastive", "strided"])


def test_mixed_datasets_and_splits_are_refused(removal, coherence):
    both = pd.concat([removal(), removal().assign(dataset="audioset")])
    with pytest.raises(ValueError, match="dataset audioset and fsd50k"):
        figure_6(both, "mini")
    both = pd.concat([coherence(), coherence().assign(split="val")])
    with pytest.raises(ValueError, match="split eval and val"):
        figure_7(both, "mini")


def test_empty_tables_are_refused(removal, coherence):
    with pytest.raises(ValueError, match="Figure 6 would be empty"):
        figure_6(removal()[:0], "mini")
    with pytest.raises(ValueError, match="Figure 7 would be empty"):
        figure_7(coherence()[:0], "mini")


def whole(axes):
    """The dashed lines of the whole encoder, and their markers at the right end."""
    lines = [line for line in axes.lines if line.get_label() == "_whole"]
    bars = [c for c in axes.containers if c.get_label() == "_whole at its place"]
    return lines, bars


def test_figure_4_draws_every_regime_and_finetuning_with_its_whole_encoder(layer_importance):
    figure = figure_4(layer_importance(), "mini", WHOLE)
    titles = [axes.get_title("left") for axes in figure.axes]
    assert titles == ["FSD50K val, 80 clips", "Speech Commands val, 80 clips"]
    assert [axes.get_ylabel() for axes in figure.axes] == ["mAP", "accuracy"]
    for axes in figure.axes:
        curves = [c for c in shown(axes, "-") if len(c.get_xdata()) == 11]
        dashed, bars = whole(axes)
        assert len(curves) == len(dashed) == len(bars) == len(bands(axes)) == 4
        assert [c.get_color() for c in curves] == [d.get_color() for d in dashed]
        assert all(c.get_xdata().tolist() == list(range(1, 12)) for c in curves)
        # Every curve differs from every other in grey: regimes by marker, finetunings by fill.
        assert len({(c.get_marker(), c.get_markerfacecolor() == "white") for c in curves}) == 4
        assert len({(d.get_color(), d.get_linestyle(), str(d._dash_pattern)) for d in dashed}) == 4
        assert [t.get_text() for t in axes.get_xticklabels()] == [*map(str, range(1, 12)), "all"]


def test_figure_4_draws_a_finetuned_run_as_the_dashed_line_of_its_probes(layer_importance):
    table = layer_importance()
    end = table["layer"] == 12
    other = table["run"].where(~end, table["run"].str.replace("_probe", ""))
    beside = dict(zip(other[end], table.loc[end, "run"], strict=True))
    whole = WHOLE | dict.fromkeys(beside, 12)
    drawn = figure_4(table.assign(run=other), "mini", whole, beside)
    assert image(drawn, "svg") == image(figure_4(table, "mini", WHOLE), "svg")


def test_figure_4_values(layer_importance):
    left, right = figure_4(layer_importance(), "mini", WHOLE).axes
    for axes, factor in ((left, 0.5), (right, 1.0)):
        curve = next(
            c
            for c in shown(axes, "-")
            if c.get_color() == COLOURS["supervised"]
            and c.get_markerfacecolor() == "white"
            and len(c.get_xdata()) == 11
        )
        assert curve.get_ydata()[5] == pytest.approx(factor * (0.4 * 6 / 12 + 0.01))
        levels = sorted(line.get_ydata()[0] for line in whole(axes)[0])
        assert levels == pytest.approx([factor * (base + 0.01) for base in (0.3, 0.4, 0.5, 0.6)])
        (low, high) = whole(axes)[1][0].lines[2][0].get_segments()[0][:, 1]
        assert high - low == pytest.approx(2 * 12.706 * factor * 0.01, rel=1e-3)


def test_figure_4_of_what_there_is(layer_importance):
    one = figure_4(layer_importance(seeds=(0,)), "paper", WHOLE)
    assert not any(bands(axes) for axes in one.axes)
    assert not any("interval" in t.get_text() for t in one.legends[0].get_texts())
    (axes,) = figure_4(layer_importance(datasets=["speech_commands"]), "mini", WHOLE).axes
    assert axes.get_ylabel() == "accuracy" and axes.get_title("right") == "miniature"
    table = layer_importance()
    lost = table[(table["run"] != "fsd50k_probe-supervised-full") & (table["layer"] < 12)]
    left, right = figure_4(lost, "mini", WHOLE).axes
    assert (len(bands(left)), len(bands(right))) == (3, 4) and not any(whole(left))
    assert len(figure_4(lost, "mini", WHOLE).legends[0].get_texts()) == 7


@pytest.mark.parametrize("layers", [(1, 4, 8, 11, 12), range(1, 13)])
@pytest.mark.parametrize("datasets", [["fsd50k"], ["fsd50k", "speech_commands"]])
def test_figure_4_is_legible(layer_importance, layers, datasets):
    figure = figure_4(layer_importance(layers=layers, datasets=datasets), "mini", WHOLE)
    found = texts(figure)
    for (one, a), (other, b) in itertools.combinations(found, 2):
        assert not a.overlaps(b), (one.get_text(), other.get_text())
    assert all(text.get_fontsize() >= 8 for text, _ in found)
    legend = figure.legends[0].get_window_extent()
    assert not any(legend.overlaps(axes.get_window_extent()) for axes in figure.axes)
    assert legend.x0 >= 0 and legend.x1 <= figure.bbox.x1


def test_figure_4_gives_the_same_bytes_and_refuses_what_it_cannot_draw(layer_importance):
    table = layer_importance(layers=(1, 12))
    one, other = (image(figure_4(table, "mini", WHOLE), "svg") for _ in range(2))
    assert one == other
    with pytest.raises(ValueError, match="Figure 4 would be empty"):
        figure_4(table[:0], "mini", WHOLE)
    with pytest.raises(ValueError, match="split test and val of fsd50k"):
        figure_4(pd.concat([table, table.assign(split="test")]), "mini", WHOLE)


def test_the_script_of_figure_4_writes_both_kinds(layer_importance, monkeypatch, tmp_path):
    tables.write(layer_importance(), tmp_path / "t.parquet", "layer_importance")
    out = tmp_path / "figures" / "figure_4.png"
    words = ["--layer_importance", str(tmp_path / "t.parquet"), "--out", str(out)]
    settings = json.dumps({"scale": "mini", "whole": WHOLE})
    monkeypatch.setattr(sys, "argv", ["x", "--settings", settings, *words])
    runpy.run_path(
        str(Path(__file__).resolve().parents[3] / "workflow" / "scripts" / "figure_4.py")
    )
    assert out.read_bytes().startswith(b"\x89PNG")
    assert "<svg" in out.with_suffix(".svg").read_text("utf-8")
