"""The figures of what the paper leaves open, and of strided convolutions."""

import itertools
import json
import runpy
import sys
from pathlib import Path

import pandas as pd
import pytest
from drawn import bands, shown, texts

from sonify.contracts import tables
from sonify.reporting.drawing.sensitivity import figure_sensitivity_6, figure_sensitivity_7
from sonify.reporting.drawing.strided import figure_strided
from sonify.reporting.drawing.style import COLOURS, image

SCRIPTS = Path(__file__).resolve().parents[4] / "workflow" / "scripts"
PAIRS = {"pool": "contrastive", "strided": "contrastive_strided"}


@pytest.fixture
def removals(removal):
    """Each condition leaves half of what the one before does; the main one comes last."""

    def make(**options):
        conditions = [("mean", True), ("energy", False), ("max", False), ("mean", False)]
        return pd.concat(
            removal(**options).assign(
                rule=rule, rescaled=rescaled, value=lambda t, i=i: t.value / 2**i
            )
            for i, (rule, rescaled) in zip((3, 2, 1, 0), conditions, strict=True)
        )

    return make


@pytest.fixture
def coherences(coherence):
    def make(**options):
        return pd.concat(
            coherence(**options).assign(rule=rule, coherence=lambda t, i=i: t.coherence / 2**i)
            for rule, i in (("energy", 2), ("max", 1), ("mean", 0))
        )

    return make


@pytest.fixture
def strided(coherence):
    """The supervised run stands for the strided one: its envelopes correlate by 0.1 - 0.02 layer;
    those of the other by 0.5, plus or minus 0.01 a seed."""

    def make(**options):
        table = coherence(**options)
        is_strided = table["run"] == "supervised"
        correlation = (0.1 - 0.02 * table["layer"]).where(is_strided, 0.49 + 0.02 * table["seed"])
        return table.assign(
            envelope_correlation=correlation,
            run=table["run"].replace("supervised", "contrastive_strided"),
            regime="contrastive",
        )

    return make


def test_every_condition_of_removal_has_a_column_the_main_one_first(removals):
    figure = figure_sensitivity_6(removals(), "mini")
    panels = [figure.axes[:4], figure.axes[4:]]
    assert [axes.get_title("left") for axes in panels[0]] == [
        "by mean",
        "by largest value",
        "by energy",
        "by mean,\nrest rescaled",
    ]
    labels = [row[0].get_ylabel() for row in panels]
    assert labels == ["mAP, fc-only finetuning", "mAP, full finetuning"]
    for row, base in zip(panels, (0.4, 0.6), strict=True):
        for i, axes in enumerate(row):
            curves, baselines = shown(axes, "-"), shown(axes, "--")
            assert len(curves) == len(baselines) == len(bands(axes)) == 2
            curve = next(c for c in curves if c.get_color() == COLOURS["supervised"])
            assert curve.get_xdata().tolist() == list(range(1, 12))
            assert curve.get_ydata()[9] == pytest.approx((base / 2 + 0.01) / 2**i)
            assert axes.get_ylim() == panels[0][0].get_ylim()
    assert panels[1][3].get_title("right") == "miniature"
    assert figure.get_supxlabel().startswith("FSD50K eval, 250 clips;")
    assert figure.get_supxlabel().endswith("; at 0 nothing is removed")


def test_all_panels_show_the_seeds_that_have_every_condition(removals, coherences):
    """The main condition of a further seed is left out, so that panels differ by choice alone."""
    two, three = removals(seeds=(0, 1)), removals(seeds=(0, 1, 2))
    main = three[(three["rule"] == "mean") & ~three["rescaled"]]
    more = pd.concat([two, main[main["seed"] == 2]])
    lines = [
        [list(line.get_ydata()) for axes in figure.axes for line in axes.lines]
        for figure in (figure_sensitivity_6(table, "mini") for table in (two, more))
    ]
    assert lines[0] == lines[1]
    two, three = coherences(seeds=(0, 1)), coherences(seeds=(0, 1, 2))
    more = pd.concat([two, three[(three["rule"] == "mean") & (three["seed"] == 2)]])
    lines = [
        [list(line.get_ydata()) for axes in figure.axes for line in axes.lines]
        for figure in (figure_sensitivity_7(table, "mini") for table in (two, more))
    ]
    assert lines[0] == lines[1]


def test_every_rule_of_coherence_has_a_panel(coherences):
    figure = figure_sensitivity_7(coherences(), "paper", ["supervised"])
    titles = [axes.get_title("left") for axes in figure.axes]
    assert titles == ["by mean", "by largest value", "by energy"]
    for i, axes in enumerate(figure.axes):
        (curve,), (floor,) = shown(axes, "-"), shown(axes, ":")
        assert curve.get_ydata()[0] == pytest.approx(0.855 / 2**i)
        assert floor.get_ydata()[0] == pytest.approx(0.02)
        assert axes.get_ylim() == figure.axes[0].get_ylim() and len(bands(axes)) == 1
        assert axes.get_title("right") == ""
    assert len(shown(figure_sensitivity_7(coherences(), "mini").axes[0], "-")) == 2


