"""Pieces that are timed of scores and sounds: how much work each is said to be."""

import pytest

from sonify.estimate.calibration_of_sounds import score_timings, sound_timings
from sonify.estimate.fitting import rates


def test_few_scores_and_many_tell_scores_from_rankings():
    """Of 40 and of 400 clips in 20 classes: 800 and 8,000 scores, each with 20 rankings.

    At 1 µs a score and 100 µs a ranking they take 0.8 + 2 and 8 + 2 ms.
    """
    took, returned = iter((0.0028, 0.01)), []

    def seconds(call):
        returned.append(call())
        return next(took)

    timings = list(score_timings(seconds))
    assert [dict(work.amounts) for work, _ in timings] == [
        {"score": 800, "ranking": 20},
        {"score": 8000, "ranking": 20},
    ]
    assert len(returned) == 2, "each was computed once by the timer"
    found = rates(timings, ["score", "ranking"])
    assert found == pytest.approx({"score": 1e-6, "ranking": 1e-4})


def test_each_piece_of_sound_is_forty_seconds_in_one_unit():
    """16 signals of 2.5 s."""
    timings = list(sound_timings(lambda call: (call(), 0.5)[1]))
    assert [dict(work.amounts) for work, _ in timings] == [
        {unit: 40.0} for unit in ("spectra_s", "sound_s", "peaks_s", "kept_s")
    ]
    assert all(took == 0.5 for _, took in timings)
