"""Placement of crops: pure arithmetic on clip lengths, in samples."""

import numpy as np

from sonify.contracts.audio_format import RATE_HZ
from sonify.data.stream import Cutting
from sonify.runtime.errors import SonifyError
from sonify.training.recipe import Recipe


def cutting(recipe: Recipe) -> Cutting:
    """Return how a recipe cuts each clip: into two crops for contrastive training, else one."""
    crop, gap = round(recipe.crop_s * RATE_HZ), round(recipe.min_gap_s * RATE_HZ)
    if recipe.objective == "contrastive":
        if recipe.placement == "first_half":
            shortest = 2 * (crop + gap)
            return Cutting(crop, 2, shortest, lambda n, rng: half_starts(n, crop, gap, rng))
        return Cutting(crop, 2, 2 * crop + gap, lambda n, rng: pair_starts(n, crop, gap, rng))
    return Cutting(crop, 1, 1, lambda n, rng: random_starts(n, crop, rng)[:, None])


def random_starts(lengths: np.ndarray, crop: int, rng: np.random.Generator) -> np.ndarray:
    """One start per clip, uniform over all places where `crop` samples fit.

    A clip shorter than the crop starts at 0: the reader repeats it to length.
    """
    room = np.maximum(lengths - crop, 0)
    return rng.integers(0, room + 1)


def pair_starts(lengths: np.ndarray, crop: int, gap: int, rng: np.random.Generator) -> np.ndarray:
    """Starts of two crops of each clip, (clip, 2), that never overlap and are `gap` samples apart
    or more.

    The pair is uniform over all such places, in random order (section 3.1: non-overlapping
    patches). Raises SonifyError for a clip too short to hold both.
    """
    room = lengths - (2 * crop + gap)
    if (room < 0).any():
        raise SonifyError(
            f"a clip of {lengths.min()} samples cannot hold two crops of {crop} samples "
            f"{gap} apart: shorten crop_s or leave such clips out"
        )
    # Two distinct places out of room + 2, in order, stand for every (first, slack) pair once.
    one = rng.integers(0, room + 2)
    two = rng.integers(0, room + 1)
    two = two + (two >= one)
    first = np.minimum(one, two)
    second = np.maximum(one, two) - 1 + crop + gap
    return _in_random_order(first, second, rng)


def half_starts(lengths: np.ndarray, crop: int, gap: int, rng: np.random.Generator) -> np.ndarray:
    """Starts of two crops of each clip, (clip, 2), as the authors' code draws them.

    The earlier crop is uniform within the first half of the clip, the later one uniform from `gap`
    samples behind its end to the end of the clip; in random order. Raises SonifyError for a clip
    too short to hold both wherever the first falls.
    """
    if (lengths < 2 * (crop + gap)).any():
        raise SonifyError(
            f"a clip of {lengths.min()} samples cannot hold a crop of {crop} samples in each half, "
            f"{gap} apart: shorten crop_s or leave such clips out"
        )
    first = rng.integers(0, lengths // 2 - crop + 1)
    second = rng.integers(first + crop + gap, lengths - crop + 1)
    return _in_random_order(first, second, rng)


def _in_random_order(first: np.ndarray, second: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    swap = rng.random(len(first)) < 0.5
    return np.stack([np.where(swap, second, first), np.where(swap, first, second)], axis=1)
