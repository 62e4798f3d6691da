import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kstest

from sonify.training.crops import cutting, half_starts, pair_starts, random_starts
from sonify.training.recipe import Recipe


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


def test_the_earlier_crop_is_in_the_first_half_and_the_later_anywhere_behind_it(rng):
    """Clips of 10 s, two crops of 2.5 s, 0.3 s apart, as the authors' code has them."""
    n, crop, gap, total = 10_000, 20_000, 2_400, 80_000
    starts = half_starts(np.full(n, total), crop, gap, rng)
    first, second = np.sort(starts, axis=1).T
    assert abs((starts[:, 0] < starts[:, 1]).sum() - n / 2) < 4 * np.sqrt(n / 4)
    assert kstest(first, "uniform", (0, total / 2 - crop)).pvalue > 1e-3
    room = total - crop - (first + crop + gap)
    assert kstest((second - first - crop - gap) / room, "uniform", (0, 1)).pvalue > 1e-3
    assert second.max() <= total - crop and (second - first).min() >= crop + gap


def test_both_ends_of_the_halves_are_reached(rng):
    starts = np.sort(half_starts(np.full(5_000, 12), 3, 1, rng), axis=1)
    places = {(first, second) for first in range(4) for second in range(first + 4, 10)}
    assert set(map(tuple, starts.tolist())) == places


def test_the_recipe_says_how_the_crops_are_placed(rng):
    base = {"objective": "contrastive", "epochs": 2, "batch_size": 4, "crop_s": 1.0}
    base |= {"learning_rate": 0.1, "weight_decay": 0.0, "warmup_epochs": 1}
    base |= {"temperature": 0.1, "min_gap_s": 0.25}
    uniform, halves = (Recipe(**base, placement=p) for p in ("uniform", "first_half"))
    assert cutting(uniform).shortest == 18_000 == uniform.needed_s * 8_000
    assert cutting(halves).shortest == 20_000 == halves.needed_s * 8_000
    lengths = np.full(2_000, 40_000)
    assert np.sort(cutting(halves).starts(lengths, rng), 1)[:, 0].max() <= 12_000
    assert np.sort(cutting(uniform).starts(lengths, rng), 1)[:, 0].max() > 12_000
    with pytest.raises(ValueError, match="cannot hold a crop of 3 samples in each half, 1 apart"):
        half_starts(np.array([12, 7]), 3, 1, rng)


def test_clips_that_just_hold_both_crops_are_cut():
    rng = np.random.default_rng(0)
    starts = np.sort(half_starts(np.full(200, 8), 3, 1, rng), axis=1)  # 2 · (3 + 1) samples
    assert set(map(tuple, starts.tolist())) == {(0, 4), (0, 5), (1, 5)}
    with pytest.raises(ValueError, match="a clip of 7 samples cannot hold a crop of 3"):
        half_starts(np.array([8, 7]), 3, 1, rng)
    assert np.sort(pair_starts(np.full(9, 7), 3, 1, rng), axis=1).tolist() == [[0, 4]] * 9


@pytest.mark.parametrize("placement", ["uniform", "first_half"])
def test_contrastive_training_has_two_crops_and_any_other_one(placement, rng):
    base = {"epochs": 2, "batch_size": 4, "crop_s": 0.5, "learning_rate": 0.1}
    base |= {"weight_decay": 0.0, "warmup_epochs": 1}
    two = {"objective": "contrastive", "temperature": 0.1, "min_gap_s": 0.0}
    found = cutting(Recipe(**base, **two, placement=placement))
    assert (found.samples, found.views) == (4_000, 2)
    assert found.starts(np.full(7, 9_000), rng).shape == (7, 2)
    found = cutting(Recipe(**base, objective="multilabel"))
    assert (found.samples, found.views, found.shortest) == (4_000, 1, 1)
    assert found.starts(np.array([1, 4_000]), rng).tolist() == [[0], [0]]
