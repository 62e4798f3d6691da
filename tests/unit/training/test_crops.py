import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sonify.training.crops import epoch_batches, pair_starts, random_starts


@given(crop=st.integers(1, 50), gap=st.integers(0, 30), seed=st.integers(0, 10**6))
def test_the_two_crops_never_overlap_and_stay_inside(crop, gap, seed):
    rng = np.random.default_rng(seed)
    lengths = 2 * crop + gap + rng.integers(0, 40, 20)
    one, two = pair_starts(lengths, crop, gap, rng)
    assert (np.abs(one - two) >= crop + gap).all()
    assert (np.minimum(one, two) >= 0).all() and (np.maximum(one, two) + crop <= lengths).all()


def test_pairs_are_uniform_over_all_places():
    lengths = np.full(60_000, 2 * 3 + 2)  # two samples of room: six ordered places, twelve pairs
    pairs, counts = np.unique(
        np.stack(pair_starts(lengths, 3, 0, np.random.default_rng(1))), axis=1, return_counts=True
    )
    assert pairs.shape[1] == 12
    assert counts.min() > 0.93 * 60_000 / 12 and counts.max() < 1.07 * 60_000 / 12


def test_clips_too_short_for_a_pair_are_named(rng):
    with pytest.raises(ValueError, match="a clip of 9 samples cannot hold two crops of 5"):
        pair_starts(np.array([20, 9]), 5, 0, rng)


def test_crops_fit_and_short_clips_start_at_zero(rng):
    lengths = np.array([5, 10, 11, 100])
    starts = np.stack([random_starts(lengths, 10, rng) for _ in range(500)])
    assert starts.max(0).tolist() == [0, 0, 1, 90] and starts.min() == 0


def test_a_pass_uses_every_clip_once_but_the_odd_ones(rng):
    batches = epoch_batches(23, 5, rng)
    assert [len(b) for b in batches] == [5] * 4
    assert len(np.unique(np.concatenate(batches))) == 20
    assert [len(b) for b in epoch_batches(3, 5, rng)] == [3]
