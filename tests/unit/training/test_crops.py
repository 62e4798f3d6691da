import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sonify.training.crops import pair_starts, random_starts


@given(crop=st.integers(1, 50), gap=st.integers(0, 30), seed=st.integers(0, 10**6))
def test_the_two_crops_never_overlap_and_stay_inside(crop, gap, seed):
    rng = np.random.default_rng(seed)
    lengths = 2 * crop + gap + rng.integers(0, 40, 20)
    one, two = pair_starts(lengths, crop, gap, rng).T
    assert (np.abs(one - two) >= crop + gap).all()
    assert (np.minimum(one, two) >= 0).all() and (np.maximum(one, two) + crop <= lengths).all()


def test_pairs_are_uniform_over_all_places():
    lengths = np.full(60_000, 2 * 3 + 2)  # two samples of room: six ordered places, twelve pairs
    pairs, counts = np.unique(
        pair_starts(lengths, 3, 0, np.random.default_rng(1)), axis=0, return_counts=True
    )
    assert len(pairs) == 12
    assert counts.min() > 0.93 * 60_000 / 12 and counts.max() < 1.07 * 60_000 / 12


def test_clips_too_short_for_a_pair_are_named(rng):
    with pytest.raises(ValueError, match="a clip of 9 samples cannot hold two crops of 5"):
        pair_starts(np.array([20, 9]), 5, 0, rng)


def test_crops_fit_and_short_clips_start_at_zero(rng):
    lengths = np.array([5, 10, 11, 100])
    starts = np.stack([random_starts(lengths, 10, rng) for _ in range(500)])
    assert starts.max(0).tolist() == [0, 0, 1, 90] and starts.min() == 0
