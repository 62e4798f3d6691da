import math
from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr, ttest_1samp

from sonify.paper.claims import verdicts
from sonify.paper.claims.evidence import Evidence, Missing, chance_map
from sonify.paper.claims.layers import (
    CENTRE,
    DEEP,
    INITIAL,
    LAYERS,
    MIDDLE,
    TREND,
    at_layers,
    coverage_note,
    paired,
    rank_correlation,
    rank_step,
    slope,
    spread,
)
from sonify.paper.claims.measurement import Measurement
from sonify.paper.claims.rules import ALPHA, Above, Decision, Delta, NotAbove, Parts, Within
from sonify.paper.claims.verdicts import EQUAL, FLOORED, SOME_EQUAL, Claim, judge

NAN, INF = math.nan, math.inf


@pytest.mark.parametrize(
    ("values", "threshold", "verdict"),
    [
        # of two seeds the half-width is 12.706 · |a - b| / 2
        ([0.30, 0.31], 0, "reproduced"),  # 0.305 ± 0.0635
        ([0.30, 0.34], 0, "reproduced"),  # 0.320 ± 0.2541
        ([0.30, 0.36], 0, "inconclusive"),  # 0.330 ± 0.3812
        ([-0.30, -0.34], 0, "contradicted"),
        ([0.30, 0.31], 0.5, "contradicted"),  # at most 0.3685
        ([0.30, 0.34], 0.5, "inconclusive"),  # at most 0.5741
        # of 1, 2, 3 it is 4.3027 / √3 = 2.4842
        ([1, 2, 3], 0, "inconclusive"),
        ([1.5, 2.5, 3.5], 0, "reproduced"),  # 2.5 ± 2.4842
        # equal seeds have no interval
        ([0.2] * 3, 0, "inconclusive"),
        ([-0.2] * 3, 0, "inconclusive"),
        ([0.1 + 0.2, 0.3, 0.3], 0, "inconclusive"),  # nor do those equal but for rounding
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
        ([0.50, 0.51], "contradicted"),  # 0.505 ± 0.0635
        ([-0.50, -0.51], "contradicted"),
        ([0.0] * 2, "inconclusive"),
        ([0.1], "inconclusive"),
    ],
)
def test_within(values, verdict):
    assert judge(values, Within(0.25)).verdict == verdict


@pytest.mark.parametrize(
    ("value", "rule", "verdict"),
    [
        (0.2, Above(), "reproduced"),
        (0.04, Above(), "inconclusive"),  # ± 0.05
        (-0.2, Above(), "contradicted"),
        (0.0, Within(0.25), "reproduced"),
        (0.22, Within(0.25), "inconclusive"),
        (0.31, Within(0.25), "contradicted"),
    ],
)
def test_equal_seeds_with_a_floor_have_its_width(value, rule, verdict):
    found = judge([value] * 3, rule, floor=0.05)
    assert (found.verdict, found.ci95) == (verdict, pytest.approx(0.05))
    assert found.caveats == (FLOORED,)


@pytest.mark.parametrize(
    ("values", "delta", "verdict"),
    [
        # 90% half-widths of three seeds: 2.92 sd / √3
        ([-0.001, 0.001, 0.002], 0.02, "equivalent"),
        ([-0.005, 0.000, 0.005], 0.02, "equivalent"),  # ± 0.0084
        ([0.010, 0.000, 0.025], 0.02, "inconclusive"),  # 0.0117 ± 0.0212
        ([-0.001, 0.001, 0.002], None, "inconclusive"),
        ([0.010, 0.011, 0.012], 0.02, "reproduced"),  # shown, however small
        ([-0.010, -0.011, -0.012], 0.02, "contradicted"),
        ([0.001], 0.02, "inconclusive"),
    ],
)
def test_equivalent_within_delta(values, delta, verdict):
    found = judge(values, Above(), delta=delta)
    assert found.verdict == verdict
    if verdict == "equivalent":
        above = ttest_1samp(values, -delta, alternative="greater").pvalue
        below = ttest_1samp(values, delta, alternative="less").pvalue
        assert found.p == pytest.approx(max(above, below)) and found.p < 0.05


