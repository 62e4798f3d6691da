"""Means over seeds against scipy.stats, and corrections against values worked out by hand."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from sonify.paper.claims.statistics import estimates, holm, with_clips

SEEDS = [[0.30, -0.1, 2.0], [0.34, 0.2, 2.5], [0.31, 0.05, 4.0], [0.29, 0.1, 1.0]]  # by number


def column(i):
    return [row[i] for row in SEEDS]


@pytest.mark.parametrize("i", [0, 1, 2])
@pytest.mark.parametrize("threshold", [0.0, 0.28, 3.0])
def test_one_sided_p_values_are_those_of_the_t_test(i, threshold):
    found = estimates(SEEDS)
    for p, side in ((found.p_above(threshold), "greater"), (found.p_below(threshold), "less")):
        expected = stats.ttest_1samp(column(i), threshold, alternative=side).pvalue
        assert p[i] == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("level", [0.9, 0.95, 1 - 0.05 / 22])
def test_half_widths_are_those_of_the_t_interval(level):
    found = estimates(SEEDS)
    for i in range(3):
        low, high = stats.ttest_1samp(column(i), 0).confidence_interval(level)
        assert found.half_width(level)[i] == pytest.approx((high - low) / 2, rel=1e-9)
        assert found.mean[i] == pytest.approx((high + low) / 2, rel=1e-9)


@given(st.lists(st.floats(-1, 1), min_size=3, max_size=6), st.floats(0.01, 1))
def test_two_one_sided_tests_are_the_90_percent_interval_inside_the_margins(values, margin):
    found = estimates([[v] for v in values])
    if math.isnan(found.se[0]):
        return
    above = stats.ttest_1samp(values, -margin, alternative="greater").pvalue
    below = stats.ttest_1samp(values, margin, alternative="less").pvalue
    assert found.p_inside(margin)[0] == pytest.approx(max(above, below), abs=1e-7)
    low, high = (found.mean + sign * found.half_width(0.9) for sign in (-1, 1))
    if min(abs(low + margin), abs(high - margin)) > 1e-9:
        assert (found.p_inside(margin)[0] < 0.05) == (-margin < low[0] and high[0] < margin)


def test_what_has_no_interval():
    nan, inf = math.nan, math.inf
    found = estimates(np.array([[nan, nan, inf, 0.2], [0.4, nan, 1.0, 0.2], [nan, nan, 2.0, 0.2]]))
    np.testing.assert_array_equal(found.n, [1, 0, 3, 3])
    np.testing.assert_allclose(found.mean, [0.4, nan, inf, 0.2])
    assert np.isnan(found.se).all()
    assert np.isnan(estimates([[0.5]], floor=0.1).se[0])


def test_a_missing_seed_is_left_out():
    found = estimates(np.array([[0.30], [math.nan], [0.34]]))
    assert found.half_width()[0] == pytest.approx(12.7062 * 0.02, rel=1e-5)
    assert found.df[0] == 1


@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_equal_seeds_have_the_floor_for_half_width(seeds):
    found = estimates(np.full((seeds, 2), 0.7), floor=[0.01, 0.0])
    assert found.half_width()[0] == pytest.approx(0.01)
    assert math.isnan(found.half_width()[1])
    t = stats.t(seeds - 1)
    assert found.half_width(0.99)[0] == pytest.approx(0.01 * t.ppf(0.995) / t.ppf(0.975))
    spread = estimates(np.linspace(0, 1, seeds)[:, None], floor=0.01)
    plain = estimates(np.linspace(0, 1, seeds)[:, None])
    assert spread.se == plain.se  # wider than the floor: as it is


@pytest.mark.parametrize(
    ("p", "adjusted"),
    [
        # sorted 0.005 · 4, 0.01 · 3, 0.03 · 2, 0.04 · 1, none below the one before it
        ([0.01, 0.04, 0.03, 0.005], [0.03, 0.06, 0.06, 0.02]),
        ([0.5, 0.6], [1.0, 1.0]),
        ([0.02], [0.02]),
        ([0.02, math.nan, 0.03], [0.04, math.nan, 0.04]),  # what was not tested counts as none
        ([], []),
        ([math.nan], [math.nan]),
    ],
)
def test_holm_by_hand(p, adjusted):
    np.testing.assert_allclose(holm(p), adjusted)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_holm_rejects_what_its_steps_reject(p):
    """The steps: the smallest p below 0.05/m, the next below 0.05/(m - 1), until one is not."""
    rejected = np.zeros(len(p), bool)
    for k, i in enumerate(np.argsort(p, kind="stable")):
        if not p[i] * (len(p) - k) < 0.05:
            break
        rejected[i] = True
    np.testing.assert_array_equal(holm(p) < 0.05, rejected)


def replicas(seeds, shared, own, numbers=1, n=4000):
    """Replicates, (seed, replicate, number): a part that seeds share, and one of each seed."""
    random = np.random.default_rng(7)
    common = shared * random.normal(size=(1, n, numbers))
    return 0.3 + common + own * random.normal(size=(seeds, n, numbers))


def test_the_clips_part_by_covariances():
    values = np.array(SEEDS)
    again = replicas(4, 0.2, 0.1, numbers=3, n=300)
    found = with_clips(estimates(values), values, again)
    for i in range(3):
        covariance = np.cov(again[..., i])
        shared = covariance[~np.eye(4, dtype=bool)].mean()
        s2 = values[:, i].var(ddof=1) / 4
        assert found.clip_se[i] == pytest.approx(np.sqrt(covariance.mean()))
        assert found.shared[i] == pytest.approx(shared)
        # The sum of both, by a million draws.
        random = np.random.default_rng(8)
        draws = np.sqrt(s2) * random.standard_t(3, 10**6)
        draws += np.sqrt(shared) * random.normal(size=10**6)
        seeds = np.quantile(np.abs(draws), 0.95)
        assert found.over_seeds()[i] == pytest.approx(seeds, rel=0.01)
        below = (draws < 0.1 - values[:, i].mean()).mean()
        clips = stats.t.ppf(0.975, 299) * np.sqrt(covariance.mean())
        assert found.over_clips()[i] == pytest.approx(clips)
        assert found.half_width()[i] == max(found.over_seeds()[i], found.over_clips()[i])
        of_clips = stats.t.cdf((0.1 - values[:, i].mean()) / np.sqrt(covariance.mean()), 299)
        alone = estimates(values).p_above(0.1)[i]
        assert found.p_above(0.1)[i] == pytest.approx(max(below, of_clips, alone), abs=0.002)


def test_clips_of_its_own_leave_a_seeds_interval_as_it_is():
    values = np.array(SEEDS)[:, :1]
    found = with_clips(estimates(values), values, replicas(4, 0.0, 0.01))
    assert found.over_seeds()[0] == pytest.approx(estimates(values).half_width()[0], rel=0.02)
    assert found.over_clips()[0] == pytest.approx(1.96 * 0.01 / 2, rel=0.05)


def test_clips_that_seeds_share_widen_the_interval_over_seeds():
    values = np.array([[0.31], [0.30], [0.29], [0.30]])
    alone, found = estimates(values), with_clips(estimates(values), values, replicas(4, 0.2, 0.0))
    assert found.over_seeds()[0] == pytest.approx(1.96 * 0.2, rel=0.05)
    assert alone.p_above()[0] < 0.001 and found.p_above()[0] == pytest.approx(0.067, abs=0.02)


@settings(max_examples=25)
@given(st.floats(0, 0.3), st.floats(0, 0.3), st.floats(-0.5, 0.5))
def test_clips_never_make_a_verdict_clearer(shared, own, threshold):
    values = np.array(SEEDS)[:, :2]
    alone = estimates(values)
    found = with_clips(alone, values, replicas(4, shared, own, numbers=2, n=50))
    for p in ("p_above", "p_below"):
        assert (getattr(found, p)(threshold) >= getattr(alone, p)(threshold) - 1e-15).all()
    assert (found.half_width() >= alone.half_width() - 1e-15).all()


def test_seeds_and_resamples_without_a_number_are_left_out():
    nan = math.nan
    values = np.array([[0.3], [nan], [0.4]])
    again = replicas(3, 0.1, 0.1, n=100)
    again[0, :3], again[1] = nan, nan
    found = with_clips(estimates(values), values, again)
    assert found.clip_df[0] == 96
    expected = again[[0, 2], 3:, 0].mean(axis=0).std(ddof=1)
    assert found.clip_se[0] == pytest.approx(expected)
    none = with_clips(estimates(values), values, np.full((3, 100, 1), nan))
    assert np.isnan(none.over_clips()[0]) and none.half_width() == estimates(values).half_width()


def test_one_seed_has_an_interval_over_clips_alone_and_equal_seeds_no_other():
    again = replicas(3, 0.1, 0.1, n=100)
    single = with_clips(estimates([[0.3]]), [[0.3]], again[:1])
    assert single.over_clips()[0] > 0 and np.isnan(single.half_width()[0])
    assert np.isnan(single.p_above()[0])
    equal = with_clips(estimates([[0.3]] * 3), [[0.3]] * 3, again)
    assert equal.over_clips()[0] > 0 and np.isnan(equal.over_seeds()[0])
    floored = with_clips(estimates([[0.3]] * 3, 0.01), [[0.3]] * 3, again)
    assert floored.half_width()[0] > 0.1, "a floor is no shelter from the clips"


def test_two_resamples_have_an_interval_and_one_has_none():
    values, again = np.array([[0.3], [0.4]]), np.array([[0.1, 0.3], [0.2, 0.8]])[..., None]
    two = with_clips(estimates(values), values, again)
    # means over seeds 0.15 and 0.55: their standard deviation
    assert two.clip_df[0] == 1 and two.clip_se[0] == pytest.approx(0.4 / math.sqrt(2))
    one = with_clips(estimates(values), values, again[:, :1])
    assert np.isnan(one.clip_df[0]) and np.isnan(one.over_clips()[0])
