"""Where crops are cut: pure arithmetic on clip lengths, in samples."""

import numpy as np


def random_starts(lengths: np.ndarray, crop: int, rng: np.random.Generator) -> np.ndarray:
    """One start per clip, uniform over all places where `crop` samples fit.

    A clip shorter than the crop starts at 0: the reader repeats it to length.
    """
    room = np.maximum(lengths - crop, 0)
    return rng.integers(0, room + 1)


def pair_starts(
    lengths: np.ndarray, crop: int, gap: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Starts of two crops of each clip that never overlap and are `gap` samples apart or more.

    The pair is uniform over all such places, in random order (section 3.1: non-overlapping
    patches). Raises ValueError for a clip too short to hold both.
    """
    room = lengths - (2 * crop + gap)
    if (room < 0).any():
        raise ValueError(
            f"a clip of {lengths.min()} samples cannot hold two crops of {crop} samples "
            f"{gap} apart: shorten crop_s or leave such clips out"
        )
    # Two distinct places out of room + 2, in order, stand for every (first, slack) pair once.
    one = rng.integers(0, room + 2)
    two = rng.integers(0, room + 1)
    two = two + (two >= one)
    first = np.minimum(one, two)
    second = np.maximum(one, two) - 1 + crop + gap
    swap = rng.random(len(lengths)) < 0.5
    return np.where(swap, second, first), np.where(swap, first, second)


def epoch_batches(n_clips: int, batch_size: int, rng: np.random.Generator) -> list[np.ndarray]:
    """A shuffled pass over all clips in batches of equal size; the odd clips at the end wait.

    Which clips wait changes with every shuffle. Fewer clips than one batch make one smaller batch.
    """
    order = rng.permutation(n_clips)
    size = min(batch_size, n_clips)
    return [order[i : i + size] for i in range(0, n_clips - size + 1, size)]
