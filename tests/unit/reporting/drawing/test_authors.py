"""The authors' curves behind ours in Figures 4, 6 and 7."""

import pytest
from drawn import theirs

from sonify.reporting.drawing.figure_4 import figure_4
from sonify.reporting.drawing.figure_6 import figure_6
from sonify.reporting.drawing.figure_7 import figure_7
from sonify.reporting.drawing.style import COLOURS


def lines(axes):
    return [one for one in axes.lines if one in theirs(axes)]


def bars(axes):
    return [one for one in axes.containers if one in theirs(axes)]


def words(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def ends(bar):
    return bar.lines[2][0].get_segments()[0][:, 1]


def test_figure_6_has_their_curve_band_and_baseline_in_each_panel(removal):
    figure = figure_6(removal(), "mini")
    for axes, untouched, layer_1, layer_11 in zip(
        figure.axes, (0.3064, 0.4251), (0.1225, 0.2055), (0.1863, 0.3304), strict=True
    ):
        (curve,) = lines(axes)
        assert curve.get_xdata().tolist() == list(range(1, 12))
        assert curve.get_ydata()[[0, 10]] == pytest.approx([layer_1, layer_11], abs=5e-5)
        (bar,) = bars(axes)
        assert bar.lines[0].get_ydata()[0] == pytest.approx(untouched, abs=5e-5)
        assert axes.get_ylim()[1] > untouched
    low, high = ends(bars(figure.axes[0])[0])
    assert (high - low) / 2 == pytest.approx(0.0068, abs=5e-5)
    assert words(figure).count("the authors (contrastive, 3 runs)") == 1


def test_figure_7_has_both_regimes_in_the_panel_of_their_measure_alone(coherence, by_filter):
    figure = figure_7(coherence(), by_filter(), "mini")
    text, code = figure.axes
    assert not theirs(text)
    contrastive, supervised = lines(code)
    assert contrastive.get_ydata()[10] == pytest.approx(0.5029, abs=5e-5)
    assert supervised.get_ydata()[10] == pytest.approx(0.0636, abs=5e-5)
    assert contrastive.get_marker() != supervised.get_marker()
    assert len(theirs(code)) == 4, "a line and a band for each"
    assert "the authors (3 runs, same markers)" in words(figure)


def test_figure_4_has_their_means_and_whole_encoders(layer_importance):
    whole = dict.fromkeys(layer_importance()["run"].unique(), 12)
    figure = figure_4(layer_importance(), "mini", whole)
    for axes, first in zip(figure.axes, (0.032, 0.121), strict=True):
        curves = lines(axes)
        assert len(curves) == len(bars(axes)) == 4
        assert all(curve.get_xdata().tolist() == list(range(1, 12)) for curve in curves)
        assert curves[0].get_ydata()[0] == pytest.approx(first, abs=5e-4)
        looks = {(c.get_marker(), c.get_markerfacecolor(), c._dash_pattern[1][0]) for c in curves}
        assert len(looks) == 4, "each differs from each in grey"
    low, high = ends(bars(figure.axes[0])[0])
    assert (low + high) / 2 == pytest.approx(0.3206, abs=5e-5)
    assert (high - low) / 2 == pytest.approx(0.0125, abs=5e-5)
    assert {"the authors, fc-only", "the authors, full"} <= set(words(figure))
    keys = figure.legends[0].legend_handles
    fconly, full = (k for k in keys if k.get_label().startswith("the authors"))
    assert fconly.get_markerfacecolor() == "white" != full.get_markerfacecolor()
    assert fconly._dash_pattern != full._dash_pattern


def test_they_are_grey_thin_and_behind_ours(removal, coherence, by_filter):
    seven = figure_7(coherence(), by_filter(), "mini")
    for axes in (*figure_6(removal(), "mini").axes, *seven.axes):
        ours = [line for line in axes.lines if line.get_color() in COLOURS.values()]
        for line in lines(axes):
            assert line.get_color() not in COLOURS.values() and line.get_linestyle() != "-"
            assert line.get_linewidth() < 1.5 and line.zorder < min(one.zorder for one in ours)


def test_on_other_clips_they_are_not_drawn(removal, coherence, by_filter):
    six = figure_6(removal().assign(split="val"), "mini")
    seven = figure_7(coherence(), by_filter().assign(dataset="fsd50k"), "mini")
    for figure in (six, seven):
        assert not any(theirs(axes) for axes in figure.axes)
        assert not any("authors" in word for word in words(figure))


def test_only_layers_and_panels_that_are_there_have_them(removal):
    (axes,) = figure_6(removal([("a", "contrastive", "full", 0.3)], layers=3), "mini").axes
    (curve,) = lines(axes)
    assert curve.get_xdata().tolist() == [1, 2, 3]
    scratch = removal([("s", "supervised", "none", 0.3)])
    assert not theirs(figure_6(scratch, "mini").axes[0])