def test_of_several_the_least_may_be_shown_to_be_equivalent():
    """At 5%/m, since it was selected: 97.5% one-sided for two, 4.303 sd / √3."""
    small, large = [-0.002, 0.002, 0.000], [0.3, 0.31, 0.32]
    found = judge(pd.DataFrame({"a": small, "b": large}), Above(every=True), delta=0.02)
    assert (found.verdict, found.mean) == ("equivalent", pytest.approx(0))
    tight = judge(pd.DataFrame({"a": small, "b": large}), Above(every=True), delta=0.0040)
    assert tight.verdict == "inconclusive"  # ± 0.0050, though ± 0.0034 at 90%
    assert judge(small, Above(), delta=0.0040).verdict == "equivalent"


@pytest.mark.parametrize(
    ("values", "rule", "threshold"),
    [([0.30, 0.34, 0.4], Above(0.3), 0.3), ([-0.3, -0.2, -0.28], Above(), 0)],
)
def test_p_of_one_number_is_the_two_sided_t_tests(values, rule, threshold):
    assert judge(values, rule).p == pytest.approx(ttest_1samp(values, threshold).pvalue)


def test_p_of_several_is_the_greatest_or_the_corrected_least():
    good, better, bad = [0.30, 0.31, 0.35], [0.4, 0.41, 0.42], [-0.30, -0.31, -0.32]
    p = {name: ttest_1samp(x, 0).pvalue for name, x in (("good", good), ("bad", bad))}
    every = Above(every=True)
    assert judge(pd.DataFrame({0: good, 1: better}), every).p == pytest.approx(p["good"])
    assert judge(pd.DataFrame({0: good, 1: bad}), every).p == pytest.approx(2 * p["bad"])


def test_nothing_tested_has_no_p():
    for values in ([0.3], [], [0.2, 0.2], [NAN, NAN]):
        assert math.isnan(judge(values, Above()).p)


def test_of_many_numbers_the_least_contradicts_at_a_corrected_level():
    least = [-0.06, -0.02, -0.04]  # -0.04 ± 0.0497 at 95%, ± 0.0716 at 97.5%
    rest = [0.5, 0.51, 0.52]
    below = [x - 0.02 for x in least]
    assert judge(below, Above()).verdict == "contradicted"
    assert judge(pd.DataFrame({0: below, 1: rest}), Above(every=True)).verdict == "inconclusive"
    lower = pd.DataFrame({0: [x - 0.04 for x in least], 1: rest})
    assert judge(lower, Above(every=True)).verdict == "contradicted"


def above(*means):
    """Three seeds of each, ± 0.025 at 95%."""
    return pd.DataFrame({i: [m - 0.01, m, m + 0.01] for i, m in enumerate(means)})


@pytest.mark.parametrize(
    ("values", "over", "verdict"),
    [
        (above(0.1), above(0.1), "reproduced"),
        (above(0.1), above(0.02), "at chance"),  # a difference between two that guess
        (above(0.01), above(0.02), "at chance"),
        (above(0.01), above(0.03), "inconclusive"),
        (above(0.01), above(NAN), "inconclusive"),  # chance is not known
    ],
)
def test_no_verdict_on_scores_at_chance(values, over, verdict):
    found = judge(values, Above(every=True), above_chance=over)
    assert found.verdict == verdict
    if verdict == "at chance":
        assert found.caveats == ("neither side is above chance",) and math.isnan(found.p)


def test_one_number_at_chance_keeps_all_from_being_shown():
    found = judge(above(0.3, 0.2), Above(every=True), above_chance=above(0.3, 0.01))
    assert found.verdict == "at chance"
    assert found.caveats == ("neither side is above chance for 1",)
    assert found.mean == pytest.approx(0.3)  # of those that count
    # another that is above chance may contradict all the same
    found = judge(above(-0.3, 0.2), Above(every=True), above_chance=above(0.3, 0.01))
    assert (found.verdict, found.mean) == ("contradicted", pytest.approx(-0.3))
    # and one at chance does not
    found = judge(above(0.3, -0.3), Above(every=True), above_chance=above(0.3, 0.01))
    assert found.verdict == "at chance"


