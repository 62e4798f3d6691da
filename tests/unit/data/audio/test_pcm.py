"""The codec against arithmetic in whole numbers."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sonify.data.audio.pcm import PEAK, decode, encode, encode_each, samples


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_sample_survives_the_way_to_floats_and_back(dtype):
    stored = np.arange(-PEAK, PEAK + 1).astype("<i2")
    x = decode(stored, dtype)
    assert x.dtype == dtype and x[0] == -1 and x[-1] == 1 and x[PEAK] == 0
    np.testing.assert_array_equal(encode(x), stored)
    assert x[1].item() == dtype(Fraction(-PEAK + 1, PEAK))


def test_bytes_are_little_endian():
    stored = b"\x01\x00\xff\x7f\x01\x80"
    assert samples(stored).tolist() == [1, 32767, -32767]
    assert decode(stored).tolist() == [np.float32(1 / 32767), 1, -1]
    assert encode(np.array([1 / 32767, 1, -1])).tobytes() == stored


@given(st.lists(st.floats(-1, 1), min_size=1), st.floats(1e-6, 1e6))
def test_rounding_is_to_the_nearest_step(values, peak):
    x = np.array(values) * peak
    exact = [Fraction(v) / Fraction(peak) * PEAK for v in x.tolist()]
    for step, wanted in zip(encode(x, peak).tolist(), exact, strict=True):
        assert abs(step - wanted) <= Fraction(1, 2) + Fraction(1, 10**9)


def test_the_loudest_sample_is_full_scale():
    x = np.random.default_rng(0).standard_normal(1000)
    assert np.abs(encode(x, np.abs(x).max()).astype(int)).max() == PEAK


def test_each_signal_uses_the_full_range_and_silence_stays():
    peaks, pcm = encode_each(np.array([[0.5, -0.25, 0.0], [0.0, 0.0, 0.0]]))
    assert peaks.tolist() == [0.5, 0.0]
    assert np.frombuffer(pcm[0], "<i2").tolist() == [32767, -16384, 0]
    assert np.frombuffer(pcm[1], "<i2").tolist() == [0, 0, 0]
