import itertools
import json
import runpy
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from drawn import bands, shown, texts, theirs
from matplotlib.figure import Figure

from sonify.contracts import tables
from sonify.evaluation.metrics.intervals import t_intervals
from sonify.reporting.drawing.figure_4 import figure_4
from sonify.reporting.drawing.figure_6 import figure_6
from sonify.reporting.drawing.figure_7 import figure_7
from sonify.reporting.drawing.style import COLOURS, image, unit_axis

REGIMES = ("contrastive", "supervised")
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


def test_one_seed_has_no_band(removal, coherence, by_filter):
    six, seven = (
        figure_6(removal(seeds=(0,)), "mini"),
        figure_7(coherence(seeds=(0,)), by_filter(seeds=(0,)), "mini"),
    )
    for figure in (six, seven):
        assert not any(bands(axes) for axes in figure.axes)
        assert not any("interval" in t.get_text() for t in figure.legends[0].get_texts())


def test_figure_7_draws_both_regimes_and_the_floor_of_either_measure(coherence, by_filter):
    figure = figure_7(coherence(), by_filter(), "mini")
    assert [axes.get_ylabel() for axes in figure.axes] == [
        "mean top-k coherence",
        "mean of the 5 highest peaks",
    ]
    for axes, first, noise in zip(figure.axes, (0.855, 0.71), (0.02, 0.015), strict=True):
        curves = shown(axes, "-")
        assert len(curves) == len(bands(axes)) == 2
        assert curves[0].get_ydata()[0] == pytest.approx(first)
        assert axes.get_ylim()[0] == 0
        (floor,) = shown(axes, ":")
        assert floor.get_ydata()[0] == pytest.approx(noise)
    words = [t.get_text() for t in figure.legends[0].get_texts()]
    assert words.count("noise floor") == words.count("contrastive") == 1


def test_figure_7_averages_peaks_over_clips_filters_and_ranks(coherence, by_filter):
    """Against loops over a table of which a different number of filters is left at each layer."""
    random = np.random.default_rng(7)
    table = by_filter(seeds=(0, 1, 2))
    rows = table["n_pairs"] > 0
    table.loc[rows, "peak_coherence"] = random.uniform(0.1, 0.9, rows.sum())
    table.loc[rows, "floor"] = random.uniform(0.01, 0.02, rows.sum())
    lost = rows & (table["layer"] % 3 == 0) & (table["filter"] == 1) & (table["seed"] == 1)
    table.loc[lost, "peak_coherence"] = np.nan

    peaks = defaultdict(list)
    for row in table.itertuples():
        if not np.isnan(row.peak_coherence):
            peaks[row.regime, row.seed, row.layer, row.peak_rank].append(row)

    def value(column, regime, seed, layer):
        ranks = []
        for rank in range(1, 6):
            of_rank = [getattr(row, column) for row in peaks[regime, seed, layer, rank]]
            ranks.append(sum(of_rank) / len(of_rank))
        return sum(ranks) / 5

    axes = figure_7(coherence(seeds=(0, 1, 2)), table, "mini").axes[1]
    floors = []
    for curve, band in zip(shown(axes, "-"), bands(axes), strict=True):
        by_colour = {colour: regime for regime, colour in COLOURS.items() if regime in REGIMES}
        regime = by_colour[curve.get_color()]
        outline = band.get_paths()[0].vertices
        for layer, mean in zip(range(1, 12), curve.get_ydata(), strict=True):
            runs = [value("peak_coherence", regime, seed, layer) for seed in range(3)]
            floors += [value("floor", regime, seed, layer) for seed in range(3)]
            assert mean == pytest.approx(np.mean(runs))
            ends = outline[outline[:, 0] == layer, 1]
            half = 4.302653 * np.std(runs, ddof=1) / 3**0.5
            assert (ends.min(), ends.max()) == pytest.approx((mean - half, mean + half), rel=1e-6)
    (floor,) = shown(axes, ":")
    assert floor.get_ydata()[0] == pytest.approx(np.mean(floors))


