import numpy as np
import pytest
from oracles import spectral_shape_by_welch
from scipy.signal import butter, sosfilt

from sonify.evaluation.metrics.spectra import spectral_shape

TIME = np.arange(32_000) / 8_000


def noise_band(rng: np.random.Generator, low: float, high: float) -> np.ndarray:
    band = butter(4, [low, high], "bandpass", fs=8_000, output="sos")
    return sosfilt(band, rng.standard_normal(len(TIME)))


@pytest.mark.parametrize("nperseg", [256, 101])
@pytest.mark.parametrize("n", [256, 700, 32_000])
def test_it_is_what_the_definitions_say(rng, nperseg, n):
    sounds = [rng.standard_normal(n), noise_band(rng, 500, 900)[:n], np.sin(2_000 * TIME)[:n]]
    found = spectral_shape(np.stack(sounds), nperseg)
    expected = [spectral_shape_by_welch(x, nperseg) for x in sounds]
    np.testing.assert_allclose(np.transpose(found), expected, rtol=1e-6)


def test_white_noise_is_flat_and_fills_the_band(rng):
    flatness, centroid, bandwidth = spectral_shape(rng.standard_normal((4, 32_000)))
    assert (flatness > 0.98).all() and (flatness <= 1).all()
    np.testing.assert_allclose(centroid, 2_000, rtol=0.02)
    np.testing.assert_allclose(bandwidth, 4_000 / np.sqrt(12), rtol=0.02)
    # One segment alone is a periodogram, whose bins scatter as e^-γ.
    assert spectral_shape(rng.standard_normal((200, 256)))[0].mean() == pytest.approx(
        0.56, abs=0.02
    )


@pytest.mark.parametrize("hz", [250, 1_000, 3_217])
def test_a_tone_stands_where_it_is(hz):
    flatness, centroid, bandwidth = spectral_shape(np.sin(2 * np.pi * hz * TIME)[None])
    assert flatness[0] < 1e-3
    assert centroid[0] == pytest.approx(hz, abs=2)
    assert bandwidth[0] < 25  # most of a Hann window's main lobe


def test_a_flat_band_has_its_centre_and_its_spread(rng):
    _, centroid, bandwidth = spectral_shape(noise_band(rng, 1_000, 2_000)[None])
    assert centroid[0] == pytest.approx(1_500, rel=0.02)
    assert bandwidth[0] == pytest.approx(1_000 / np.sqrt(12), rel=0.1)


def test_loudness_does_not_matter_and_silence_has_no_shape(rng):
    x = noise_band(rng, 300, 3_000)
    shapes = np.transpose(spectral_shape(np.stack([x, -1e-4 * x, 3e4 * x, 0 * x])))
    np.testing.assert_allclose(shapes[1:3], shapes[[0, 0]], rtol=1e-9)
    assert np.isnan(shapes[3]).all()


def test_a_bin_without_any_power_leaves_no_flatness():
    """The geometric mean of what has a zero is zero: here the powers of all bins but the tone's are
    too small for a float."""
    tone = np.sin(2 * np.pi * 1_000 * TIME)
    flatness, centroid, _ = spectral_shape(1e-160 * tone[None])
    assert flatness[0] == 0 and centroid[0] == pytest.approx(1_000, rel=1e-3)


def test_signals_of_less_than_a_segment_are_refused():
    for x in (np.ones((1, 255)), np.ones(300)):
        with pytest.raises(ValueError, match=r"expected \(signal, time\) with 256 samples"):
            spectral_shape(x)
