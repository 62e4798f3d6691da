"""What is mined of clips: which of them, and which part of each."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sonify.data.mined import centre, centres, mined
from sonify.runtime.errors import SonifyError

CLASSES = ["Noise", "Sine wave", "Hubbub, speech noise, speech babble"]


@pytest.fixture
def clips(make_clips):
    """Five clips; of Noise are 0 and 3, of Hubbub 3 and 4, of nothing 1."""
    targets = np.array([[1, 0, 0], [0, 0, 0], [0, 1, 0], [1, 0, 1], [0, 0, 1]], np.uint8)
    made = make_clips([900, 1_601, 2_000, 1_600, 1_599], 3)
    return replace(made, classes=CLASSES, targets=targets)


def test_all_of_all_clips_is_mined_by_default(clips):
    (found,) = mined([clips])
    assert found.ids == clips.ids
    for i in range(5):
        np.testing.assert_array_equal(found.pcm(i), clips.pcm(i))


def test_clips_are_cut_to_their_centre(clips):
    (found,) = mined([clips], crop_s=0.2)
    assert found.lengths.tolist() == [900, 1_600, 1_600, 1_600, 1_599]
    for i, start in enumerate([0, 0, 200, 0, 0]):
        np.testing.assert_array_equal(found.pcm(i), clips.pcm(i)[start : start + 1_600])
        np.testing.assert_array_equal(found.pcm(i), centre(clips.pcm(i), 1_600))


def test_the_centre_of_ten_seconds_is_the_authors():
    x = np.arange(80_000)
    assert centre(x, 40_000)[[0, -1]].tolist() == [20_000, 59_999]


@given(st.integers(1, 50), st.integers(1, 60))
def test_as_much_is_cut_before_as_behind(length, n):
    x = np.arange(length)
    kept = centre(x, n)
    assert len(kept) == min(length, n)
    before, behind = kept[0], length - 1 - kept[-1]
    assert behind - before in (0, 1)


def test_clips_with_an_excluded_label_are_left_out(clips):
    (found,) = mined([clips], ["Noise"], 0.2)
    assert found.ids == [clips.ids[i] for i in (1, 2, 4)]
    assert found.targets.tolist() == [[0, 0, 0], [0, 1, 0], [0, 0, 1]]
    np.testing.assert_array_equal(found.pcm(2), clips.pcm(4))
    assert not list(mined([replace(clips, targets=np.ones((5, 3), np.uint8))], ["Sine wave"]))


def test_what_is_no_label_is_refused(clips):
    with pytest.raises(SonifyError, match="'Sinewave', which is not a label of fsd50k: did you"):
        list(mined([clips], ["Noise", "Sinewave"]))
    with pytest.raises(SonifyError, match="'Zither', which is not a label .* of its vocabulary"):
        list(mined([clips], ["Zither"]))


def test_centres_are_what_was_mined(clips):
    (cut,) = mined([clips], crop_s=0.2)
    lengths = pd.Series(cut.lengths, index=cut.ids)
    found = centres([clips], pd.concat([lengths, lengths]))
    for i, clip in enumerate(clips.ids):
        np.testing.assert_array_equal(found[clip], cut.pcm(i))