def test_figure_7_of_what_there_is(coherence, by_filter):
    """Runs that were not sonified have no panel of peaks, dead layers no point."""
    other = by_filter().assign(run="contrastive_x2")
    (axes,) = figure_7(coherence(), other, "mini").axes
    assert axes.get_ylabel() == "mean top-k coherence" and not theirs(axes)
    table = by_filter()
    table.loc[(table["regime"] == "supervised") & (table["layer"] > 9), "peak_coherence"] = np.nan
    contrastive, supervised = shown(figure_7(coherence(), table, "mini").axes[1], "-")
    assert contrastive.get_xdata().tolist() == list(range(1, 12))
    assert supervised.get_xdata().tolist() == list(range(1, 10))
    more = pd.concat([by_filter(), other])
    assert len(shown(figure_7(coherence(), more, "mini").axes[1], "-")) == 2
    with pytest.raises(ValueError, match="coherence_by_filter has split eval and val"):
        figure_7(coherence(), pd.concat([table, table.assign(split="val")]), "mini")


def test_few_runs_do_not_squeeze_the_curves_for_their_bands(removal):
    low = removal([("a", "contrastive", "full", 0.3), ("b", "supervised", "full", 0.2)])
    low = low.assign(split="val")  # clips of which the authors have no curve
    (axes,) = figure_6(low, "mini").axes
    assert axes.get_ylim() == pytest.approx((0, 1.06 * 0.32))  # up to the better run, untouched
    three = removal([("a", "contrastive", "full", 0.3)], seeds=(0, 1, 2)).assign(split="val")
    (axes,) = figure_6(three, "mini").axes
    assert axes.get_ylim() == pytest.approx((0, 1.06 * (0.32 + 2 * 0.02 / 3**0.5)), rel=1e-3)
    five = removal([("a", "contrastive", "full", 0.3)], seeds=range(5)).assign(split="val")
    (axes,) = figure_6(five, "mini").axes
    band = 2.776 * 0.02 * 2.5**0.5 / 5**0.5  # fits whole, and beyond the best run
    assert axes.get_ylim() == pytest.approx((0, 1.06 * (0.34 + band)), rel=1e-3)
    assert axes.get_ylim()[1] > 0.38


@pytest.mark.parametrize("n", [2, 3, 4])
def test_axes_that_cut_bands_off_hold_every_run_wherever_it_lies(n):
    """The run farthest from the mean: all others equal."""
    values = np.array([1.0] + [0.0] * (n - 1)) / 4
    axes = Figure().subplots()
    unit_axis(axes, t_intervals(pd.DataFrame({"m": 0, "v": values}), ["m"], "v"))
    assert axes.get_ylim()[1] >= min(values.max(), 1.0)


def test_figures_say_how_many_clips(removal, coherence, by_filter):
    assert figure_6(removal(), "mini").axes[0].get_ylabel() == "mAP on FSD50K eval, 250 clips"
    left, right = figure_7(coherence(), by_filter(), "mini").axes
    assert left.get_title("left").split("\n") == [
        "most active map of every clip (equation 3)",
        "AudioSet eval, 2 clips",
    ]
    assert right.get_title("left").split("\n") == [
        "top clips of every filter, highest peaks",
        "(authors’ code), AudioSet eval",
    ]


def test_only_the_miniature_says_so(removal, coherence, by_filter):
    for scale, word in (("mini", "miniature"), ("paper", "")):
        assert figure_6(removal(), scale).axes[-1].get_title("right") == word
        assert figure_7(coherence(), by_filter(), scale).axes[-1].get_title("right") == word


@pytest.mark.parametrize("layers", [3, 11])
def test_no_text_overlaps_and_none_is_small(removal, coherence, by_filter, layers):
    for figure in (
        figure_6(removal(layers=layers), "mini"),
        figure_7(coherence(layers=layers), by_filter(layers=layers), "mini"),
    ):
        found = texts(figure)
        for (one, a), (other, b) in itertools.combinations(found, 2):
            assert not a.overlaps(b), (one.get_text(), other.get_text())
        assert all(text.get_fontsize() >= 8 for text, _ in found)
        legend = figure.legends[0].get_window_extent()
        assert not any(legend.overlaps(axes.get_window_extent()) for axes in figure.axes)
        assert legend.x0 >= 0 and legend.x1 <= figure.bbox.x1


