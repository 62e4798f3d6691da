"""Every rule on simulated seeds: false verdicts when nothing is there, and large effects found."""

import numpy as np
import pytest
from scipy.stats import ttest_1samp

from sonify.paper.claims.rules import ALPHA, Above, NotAbove, Parts, Within, decide
from sonify.paper.claims.statistics import estimates, with_clips
from sonify.paper.claims.table import CLAIMS

TRIALS = 10_000
# Three standard errors of a fraction of 0.05 of the trials.
TOLERANCE = 3 * (ALPHA * (1 - ALPHA) / TRIALS) ** 0.5
SEEDS = pytest.mark.parametrize("seeds", [3, 5])
DELTA = 0.8  # in standard deviations of a seed


def noise(seeds, numbers, together=0.0, spread=1.0, trials=TRIALS):
    """Normal seeds (trial, seed, number), correlated over numbers by `together`."""
    random = np.random.default_rng(20261128)
    own = random.normal(size=(trials, seeds, numbers))
    shared = random.normal(size=(trials, seeds, 1))
    return (together**0.5 * shared + (1 - together) ** 0.5 * own) * spread


def crossed(seeds, numbers, own_clips, of_clips, of_both, trials=TRIALS, resamples=60):
    """Numbers (trial, seed, number), and on resamples of their clips: those are the same for every
    seed unless each has its own. Of what clips do, each number has its own draw.
    """
    random = np.random.default_rng(20261129)
    kinds = seeds if own_clips else 1

    def clips(*shape):
        alike = of_clips * random.normal(size=(trials, kinds, *shape, numbers))
        return alike + of_both * random.normal(size=(trials, seeds, *shape, numbers))

    x = random.normal(size=(trials, seeds, numbers)) + clips()
    return x, x[..., None, :] + clips(resamples)


def fractions(found, rules, delta=None):
    """Fractions of trials that are reproduced, contradicted and, otherwise, equivalent."""
    decision = decide(found, rules, delta)
    reproduced, contradicted = decision.p_for < ALPHA, decision.p_against < ALPHA
    equivalent = (decision.p_equal < ALPHA) & ~reproduced & ~contradicted
    assert not (reproduced & contradicted).any()
    return reproduced.mean(), contradicted.mean(), equivalent.mean()


@SEEDS
@pytest.mark.parametrize("together", [0.0, 0.5, 0.95])
@pytest.mark.parametrize("numbers", [1, 2, 4, 8, 22])
def test_nothing_above_the_threshold(seeds, numbers, together):
    """All numbers lie at the threshold: neither verdict is true."""
    found = estimates(0.25 + noise(seeds, numbers, together))
    *decided, _ = fractions(found, [Above(0.25, every=True)] * numbers)
    assert sum(decided) <= ALPHA + TOLERANCE
    if numbers == 1:
        assert sum(decided) >= ALPHA - TOLERANCE  # as much as allowed, no less


@SEEDS
@pytest.mark.parametrize("numbers", [2, 4, 22])
def test_one_number_at_the_threshold_beside_large_ones(seeds, numbers):
    x = noise(seeds, numbers)
    x[..., 1:] += 50
    assert sum(fractions(estimates(x), [Above(every=True)] * numbers)[:2]) <= ALPHA + TOLERANCE


@SEEDS
@pytest.mark.parametrize("numbers", [1, 2, 4])
@pytest.mark.parametrize("at", [-1.0, 1.0])
def test_a_difference_just_as_large_as_the_margin(seeds, numbers, at):
    """Neither inside nor outside: the rule for alike decides wrongly no oftener either."""
    margin = 5.0
    found = estimates(at * margin + noise(seeds, numbers))
    rules = [Within(margin, every=True)] * numbers
    assert sum(fractions(found, rules)[:2]) <= ALPHA + TOLERANCE


@SEEDS
@pytest.mark.parametrize("numbers", [1, 2, 4])
@pytest.mark.parametrize("at", [-1.0, 1.0])
@pytest.mark.parametrize("delta", [DELTA, 5.0])
def test_an_effect_of_delta_is_seldom_called_equivalent(seeds, numbers, at, delta):
    found = estimates(at * delta + noise(seeds, numbers))
    *_, equivalent = fractions(found, [Above(every=True)] * numbers, delta)
    assert equivalent <= ALPHA + TOLERANCE


