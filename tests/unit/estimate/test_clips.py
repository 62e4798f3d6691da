"""Clips of a split, and the batches that they run in, against a count one by one."""

from collections import Counter
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sonify.config.__main__ import overlaid
from sonify.config.loading import load
from sonify.contracts.audio_format import RATE_HZ
from sonify.estimate.clips import Clips, clips, several

CONFIGS = Path(__file__).resolve().parents[3] / "workflow" / "configs"


def counted(apart: int, of_each: int, lengths: int, together: int) -> int:
    """Batches, clip by clip: a full one, or one of another length, is closed and another begun."""
    batches, room = apart, Counter[int]()
    for length in list(range(lengths)) * of_each:
        if not room[length]:
            batches, room[length] = batches + 1, together
        room[length] -= 1
    return batches


@given(st.integers(0, 20), st.integers(0, 30), st.integers(1, 9), st.integers(1, 12))
def test_batches_are_those_of_a_count_one_by_one(apart, of_each, lengths, together):
    number = apart + of_each * lengths
    alike = Fraction(of_each * lengths, max(1, number))  # exact: a float may be rounded up
    some = Clips(number, 1.0, 3, alike, lengths)
    for samples in (together * RATE_HZ, (together + 1) * RATE_HZ - 1):
        assert some.batches(samples) == counted(apart, of_each, lengths, together)


@given(
    st.integers(0, 3000),
    st.floats(0, 1),
    st.integers(1, 20),
    st.floats(0.1, 12),
    st.floats(0, 1e6),
)
def test_there_are_never_more_batches_than_clips(number, alike, lengths, mean_s, max_samples):
    batches = Clips(number, mean_s, 3, alike, lengths).batches(max_samples)
    assert 0 <= batches <= number * (1 + 1e-12)


def test_clips_too_long_for_a_batch_of_two_run_one_by_one():
    """520 of 9 lengths are 58 of some and 57 of others: 58 of each would be 522."""
    some = Clips(520, 2.0, 20, 1.0, 9)
    assert some.batches(some.samples) == 520
    assert some.batches(2 * some.samples) == 9 * 29


def test_cropped_clips_are_alike():
    some = Clips(10, 8.0, 3, 0.4, 5)
    assert some.cropped(None) is some
    assert some.cropped(2.0) == Clips(10, 2.0, 3, 1.0)
    assert some.cropped(20.0) == Clips(10, 20.0, 3, 1.0), "repeated"


def test_the_centres_of_longer_clips_are_alike_and_shorter_ones_stay():
    some = Clips(10, 8.0, 3, 0.4, 5)
    assert some.centres(None) is some and some.centres(8.0) is some
    assert some.centres(2.0) == Clips(10, 2.0, 3, 1.0)


def test_several_splits_are_their_clips_together():
    """Published: 36,796 and 4,170 clips of FSD50K's 40,966, shorter than 5 s alike."""
    paper = load(overlaid([CONFIGS / "paper.yaml"]))
    both = several(paper, "fsd50k", ("train", "val"))
    train, val = (clips(paper, "fsd50k", split) for split in ("train", "val"))
    assert both.number == 40_966
    assert both.seconds == pytest.approx(train.seconds + val.seconds)
    assert (both.classes, both.lengths) == (200, 1)
    assert both.alike == min(train.alike, val.alike)
    mini = several(load(overlaid([])), "fsd50k", ("train", "val"))
    assert mini.lengths == clips(load(overlaid([])), "fsd50k", "val").lengths > 1