def test_one_number_over_several_tasks_is_at_chance_if_one_of_them_is():
    assert judge(above(0.3), Above(), above_chance=above(0.3, 0.01)).verdict == "at chance"
    assert judge(above(0.3), Above(), above_chance=above(0.3, 0.2)).verdict == "reproduced"
    first = judge(above(0.3), Above(), above_chance=above(0.01, 0.3))
    assert (first.verdict, first.mean) == ("at chance", pytest.approx(0.3))


def test_scores_have_the_floor_of_their_own_number():
    """0.1 above chance is clear of it when known to 0.05, whatever the steps of another score."""
    over = above(0.1, 0.6)
    found = judge(above(0.01, 0.6), Above(every=True), above_chance=over, floor=[0.05, 0.5])
    assert found.verdict == "inconclusive"
    found = judge(above(0.01, 0.6), Above(every=True), above_chance=over, floor=[0.15, 0.5])
    assert found.verdict == "at chance"


@pytest.mark.parametrize(("n", "named"), [(4, "0, 1, 2, 3"), (5, "0, 1, 2, 3 and 1 more")])
def test_four_numbers_at_chance_are_named(n, named):
    found = judge(
        above(*[0.3] * 6), Above(every=True), above_chance=above(*[0] * n, *[0.3] * (6 - n))
    )
    assert found.caveats == (f"neither side is above chance for {named}",)


def test_a_p_value_of_the_level_itself_decides_nothing():
    at = Decision(np.array(0), np.full(1, ALPHA), *np.full(3, ALPHA))
    assert verdicts._verdict(at, np.zeros(1, bool)) == ("inconclusive", ALPHA)


def test_equal_scores_one_step_above_chance_are_at_chance():
    """0.105 three times on 200 clips is one clip above 0.1, which is no certainty."""
    over = pd.Series([0.005] * 3)
    assert judge(GOOD, Above(), above_chance=over, floor=0.0025).verdict == "reproduced"
    assert judge(GOOD, Above(), above_chance=over, floor=0.005).verdict == "at chance"


def test_a_single_seed_is_not_at_chance_but_without_an_interval():
    found = judge([0.3], Above(), above_chance=pd.Series([-0.1]))
    assert found.verdict == "inconclusive"


def test_a_judgement_has_the_interval_by_hand():
    found = judge([0.30, 0.34], Above())
    assert (found.mean, found.n_runs) == (pytest.approx(0.32), 2)
    assert found.ci95 == pytest.approx(12.706 * 0.02, rel=1e-4)
    assert found.caveats == ()