@SEEDS
@pytest.mark.parametrize("together", [0.0, 0.5, 0.95])
def test_the_claim_of_two_parts(seeds, together):
    """Claim 13: 9 layers ahead and 2 not, twice; nothing is there at any."""
    claim = next(claim for claim in CLAIMS if claim.number == 13)
    assert isinstance(claim.rule, Parts)
    rules = [claim.rule.rules[part] for part in ["first"] * 9 + ["final"] * 2] * 2
    found = estimates(noise(seeds, 22, together))
    assert sum(fractions(found, rules)[:2]) <= ALPHA + TOLERANCE


@SEEDS
@pytest.mark.parametrize("unsteady", [9, 10])
def test_one_unsteady_layer_among_many_steady_ones(seeds, unsteady):
    """All layers are clearly ahead but one, which is not, and varies sixty times as much."""
    x = 0.01 * noise(seeds, 11)
    x += 5
    x[..., unsteady] = noise(seeds, 1)[..., 0] * 0.6
    assert sum(fractions(estimates(x), [Above(every=True)] * 11)[:2]) <= ALPHA + TOLERANCE


@SEEDS
@pytest.mark.parametrize("numbers", [1, 4])
def test_a_lead_as_large_as_the_margin_is_seldom_called_none(seeds, numbers):
    found = estimates(DELTA + noise(seeds, numbers))
    assert sum(fractions(found, [NotAbove(DELTA)] * numbers)[:2]) <= ALPHA + TOLERANCE


@SEEDS
@pytest.mark.parametrize("spread", [1.0, 3.0, 10.0, 30.0])
def test_a_large_uncertain_effect_beside_none_is_seldom_called_equivalent(seeds, spread):
    """One number is 0 and sure; the other, -2 δ, often has the greater mean by chance."""
    x = noise(seeds, 2)
    x[..., 0] *= 0.1
    x[..., 1] = spread * x[..., 1] - 2
    *_, equivalent = fractions(estimates(x), [Above(every=True)] * 2, 1.0)
    assert equivalent <= ALPHA + TOLERANCE


@SEEDS
@pytest.mark.parametrize("clips", [40, 200])
def test_accuracies_whose_seeds_may_be_equal(seeds, clips):
    """Two networks as good as each other, on clips of their own: steps of one clip, and a floor."""
    random = np.random.default_rng(20261130)
    scores = random.binomial(clips, 0.9, size=(2, TRIALS, seeds, 1)) / clips
    found = estimates(scores[0] - scores[1], 1 / (2 * clips))
    assert sum(fractions(found, [Above()])[:2]) <= ALPHA + TOLERANCE


@SEEDS
@pytest.mark.parametrize("numbers", [1, 2, 4])
def test_large_effects_are_decided(seeds, numbers):
    x = noise(seeds, numbers, trials=2000)
    above, within = [Above(every=True)] * numbers, [Within(40.0, every=True)] * numbers
    assert fractions(estimates(x + 50), above)[0] > 0.99
    assert fractions(estimates(x - 50), above)[1] > 0.99
    assert fractions(estimates(x), within)[0] > 0.99
    assert fractions(estimates(x + 90), within)[1] > 0.99
    assert fractions(estimates(x), above, 40.0)[2] > 0.9


@SEEDS
@pytest.mark.parametrize("own_clips", [False, True])
@pytest.mark.parametrize(("of_clips", "of_both"), [(0.2, 0.0), (0.3, 0.3), (1.0, 1.0), (5.0, 1.0)])
def test_two_intervals_cover_and_err_seldom(seeds, own_clips, of_clips, of_both):
    """Seeds vary by 1, clips by of_clips, alike for all seeds or each its own, and together."""
    x, again = crossed(seeds, 1, own_clips, of_clips, of_both)
    alone = estimates(x)
    found = with_clips(alone, x, again)
    seeds = found._replace(clip_se=np.full_like(found.mean, np.nan))
    outside = np.minimum(seeds.p_above(), seeds.p_below()) < ALPHA / 2
    assert outside.mean() <= 0.06, "the interval over seeds and clips covers 94%"
    assert sum(fractions(found, [Above()])[:2]) <= ALPHA + TOLERANCE
    if not own_clips and of_clips > 0.5:  # seeds alone err far oftener
        assert sum(fractions(alone, [Above()])[:2]) > 2 * ALPHA


@SEEDS
@pytest.mark.parametrize("own_clips", [False, True])
@pytest.mark.parametrize(
    ("rule", "at"),
    [(Above(every=True), 0.0), (NotAbove(DELTA), DELTA), (Within(8.0, every=True), 8.0)],
)
def test_no_rule_errs_oftener_with_two_intervals(seeds, own_clips, rule, at, numbers=4):
    x, again = crossed(seeds, numbers, own_clips, 0.7, 0.5, trials=4000)
    found = with_clips(estimates(x + at), x + at, again + at)
    reproduced, contradicted, _ = fractions(found, [rule] * numbers)
    assert reproduced + contradicted <= ALPHA + TOLERANCE
    *_, equivalent = fractions(found, [Above(every=True)] * numbers, at or DELTA)
    if at:
        assert equivalent <= ALPHA + TOLERANCE


