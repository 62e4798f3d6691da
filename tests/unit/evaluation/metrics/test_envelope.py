import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sonify.evaluation.metrics.envelope import FRAME, envelope, envelope_correlation


@given(n=st.integers(2 * FRAME, 20 * FRAME), seed=st.integers(0, 1000), gain=st.floats(1e-3, 1e3))
def test_it_equals_numpy(n, seed, gain):
    rng = np.random.default_rng(seed)
    x, s = rng.standard_normal((2, 3, n)) * np.linspace(0.1, 1, n)
    frames = n // FRAME
    expected = [
        np.corrcoef(
            [
                [np.sqrt(np.mean(v[FRAME * f : FRAME * (f + 1)] ** 2)) for f in range(frames)]
                for v in pair
            ]
        )[0, 1]
        for pair in zip(x, s, strict=True)
    ]
    np.testing.assert_allclose(envelope_correlation(x, gain * s), expected, atol=1e-9)
    of = np.array([1, 1, 0])
    np.testing.assert_array_equal(envelope_correlation(x, s, of), envelope_correlation(x[of], s))


def test_known_envelopes():
    loud = np.repeat([0.1, 0.4, 0.1, 0.2], FRAME)
    signs = np.tile([1.0, -1.0], len(loud) // 2)
    np.testing.assert_allclose(envelope(np.array([loud * signs])), [[0.1, 0.4, 0.1, 0.2]])
    x = np.array([loud, loud, loud, loud])
    s = np.array([-3 * loud * signs, 0.5 - loud, 0 * loud, 0.3 + 0 * loud])
    # The same rise and fall, the opposite one, silence, a steady sound.
    np.testing.assert_allclose(envelope_correlation(x, s), [1, -1, 0, 0], atol=1e-12)


def test_no_correlation_is_beyond_one(rng):
    """As sums of rounded squares are, for some of so many."""
    levels = rng.uniform(0.1, 1.9, (300, 7))
    x, opposite = (np.repeat(of, FRAME, axis=1) for of in (levels, 2 - levels))
    alike, against = envelope_correlation(x, 3 * x), envelope_correlation(x, opposite)
    assert (alike <= 1).all() and (against >= -1).all()
    np.testing.assert_allclose(np.stack([alike, -against]), 1, atol=1e-12)


def test_time_structure_that_is_smeared_is_told_from_what_is_kept(rng):
    clicks = np.zeros(8_000)
    clicks[::1000] = 1.0
    kept = np.convolve(clicks, rng.standard_normal(60), "same")
    smeared = np.convolve(clicks, rng.standard_normal(3_000), "same")
    found = envelope_correlation(np.array([clicks, clicks]), np.array([kept, smeared]))
    assert found[0] > 0.8 and abs(found[1]) < 0.4


def test_short_clips_are_refused():
    with pytest.raises(ValueError, match="of 255 samples hold fewer than two frames of 128"):
        envelope_correlation(np.ones((1, 255)), np.ones((1, 255)))


def test_sounds_far_below_hearing_have_time_structure_too():
    loud = np.repeat([0.1, 0.4, 0.1, 0.2], FRAME)
    x, s = np.array([loud, loud]), np.array([1e-12 * loud, 1e-12 * (0.5 - loud)])
    np.testing.assert_allclose(envelope_correlation(x, s), [1, -1], atol=1e-9)
    np.testing.assert_allclose(envelope_correlation(1e12 * x, s), [1, -1], atol=1e-9)