def test_strided_convolutions_stand_beside_pooling(strided):
    figure = figure_strided(strided(), "mini", "mean", PAIRS)
    left, right = figure.axes
    assert (left.get_title("left"), right.get_title("right")) == (
        "AudioSet eval, 2 clips",
        "miniature",
    )
    pool, by_stride = shown(left, "-")
    assert pool.get_ydata()[10] == pytest.approx(0.655)
    assert by_stride.get_ydata()[10] == pytest.approx(0.255)
    assert [line.get_ydata()[0] for line in shown(left, ":")] == pytest.approx([0.02])
    pool, by_stride = shown(right, "-")
    assert pool.get_ydata()[10] == pytest.approx(0.5)
    assert by_stride.get_ydata()[10] == pytest.approx(-0.12)
    assert right.get_ylim()[0] < -0.12 and left.get_ylim()[0] == 0 and not shown(right, ":")
    low, high = bands(right)[0].get_paths()[0].get_extents().intervaly
    assert high - low == pytest.approx(2 * 12.706 * 0.01, rel=1e-3)
    flat = bands(right)[1].get_paths()[0].get_extents().intervaly  # equal seeds: no width
    assert flat[1] - flat[0] == pytest.approx(0.2)
    assert pool.get_marker() != by_stride.get_marker()
    assert [t.get_text() for t in figure.legends[0].get_texts()] == [
        "max pooling",
        "strided convolutions",
        "noise floor",
        "95% interval of 2 runs (dots)",
    ]


def test_one_seed_has_no_band(removals, coherences, strided):
    for figure in (
        figure_sensitivity_6(removals(seeds=(0,)), "mini"),
        figure_sensitivity_7(coherences(seeds=(0,)), "mini"),
        figure_strided(strided(seeds=(0,)), "mini", "mean", PAIRS),
    ):
        assert not any(bands(axes) for axes in figure.axes)
        assert not any("interval" in t.get_text() for t in figure.legends[0].get_texts())


def test_a_condition_that_some_models_lack_leaves_them_out(removals):
    table = removals()
    lost = table[(table["finetune"] == "full") | ~table["rescaled"]]
    figure = figure_sensitivity_6(lost, "mini")
    assert not shown(figure.axes[3]) and len(shown(figure.axes[7], "-")) == 2


def test_what_is_not_there_is_named(removals, coherences, strided):
    for draw, table in ((figure_sensitivity_6, removals()), (figure_sensitivity_7, coherences())):
        with pytest.raises(ValueError, match="figure would be empty"):
            draw(table[:0], "mini")
        with pytest.raises(ValueError, match="split eval and val"):
            draw(pd.concat([table, table.assign(split="val")]), "mini")
    with pytest.raises(ValueError, match="figure would be empty"):
        figure_strided(strided()[:0], "mini", "mean", PAIRS)
    with pytest.raises(ValueError, match="has no run tiled, only contrastive, contrastive_strided"):
        figure_strided(strided(), "mini", "mean", {**PAIRS, "strided": "tiled"})
    with pytest.raises(ValueError, match="no rows with rule max, only mean"):
        figure_strided(strided(), "mini", "max", PAIRS)


@pytest.mark.parametrize("layers", [3, 11])
def test_no_text_overlaps_and_none_is_small(removals, coherences, strided, layers):
    for figure in (
        figure_sensitivity_6(removals(layers=layers), "mini"),
        figure_sensitivity_7(coherences(layers=layers), "mini"),
        figure_strided(strided(layers=layers), "mini", "mean", PAIRS),
    ):
        found = texts(figure)
        for (one, a), (other, b) in itertools.combinations(found, 2):
            assert not a.overlaps(b), (one.get_text(), other.get_text())
        assert all(text.get_fontsize() >= 8 for text, _ in found)
        legend = figure.legends[0].get_window_extent()
        assert not any(legend.overlaps(axes.get_window_extent()) for axes in figure.axes)
        assert legend.x0 >= 0 and legend.x1 <= figure.bbox.x1


def test_scripts_write_both_kinds_and_the_same_bytes(
    removals, coherences, strided, monkeypatch, tmp_path
):
    scale = {"scale": "mini"}
    for name, contract, frame, settings in (
        ("sensitivity_6", "removal", removals(layers=3), scale),
        ("sensitivity_7", "coherence", coherences(layers=3), scale | {"runs": ["contrastive"]}),
        ("strided", "coherence", strided(layers=3), scale | {"rule": "mean", "pairs": PAIRS}),
    ):
        tables.write(frame, tmp_path / "t.parquet", contract)
        out = tmp_path / f"figure_{name}.png"
        words = ["--settings", json.dumps(settings), f"--{contract}", str(tmp_path / "t.parquet")]
        monkeypatch.setattr(sys, "argv", ["x", *words, "--out", str(out)])
        runpy.run_path(str(SCRIPTS / f"figure_{name}.py"))
        first = out.read_bytes()
        assert first.startswith(b"\x89PNG") and "<svg" in out.with_suffix(".svg").read_text("utf-8")
    again = figure_strided(tables.read(tmp_path / "t.parquet", "coherence"), "mini", "mean", PAIRS)
    assert image(again, "png") == first