def test_numbers_that_are_ignored_count_neither_way():
    x = np.array([[0.3, -0.3], [0.31, -0.31], [0.32, -0.32]])
    rules = [Above(every=True)] * 2
    assert decide(estimates(x), rules).p_against < ALPHA
    found = decide(estimates(x), rules, ignored=np.array([False, True]))
    assert found.least == 0 and found.p_against > ALPHA and np.isnan(found.p_for)


def test_the_interval_that_contradicts_is_wider_for_several():
    """-0.11 ± 0.0994 for one number, ± 0.1433 for the least of two."""
    x = np.array([[-0.11], [-0.07], [-0.15]])
    alone = decide(estimates(x), [Above()])
    several = decide(estimates(np.hstack([x, x + 9])), [Above(every=True)] * 2)
    assert alone.p_against < ALPHA < several.p_against
    assert several.p_against == pytest.approx(2 * alone.p_against)


def test_p_values_are_probabilities():
    """What lies far on the other side has 1, however many numbers there are."""
    below = estimates([[-0.30], [-0.31], [-0.32]])
    assert Above().p_for(below) == NotAbove(-0.5).p_for(below) == Within(0.1).p_for(below) == 1
    assert NotAbove(0.1).p_against(below) == Above(-0.5).p_against(below) == 1
    clear = np.array([[0.30, 0.4, 0.5], [0.31, 0.4, 0.6], [0.32, 0.41, 0.4]])
    found = decide(estimates(clear), [Above(every=True)] * 3, 0.01)
    assert found.p_for < ALPHA and found.p_against == found.p_equal == 1


@pytest.mark.parametrize("mean", [-0.3, -0.05, 0.0, 0.05, 0.3])
def test_rules_are_t_tests_on_either_side_of_their_limits(mean):
    values = mean + np.array([0.01, 0.05, -0.02, 0.0])
    found = estimates(values[:, None])

    def two_sided(limit, side):
        return min(1.0, 2 * ttest_1samp(values, limit, alternative=side).pvalue)

    assert Above(0.1).p_for(found)[0] == pytest.approx(two_sided(0.1, "greater"))
    assert Above(0.1).p_against(found)[0] == pytest.approx(two_sided(0.1, "less"))
    assert NotAbove(0.1).p_for(found)[0] == pytest.approx(two_sided(0.1, "less"))
    assert NotAbove(0.1).p_against(found)[0] == pytest.approx(two_sided(0.1, "greater"))
    inside = max(two_sided(-0.1, "greater"), two_sided(0.1, "less"))
    assert Within(0.1).p_for(found)[0] == pytest.approx(inside)
    outside = min(two_sided(-0.1, "less"), two_sided(0.1, "greater"))
    assert Within(0.1).p_against(found)[0] == pytest.approx(outside)


def test_the_least_number_is_the_one_with_least_room_under_its_own_rule():
    found = estimates(np.array([[0.30, 0.05, -0.2], [0.31, 0.06, -0.21], [0.29, 0.04, -0.19]]))
    room = [rule.room(found.mean[i]) for i, rule in enumerate((Above(0.1), Within(0.08)))]
    assert room == [pytest.approx(0.2), pytest.approx(0.03)]
    assert NotAbove(0.02).room(found.mean[2]) == pytest.approx(0.22)
    assert decide(found, [Above(0.1), Within(0.08), NotAbove(0.02)]).least == 1
    assert decide(found, [Above(0.29), Within(0.08), NotAbove(0.02)]).least == 0
    assert decide(found, [Above(0.1), Within(0.5), NotAbove(-0.1)]).least == 2


def test_many_trials_at_once_are_decided_as_each_alone():
    x = noise(4, 3, 0.5, 0.5, trials=7) + np.array([0.6, 0.2, -0.3])
    rules = [Above(every=True), Within(0.9), NotAbove(0.4)]
    ignored = np.arange(21).reshape(7, 3) % 5 == 0
    together = decide(estimates(x), rules, 0.4, ignored)
    for trial in range(7):
        alone = decide(estimates(x[trial]), rules, 0.4, ignored[trial])
        for one, several in zip(alone, together, strict=True):
            np.testing.assert_allclose(several[trial], one, rtol=1e-12)
    assert len(set(together.least)) > 1
