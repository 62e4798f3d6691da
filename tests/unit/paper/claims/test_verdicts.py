import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr

from sonify.paper.claims.evidence import Missing
from sonify.paper.claims.layers import at_layers, rank_correlation, slope, spread
from sonify.paper.claims.measurement import Measurement
from sonify.paper.claims.verdicts import (
    EQUAL,
    SOME_EQUAL,
    Above,
    Claim,
    Within,
    judge,
)

NAN, INF = math.nan, math.inf


@pytest.mark.parametrize(
    ("values", "threshold", "verdict"),
    [
        # of two seeds the half-width is 12.706 · |a - b| / 2
        ([0.30, 0.31], 0, "reproduced"),  # 0.305 ± 0.0635
        ([0.30, 0.34], 0, "reproduced"),  # 0.320 ± 0.2541
        ([0.30, 0.36], 0, "inconclusive"),  # 0.330 ± 0.3812
        ([-0.30, -0.34], 0, "not reproduced"),
        ([0.30, 0.31], 0.5, "not reproduced"),  # at most 0.3685
        ([0.30, 0.34], 0.5, "inconclusive"),  # at most 0.5741
        # of 1, 2, 3 it is 4.3027 / √3 = 2.4842
        ([1, 2, 3], 0, "inconclusive"),
        ([1.5, 2.5, 3.5], 0, "reproduced"),  # 2.5 ± 2.4842
        ([0.2] * 3, 0, "reproduced"),
        ([-0.2] * 3, 0, "not reproduced"),
        ([0.5] * 3, 0.5, "inconclusive"),  # exactly at the threshold
        ([0.5 + 1e-12] * 3, 0.5, "inconclusive"),  # and off it by rounding
        ([0.5 - 1e-12] * 3, 0.5, "inconclusive"),
        ([0.5 + 1e-6] * 3, 0.5, "reproduced"),
        ([0.9], 0, "inconclusive"),
        ([], 0, "inconclusive"),
        ([NAN, 0.30, 0.31], 0, "reproduced"),
        ([NAN, NAN], 0, "inconclusive"),
        ([INF, 0.3], 0, "inconclusive"),
        ([INF, -INF], 0, "inconclusive"),
    ],
)
def test_above(values, threshold, verdict):
    assert judge(values, Above(threshold)).verdict == verdict


@pytest.mark.parametrize(
    ("values", "verdict"),
    [
        ([0.01, 0.02], "reproduced"),  # 0.015 ± 0.0635
        ([-0.01, -0.02], "reproduced"),
        ([-0.2, 0.2], "inconclusive"),  # 0 ± 2.54: a mean of 0 alone is not alike
        ([0.15, 0.17], "inconclusive"),  # 0.16 ± 0.127 reaches beyond 0.25
        ([0.50, 0.51], "not reproduced"),  # 0.505 ± 0.0635
        ([-0.50, -0.51], "not reproduced"),
        ([0.0] * 2, "reproduced"),
        ([0.25] * 2, "inconclusive"),
        ([-0.25] * 2, "inconclusive"),
        ([0.1], "inconclusive"),
    ],
)
def test_within(values, verdict):
    assert judge(values, Within(0.25)).verdict == verdict


def test_a_judgement_has_the_interval_by_hand():
    found = judge([0.30, 0.34], Above())
    assert (found.mean, found.n_runs) == (pytest.approx(0.32), 2)
    assert found.ci95 == pytest.approx(12.706 * 0.02, rel=1e-4)
    assert found.caveats == ()


@pytest.mark.parametrize(
    ("values", "mean", "n_runs", "caveat"),
    [
        ([0.4], 0.4, 1, "a single seed has no interval"),
        ([0.4, NAN], 0.4, 1, "undefined for 1 of 2 seeds, a single seed has no interval"),
        ([NAN, NAN], NAN, 0, "undefined for 2 of 2 seeds"),
        ([INF, 0.4], INF, 2, "not finite in every seed"),
        ([0.4, 0.4, NAN], 0.4, 2, f"undefined for 1 of 3 seeds, {EQUAL}"),
        ([0.4, 0.4], 0.4, 2, EQUAL),
        ([0.4, 0.4 + 1e-6], 0.4 + 5e-7, 2, ""),
    ],
)
def test_what_kept_a_judgement_from_being_clear_is_said(values, mean, n_runs, caveat):
    found = judge(values, Above())
    assert found.mean == pytest.approx(mean, nan_ok=True)
    assert (found.n_runs, ", ".join(found.caveats)) == (n_runs, caveat)


GOOD, BAD, OPEN = [0.30, 0.31, 0.32], [-0.30, -0.31, -0.32], [0.3, -0.3, 0.1]


@pytest.mark.parametrize(
    ("columns", "mean", "verdict"),
    [
        ([GOOD, [0.40, 0.41, 0.42]], 0.31, "reproduced"),
        ([GOOD, OPEN], 0.1 / 3, "inconclusive"),
        ([GOOD, BAD, OPEN], -0.31, "not reproduced"),
        # below 0 in every seed, though neither is below 0
        ([[0.3, -0.1, 0.3], [-0.1, 0.3, -0.1]], 0.1 / 3, "inconclusive"),
        # the least mean clears 0, the greater does not
        ([GOOD, [0.1, 0.1, 0.9]], 0.31, "inconclusive"),
        # of many numbers one is alike in all seeds by chance: the least mean decides
        ([[-0.1] * 3, [-0.9, 0.3, -0.3]], -0.3, "inconclusive"),
        ([GOOD, [NAN] * 3], 0.31, "inconclusive"),
        ([BAD, [NAN] * 3], -0.31, "not reproduced"),
        ([[0.3]], 0.3, "inconclusive"),
    ],
)
def test_every_number_is_judged_by_its_own_interval(columns, mean, verdict):
    found = judge(pd.DataFrame(columns).T, Above(every=True))
    assert found.verdict == verdict
    assert found.mean == pytest.approx(mean, nan_ok=True)


