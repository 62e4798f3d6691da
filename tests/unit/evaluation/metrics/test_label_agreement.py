"""Label purity by chance, against all ways of drawing the clips."""

import math
from itertools import combinations

import numpy as np
import pytest

from sonify.evaluation.metrics.label_agreement import DRAWS, chance, chances, purity
from sonify.runtime.errors import SonifyError


def by_all_subsets(labelled, n):
    """Mean and standard deviation of the purity of every set of n clips."""
    sets = combinations(range(len(labelled)), n)
    purities = [max(labelled[list(some)].sum(axis=0)) / n for some in sets]
    return np.mean(purities), np.std(purities)


@pytest.mark.parametrize("n", [1, 2, 3, 5])
@pytest.mark.parametrize("rate", [0.1, 0.4])
def test_it_is_the_mean_over_all_sets_of_clips(rng, n, rate):
    labelled = (rng.random((12, 6)) < rate).astype(np.uint8)
    mean, sd = by_all_subsets(labelled, n)
    assert abs(chance(labelled, n) - mean) <= 4 * sd / math.sqrt(DRAWS)


def test_purity_is_the_share_of_the_commonest_label():
    labelled = np.array([[1, 0, 1], [1, 0, 0], [0, 1, 1], [1, 0, 0]], np.uint8)
    assert purity(labelled) == 3 / 4 and purity(labelled[:2]) == 1
    assert purity(np.zeros((3, 2))) == purity(np.zeros((3, 0))) == 0
    assert math.isnan(purity(labelled[:1])) and math.isnan(purity(labelled[:0]))


def test_chances_are_told_once_for_each_number_that_has_a_purity(rng):
    labelled = (rng.random((12, 6)) < 0.4).astype(np.uint8)
    assert chances(labelled, [3, 1, 2, 0, 3]) == {n: chance(labelled, n) for n in (2, 3)}


def test_one_label_a_clip_has_a_closed_form():
    """Of 2 clips from classes of 3, 2 and 5: alike in (3 + 1 + 10) of 45 pairs."""
    labelled = np.repeat(np.eye(3, dtype=np.uint8), [3, 2, 5], axis=0)
    alike = 14 / 45
    assert chance(labelled, 2) == pytest.approx(alike + (1 - alike) / 2, abs=0.01)


def test_bounds_and_the_same_draws_again(rng):
    labelled = (rng.random((30, 5)) < 0.3).astype(np.uint8)
    assert chance(labelled, 3) == chance(labelled, 3)
    assert chance(np.ones((9, 2), np.uint8), 4) == 1.0
    assert chance(np.zeros((9, 2), np.uint8), 4) == 0.0
    whole = labelled.sum(axis=0).max() / 30
    assert chance(labelled, 30) == pytest.approx(whole)
    with pytest.raises(SonifyError, match="31 clips cannot be drawn from 30: lower"):
        chance(labelled, 31)
