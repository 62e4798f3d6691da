"""Coherence peaks against SciPy's estimate and a search for maxima written out."""

import numpy as np
import pytest
from scipy import signal

from sonify.evaluation.metrics.peaks import Peaks, active_fraction, noise_floor, peak_coherence
from sonify.runtime.errors import SonifyError
from sonify.runtime.seeds import generator

RATE = 8_000


def by_scipy(x, s, count=5):
    """The highest of the local maxima that SciPy finds in its own estimate."""
    _, coherence = signal.coherence(x, s, nperseg=160, noverlap=80, nfft=512)
    places, _ = signal.find_peaks(coherence, distance=2)
    return sorted(coherence[places], reverse=True)[:count]


@pytest.mark.parametrize("n_samples", [5 * RATE, 4_321])
def test_peaks_are_the_highest_local_maxima_of_scipys_estimate(rng, n_samples):
    x = rng.standard_normal(n_samples)
    s = signal.lfilter([1, -0.5], [1], x) + 0.7 * rng.standard_normal(n_samples)
    np.testing.assert_allclose(peak_coherence(x, s), by_scipy(x, s), rtol=1e-9)


def test_silence_has_no_peaks(rng):
    x = rng.standard_normal(RATE)
    assert np.isnan(peak_coherence(x, np.zeros(RATE))).all()


def test_the_floor_of_five_seconds_is_the_one_that_independent_noises_score():
    assert noise_floor(5 * RATE).mean() == pytest.approx(0.008, abs=0.001)
    assert (noise_floor(RATE) > 3 * noise_floor(5 * RATE)).all()


def test_every_peak_has_a_floor_of_its_own_rank():
    rng = np.random.default_rng(7)
    pairs = [by_scipy(*rng.standard_normal((2, RATE))) for _ in range(120)]
    found, expected = noise_floor(RATE), np.mean(pairs, axis=0)
    assert (np.diff(found) < 0).all()
    error = np.std(pairs, axis=0) / np.sqrt(28)  # pairs of 8 noises
    assert (abs(found - expected) < 4 * error).all()


def test_the_floor_is_the_mean_over_28_pairs_of_named_noises():
    noises = generator("peak floor", 2_000).standard_normal((8, 2_000))
    pairs = [by_scipy(noises[i], noises[j]) for i in range(8) for j in range(i)]
    np.testing.assert_allclose(noise_floor(2_000), np.mean(pairs, axis=0), rtol=1e-9)


def test_other_settings(rng):
    x, s = rng.standard_normal((2, RATE))
    assert peak_coherence(x, s, Peaks(256, 128, 256, count=3)).shape == (3,)
    with pytest.raises(SonifyError, match="hold fewer than two segments of 160: leave out clips"):
        peak_coherence(x[:239], s[:239])
    with pytest.raises(SonifyError, match="both must be .time,., of one length"):
        peak_coherence(x, s[:-1])


def test_the_active_fraction_counts_audible_frames():
    s = np.zeros(1_600)
    s[:320] = 1.0
    s[320:480] = 0.02
    s[480:640] = 0.005
    assert active_fraction(s) == pytest.approx(3 / 10)
    assert active_fraction(np.zeros(1_600)) == 0.0
    assert active_fraction(np.ones(159)) == 0.0, "no frame"