def test_what_kept_one_of_several_from_being_clear_is_said():
    found = judge(pd.DataFrame({"a": [0.3, 0.31], "b": [NAN, NAN]}), Above(every=True))
    assert found.n_runs == 2
    assert found.caveats == ("not every number is this clear", "undefined for 2 of 2 seeds")
    found = judge(pd.DataFrame({"a": [0.3, NAN], "b": [0.2, NAN]}), Above(every=True))
    assert found.caveats == ("undefined for 1 of 2 seeds", "a single seed has no interval")
    assert "reproduced if all lie above 0, not" in str(Above(every=True))


@pytest.mark.parametrize(
    ("columns", "verdict", "caveats"),
    [
        ([[0.3, 0.3], [0.4, 0.4]], "reproduced", (EQUAL,)),
        ([[0.3, 0.31], [0.4, 0.4]], "reproduced", (SOME_EQUAL,)),
        ([[0.0, 0.0], [-0.4, 0.3]], "inconclusive", (SOME_EQUAL,)),
        ([[-0.1, -0.1], [0.4, 0.3]], "not reproduced", (SOME_EQUAL,)),
        ([[0.3, 0.31], [0.4, NAN]], "inconclusive", None),
    ],
)
def test_equal_seeds_of_one_of_several_are_not_said_of_the_one_shown(columns, verdict, caveats):
    found = judge(pd.DataFrame(columns).T, Above(every=True))
    assert found.verdict == verdict
    if caveats is None:
        assert not {EQUAL, SOME_EQUAL} & set(found.caveats)
    else:
        assert found.caveats == caveats


@given(st.lists(st.floats(-10, 10), min_size=2, max_size=5), st.floats(-5, 5))
def test_turning_the_sign_turns_the_verdict(values, threshold):
    turned = {"reproduced": "not reproduced", "not reproduced": "reproduced"}
    found = judge(values, Above(threshold)).verdict
    assert judge([-v for v in values], Above(-threshold)).verdict == turned.get(found, found)
    alike = judge(values, Within(abs(threshold))).verdict
    assert judge([-v for v in values], Within(abs(threshold))).verdict == alike


def test_what_is_missing_is_not_run():
    def measured(_):
        raise Missing("metrics of something")

    row = Claim(1, "4.1", "It is so", "number", Above(), measured).row(None, "mini")
    assert (row["verdict"], row["n_runs"]) == ("not run", 0)
    assert math.isnan(row["mean"]) and math.isnan(row["ci95"])
    assert row["remark"] == "Missing: metrics of something."


def test_a_row_says_its_numbers_and_its_caveat():
    claim = Claim(1, "4.1", "It is so", "number", Above(0.5), lambda _: Measurement([0.6], "a b"))
    row = claim.row(None, "paper")
    assert row["remark"] == "a b; a single seed has no interval."
    assert "above 0.5, not reproduced if it lies below 0.5" in row["criterion"]
    assert "inside ±0.25" in str(Within(0.25))
    assert row["scale"] == "paper"


def curves(values, layers=None):
    frame = pd.DataFrame(values)
    frame.columns = layers or range(1, frame.shape[1] + 1)
    return frame


@given(st.lists(st.lists(st.integers(0, 6), min_size=11, max_size=11), min_size=1, max_size=3))
def test_rank_correlation_is_spearmans(values):
    found = rank_correlation(curves(values))
    for seed, value in enumerate(values):
        flat = len(set(value)) == 1
        expected = 0.0 if flat else spearmanr(range(11), value).statistic
        assert found[seed] == pytest.approx(expected, abs=1e-12)


def test_rank_correlation_by_hand():
    # 1 - 6 Σd² / (n (n² - 1)): two neighbours of eleven swapped, 1 - 12 / 1320
    swapped = curves([[1, 2, 4, 3, 5, 6, 7, 8, 9, 10, 11]])
    assert rank_correlation(swapped)[0] == pytest.approx(1 - 12 / 1320)
    assert rank_correlation(-swapped)[0] == pytest.approx(12 / 1320 - 1)
    assert math.isnan(rank_correlation(curves([[1, 2, NAN, 4]]))[0])


def test_slope_is_the_straight_lines():
    values = np.random.default_rng(0).normal(size=(3, 5))
    layers = [1, 4, 5, 9, 11]
    expected = np.polyfit(layers, values.T, 1)[0]
    np.testing.assert_allclose(slope(curves(values, layers)), expected, atol=1e-12)


def test_spread_by_hand():
    assert spread(curves([[1, 2, 3]]))[0] == 1
    assert math.isnan(spread(curves([[1, 2, NAN]]))[0])


def test_a_trend_of_two_layers_is_missing():
    with pytest.raises(Missing, match="layers 1 to 11, at least 3 of them"):
        slope(curves([[1, 2]]))


def test_only_the_layers_meant_count():
    frame = curves([[1, 2, 3, 4]], [0, 8, 9, 12])
    assert at_layers(frame, (8, 9, 10, 11)).columns.tolist() == [8, 9]
    with pytest.raises(Missing, match="^layer 6$"):
        at_layers(frame, (6,))