def test_layer_ticks_are_whole_numbers(removal):
    axes = figure_6(removal(), "mini").axes[0]
    ticks = axes.get_xticks()
    assert set(range(1, 12)) <= set(ticks.tolist()) and np.array_equal(ticks, ticks.round())


@pytest.mark.parametrize("kind", ["png", "svg"])
def test_same_tables_same_bytes(removal, coherence, by_filter, kind):
    seven = coherence(layers=3), by_filter(layers=3)
    for draw, given in ((figure_6, [removal(layers=3)]), (figure_7, seven)):
        assert image(draw(*given, "mini"), kind) == image(draw(*given, "mini"), kind)


def test_models_from_scratch_get_a_panel(removal):
    runs = [("fsd50k-scratch", "supervised", "none", 0.4), ("a", "contrastive", "full", 0.5)]
    figure = figure_6(removal(runs), "mini")
    assert [axes.get_title("left") for axes in figure.axes] == ["full finetuning", "from scratch"]


def test_one_condition_is_drawn_out_of_several(removal, coherence, by_filter):
    other = removal().assign(rule="max", value=lambda t: t["value"] / 2)
    rescaled = removal().assign(rescaled=True, value=lambda t: t["value"] / 4)
    both = pd.concat([removal(), other, rescaled])
    for condition, factor in ((("mean", False), 1), (("max", False), 2), (("mean", True), 4)):
        axes = figure_6(both, "mini", *condition).axes[1]
        supervised = next(c for c in shown(axes, "-") if c.get_color() == COLOURS["supervised"])
        assert supervised.get_ydata()[9] == pytest.approx((0.6 * 0.5 + 0.01) / factor)
    lower = coherence().assign(rule="energy", coherence=lambda t: t["coherence"] / 2)
    axes = figure_7(pd.concat([coherence(), lower]), by_filter(), "mini", rule="energy").axes[0]
    assert shown(axes, "-")[0].get_ydata()[0] == pytest.approx(0.855 / 2)
    for axes in figure_7(coherence(), by_filter(), "mini", runs=["supervised"]).axes:
        (curve,) = shown(axes, "-")
        assert curve.get_color() == COLOURS["supervised"]


def test_conditions_and_runs_that_are_not_there_are_named(removal, coherence, by_filter):
    with pytest.raises(ValueError, match="removal has no rows with rule max, only mean"):
        figure_6(removal(), "mini", rule="max")
    with pytest.raises(ValueError, match="removal has no rows with rescaled True, only False"):
        figure_6(removal(), "mini", rescaled=True)
    with pytest.raises(ValueError, match="coherence has no rows with rule max, only mean"):
        figure_7(coherence(), by_filter(), "mini", rule="max")
    with pytest.raises(ValueError, match="has no run strided, only contrastive, supervised"):
        figure_7(coherence(), by_filter(), "mini", runs=["contrastive", "strided"])


def test_mixed_datasets_and_splits_are_refused(removal, coherence, by_filter):
    both = pd.concat([removal(), removal().assign(dataset="audioset")])
    with pytest.raises(ValueError, match="dataset audioset and fsd50k"):
        figure_6(both, "mini")
    both = pd.concat([coherence(), coherence().assign(split="val")])
    with pytest.raises(ValueError, match="split eval and val"):
        figure_7(both, by_filter(), "mini")


def test_empty_tables_are_refused(removal, coherence, by_filter):
    with pytest.raises(ValueError, match="Figure 6 would be empty"):
        figure_6(removal()[:0], "mini")
    with pytest.raises(ValueError, match="Figure 7 would be empty"):
        figure_7(coherence()[:0], by_filter(), "mini")


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
    assert (
        len(figure_4(lost, "mini", WHOLE).legends[0].get_texts()) == 8
    )  # four models, whole, interval, two of the authors


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
    words += ["--numbers", str(tmp_path / "numbers.parquet")]
    settings = json.dumps({"scale": "mini", "whole": WHOLE})
    monkeypatch.setattr(sys, "argv", ["x", "--settings", settings, *words])
    runpy.run_path(
        str(Path(__file__).resolve().parents[3] / "workflow" / "scripts" / "figure_4.py")
    )
    assert out.read_bytes().startswith(b"\x89PNG")
    assert "<svg" in out.with_suffix(".svg").read_text("utf-8")
