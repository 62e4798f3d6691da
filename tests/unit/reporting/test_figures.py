import itertools

import numpy as np
import pandas as pd
import pytest
from drawn import bands, shown, texts

from sonify.reporting.figures.figure_6 import figure_6
from sonify.reporting.figures.figure_7 import figure_7
from sonify.reporting.figures.style import COLOURS, image


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
    other = removal().assign(rule="mean", value=lambda t: t["value"] / 2)
    rescaled = removal().assign(rescaled=True, value=lambda t: t["value"] / 4)
    both = pd.concat([removal(), other, rescaled])
    for condition, factor in ((("max", False), 1), (("mean", False), 2), (("max", True), 4)):
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
    with pytest.raises(ValueError, match="removal has no rows with rule mean, only max"):
        figure_6(removal(), "mini", rule="mean")
    with pytest.raises(ValueError, match="removal has no rows with rescaled True, only False"):
        figure_6(removal(), "mini", rescaled=True)
    with pytest.raises(ValueError, match="coherence has no rows with rule mean, only max"):
        figure_7(coherence(), "mini", rule="mean")
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