@pytest.mark.parametrize(
    ("values", "mean", "n_runs", "caveat"),
    [
        ([0.4], 0.4, 1, "a single seed has no interval"),
        ([0.4, NAN], 0.4, 1, "known for 1 of 2 seeds, a single seed has no interval"),
        ([NAN, NAN], NAN, 0, "known for 0 of 2 seeds"),
        ([INF, 0.4], INF, 2, "not finite in every seed"),
        ([0.4, 0.4, NAN], 0.4, 2, f"known for 2 of 3 seeds, {EQUAL}"),
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
        ([GOOD, BAD, OPEN], -0.31, "contradicted"),
        # below 0 in every seed, though neither is below 0
        ([[0.3, -0.1, 0.3], [-0.1, 0.3, -0.1]], 0.1 / 3, "inconclusive"),
        # the least mean clears 0, the greater does not
        ([GOOD, [0.1, 0.1, 0.9]], 0.31, "inconclusive"),
        # of many numbers one is alike in all seeds by chance: the least mean decides
        ([[-0.11, -0.1, -0.09], [-0.9, 0.3, -0.3]], -0.3, "inconclusive"),
        ([GOOD, [NAN] * 3], 0.31, "inconclusive"),
        ([BAD, [NAN] * 3], -0.31, "contradicted"),
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
    assert found.caveats == ("not every number is this clear", "known for 0 of 2 seeds")
    found = judge(pd.DataFrame({"a": [0.3, NAN], "b": [0.2, NAN]}), Above(every=True))
    assert found.caveats == ("known for 1 of 2 seeds", "a single seed has no interval")
    assert "every 95% interval lies above 0; contradicted" in str(Above(every=True))


@pytest.mark.parametrize(
    ("columns", "verdict", "caveats"),
    [
        ([[0.3, 0.3], [0.4, 0.4]], "inconclusive", (EQUAL,)),
        (
            [[0.3, 0.31], [0.4, 0.4]],
            "inconclusive",
            ("not every number is this clear", SOME_EQUAL),
        ),
        ([[0.0, 0.0], [-0.4, 0.3]], "inconclusive", (SOME_EQUAL,)),
        ([[-0.4, -0.401], [0.4, 0.4]], "contradicted", ()),
    ],
)
def test_equal_seeds_of_one_of_several_are_not_said_of_the_one_shown(columns, verdict, caveats):
    found = judge(pd.DataFrame(columns).T, Above(every=True))
    assert (found.verdict, found.caveats) == (verdict, caveats)


def test_parts_have_rules_of_their_own():
    rule = Parts({"first": Above(every=True), "last": NotAbove(0.02)}, "words")
    columns = pd.MultiIndex.from_tuples([("first", 1), ("last", 2)])
    for last, verdict in (
        ([-0.1, -0.12, -0.11], "reproduced"),
        ([-0.1, 0.3, 0.1], "inconclusive"),  # not shown to be ahead, nor not to be
        (GOOD, "contradicted"),
        # 0.0800 ± 0.0497, ± 0.0716 for two: above 0.02, but not as surely as that takes
        ([0.06, 0.1, 0.08], "inconclusive"),
    ):
        frame = pd.DataFrame(np.array([GOOD, last]).T, columns=columns)
        assert judge(frame, rule).verdict == verdict
    with pytest.raises(TypeError, match="judges a frame"):
        judge(GOOD, rule)


@given(st.lists(st.floats(-10, 10), min_size=2, max_size=5), st.floats(-5, 5))
def test_turning_the_sign_turns_the_verdict(values, threshold):
    turned = {"reproduced": "contradicted", "contradicted": "reproduced"}
    found = judge(values, Above(threshold)).verdict
    assert judge([-v for v in values], Above(-threshold)).verdict == turned.get(found, found)
    alike = judge(values, Within(abs(threshold))).verdict
    assert judge([-v for v in values], Within(abs(threshold))).verdict == alike


def test_what_is_missing_is_not_run():
    def measured(_):
        raise Missing("metrics of something")

    row = Claim(1, "4.1", "It is so", "number", Above(), measured).row(None, "mini")
    assert (row["verdict"], row["n_runs"]) == ("not run", 0)
    assert math.isnan(row["mean"]) and math.isnan(row["ci95"]) and math.isnan(row["p"])
    assert row["remark"] == "Missing: metrics of something."


def test_a_row_says_its_numbers_and_its_caveat():
    values = Measurement(pd.Series([0.6]), "a b")
    claim = Claim(1, "4.1", "It is so", "number", Above(0.5), lambda _: values)
    row = claim.row(None, "paper")
    assert row["remark"] == "a b; a single seed has no interval."
    assert row["criterion"] == (
        "Reproduced if the 95% interval lies above 0.5; contradicted if it lies below 0.5; "
        "otherwise inconclusive."
    )
    assert str(Within(0.25)) == (
        "Reproduced if the 95% interval lies inside ±0.25; contradicted if it lies wholly outside"
    )
    assert row["scale"] == "paper" and math.isnan(row["delta"])


def test_delta_is_told_with_its_reason():
    claim = Claim(1, "A", "It is so", "number", Above(), lambda _: None, Delta(0.02, "so it is"))
    assert claim.criterion().endswith(
        "below 0; equivalent if two one-sided tests, at 5%, place it inside ±0.02, since so it is; "
        "otherwise inconclusive."
    )
    several = Claim(1, "A", "So", "number", Above(every=True), lambda _: None, claim.delta)
    assert "on the number shown, at 5%/m, place it inside" in several.criterion()
    assert "and one-sided tests show every number above −0.02, since" in several.criterion()
    assert several.criterion(4).startswith("Each of the 4 numbers has its own interval")
    assert "at level 1 − 0.05/4" in several.criterion(4) and "at 5%/4" in several.criterion(4)


def average_precision(order):
    """Mean precision at the positives of a ranking of 0 and 1."""
    return np.mean([np.mean(order[: i + 1]) for i in np.flatnonzero(order)])


@pytest.mark.parametrize(("n", "k"), [(6, 2), (7, 1), (5, 5), (8, 4)])
def test_chance_is_the_mean_over_all_rankings(n, k):
    rankings = set(permutations([1] * k + [0] * (n - k)))
    expected = np.mean([average_precision(np.array(ranking)) for ranking in rankings])
    found = chance_map(pd.Series([k / n]), pd.Series([n]))
    assert found[0] == pytest.approx(expected, rel=1e-12)


def test_what_scores_are_scored_against():
    def told(**changed):
        row = {"dataset": "fsd50k", "split": "eval", "metric": "mAP", "prevalence": 1 / 3}
        frame = pd.DataFrame([{**row, "seed": s, "n_clips": n} for s, n in ((0, 6), (1, 12))])
        return Evidence({"metrics": frame.assign(**changed)}, {}, {}, "mean", False, None)

    task = told().task("metrics", "fsd50k")
    assert task.half_clip == pytest.approx(1 / 12)
    assert task.chance[0] == pytest.approx(((1 / 5) * (6 - 2.45) + 2.45) / 6)  # H_6 = 2.45
    words = {"dataset": "speech_commands", "split": "test", "metric": "accuracy"}
    assert told(**words).task("metrics", "speech_commands").chance.tolist() == [1 / 3, 1 / 3]
    assert told(split="val").task("metrics", "fsd50k").chance.empty
    assert told().task("layer_importance", "fsd50k").half_clip == 0


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


def test_half_a_swap_of_neighbours_is_the_step_of_a_rank_correlation():
    for layers in (3, 11):
        order = np.arange(1.0, layers + 1)
        swapped = curves([[2.0, 1.0, *order[2:]]])
        assert rank_step(swapped) == pytest.approx((1 - rank_correlation(swapped)[0]) / 2)


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
    with pytest.raises(Missing, match="^layers 5 to 6$"):
        at_layers(frame, (5, 6))


def test_layers_have_the_names_that_the_paper_gives_them():
    """Section 3.3.2: layers 3-7 are the middle, 8-11 deep; of eleven, 5 to 7 are the centre."""
    assert list(LAYERS) == [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]
    assert MIDDLE == (3, 4, 5, 6, 7) and DEEP == (8, 9, 10, 11) and CENTRE == (5, 6, 7)
    assert sorted(INITIAL + DEEP) == list(LAYERS)


def test_layers_in_random_order_seldom_have_a_trend():
    random = np.random.default_rng(0)
    orders = curves(random.permuted(np.tile(np.arange(11.0), (20_000, 1)), axis=1))
    assert 0.05 < (rank_correlation(orders) > TREND).mean() < 0.07


def test_a_trend_is_one_of_all_eleven_layers():
    assert rank_correlation(curves([[9, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, -9]], range(13)))[0] == 1
    assert rank_step(curves([range(13)], range(13))) == pytest.approx(6 / 1320)
    assert spread(curves([[5, 1, 2, 3]], range(4)))[0] == 1


def test_curves_are_compared_on_what_both_have():
    one = curves([[1, 2, 3], [4, 5, 6]], [7, 8, 9])
    other = curves([[10, 20, 30]], [8, 9, 10]).set_axis([1])
    a, b = paired(one, other, DEEP)
    assert a.to_dict() == {8: {1: 5}, 9: {1: 6}} and b.to_dict() == {8: {1: 10}, 9: {1: 20}}


def test_layers_that_were_not_measured_are_told():
    assert coverage_note(curves([range(11)])) == ""
    assert coverage_note(curves([[0, 0, 0]], [0, 2, 11])) == " (only layers 2, 11)"
