import numpy as np
import pytest
from scipy.signal import butter, coherence, lfilter, sosfilt

from sonify.evaluation.metrics.coherence import mean_topk_coherence, noise_floor


def signals(kind: str, rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    x = rng.standard_normal((4, n))
    noise = rng.standard_normal((4, n))
    if kind == "noise":
        return x, noise
    if kind == "filtered":  # deep spectral valleys, as in sonifications
        return x, sosfilt(butter(6, [0.1, 0.2], "bandpass", output="sos"), x) + 1e-4 * noise
    if kind == "coloured":
        return lfilter([1], [1, -0.95], x), lfilter([1], [1, -0.9], x) + noise
    return np.sin(0.3 * np.arange(n)) + 0 * x + 1e-3 * noise, np.sin(0.3 * np.arange(n)) + 1e-3 * x


@pytest.mark.parametrize("kind", ["noise", "filtered", "coloured", "tone"])
@pytest.mark.parametrize("nperseg", [256, 128, 101])
@pytest.mark.parametrize("n", [384, 700, 8_001, 20_000])
def test_it_equals_scipy(kind, nperseg, n, rng):
    x, s = signals(kind, rng, n)
    reference = np.sort(coherence(x, s, nperseg=nperseg)[1], axis=1)[:, -5:].mean(axis=1)
    np.testing.assert_allclose(mean_topk_coherence(x, s, 5, nperseg), reference, atol=1e-9)


def test_single_precision_input_is_measured_in_double(rng):
    x, s = signals("filtered", rng, 8_000)
    x32, s32 = x.astype(np.float32), s.astype(np.float32)
    exact = np.sort(coherence(x32.astype(float), s32.astype(float))[1], axis=1)[:, -5:].mean(axis=1)
    np.testing.assert_allclose(mean_topk_coherence(x32, s32), exact, atol=1e-12)


def test_several_sonifications_may_share_a_clip(rng):
    x, s = rng.standard_normal((3, 2_000)), rng.standard_normal((5, 2_000))
    of = np.array([2, 0, 0, 1, 2])
    np.testing.assert_array_equal(
        mean_topk_coherence(x, s, clips=of), mean_topk_coherence(x[of], s)
    )


def test_it_is_blind_to_gain_and_sign_and_bounded_by_one(rng):
    x = rng.standard_normal((3, 8_000))
    for factor in (1.0, -0.01, 300.0):
        values = mean_topk_coherence(x, factor * x)
        np.testing.assert_allclose(values, 1, atol=1e-12)
        assert (values <= 1).all()


def test_a_silent_sonification_counts_as_nothing(rng):
    x = rng.standard_normal((2, 8_000))
    s = x * [[1.0], [0.0]]
    assert mean_topk_coherence(x, s)[1] == 0 and mean_topk_coherence(x, s)[0] > 0.999


@pytest.mark.parametrize(
    ("n", "floor"), [(80_000, 0.008), (20_000, 0.032), (8_000, 0.068), (2_400, 0.226)]
)
def test_the_noise_floor_falls_with_length(n, floor):
    assert noise_floor(n) == pytest.approx(floor, rel=0.12)


def test_the_noise_floor_is_what_independent_noises_score_and_counts_whole_segments(rng):
    x, s = rng.standard_normal((2, 200, 5_000))
    assert noise_floor(5_000) == pytest.approx(mean_topk_coherence(x, s).mean(), rel=0.05)
    assert noise_floor(5_000) == noise_floor(4_992) == noise_floor(5_119)  # 38 segments
    assert noise_floor(5_120) != noise_floor(5_119)


def test_sounds_far_below_hearing_are_related_too(rng):
    x, noise = rng.standard_normal((2, 2, 8_000))
    expected = mean_topk_coherence(x, x + noise)
    np.testing.assert_allclose(mean_topk_coherence(1e-6 * x, 1e-6 * (x + noise)), expected)


def test_five_bins_are_taken_and_segments_are_of_256_samples_if_nothing_else_is_said(rng):
    x, s = rng.standard_normal((2, 3, 4_000))
    np.testing.assert_array_equal(mean_topk_coherence(x, s), mean_topk_coherence(x, s, 5, 256))
    assert noise_floor(4_000) == noise_floor(4_000, 5, 256)
    assert noise_floor(4_000, 1) > noise_floor(4_000) > noise_floor(4_000, 129)


@pytest.mark.parametrize("nperseg", [64, 101])
def test_the_noise_floor_follows_the_length_of_segments(rng, nperseg):
    x, s = rng.standard_normal((2, 300, 2_000))
    expected = mean_topk_coherence(x, s, 3, nperseg).mean()
    assert noise_floor(2_000, 3, nperseg) == pytest.approx(expected, rel=0.05)


def test_from_the_first_length_and_number_of_bins_that_mean_anything(rng):
    x, s = rng.standard_normal((2, 1, 384))
    all_bins = coherence(x, s)[1]
    assert mean_topk_coherence(x, s, 129) == pytest.approx(all_bins.mean(), abs=1e-9)
    assert mean_topk_coherence(x, s, 1) == pytest.approx(all_bins.max(), abs=1e-9)
    with pytest.raises(ValueError, match="top_k is 0"):
        mean_topk_coherence(x, s, 0)
    with pytest.raises(ValueError, match="both must be"):
        mean_topk_coherence(x[0], s[0], clips=np.zeros(384, int))


def test_meaningless_requests_are_refused(rng):
    x = rng.standard_normal((1, 383))  # a second segment would begin at 128 and end at 384
    with pytest.raises(ValueError, match="fewer than two segments of nperseg 256"):
        mean_topk_coherence(x, x)
    with pytest.raises(ValueError, match="both must be"):
        mean_topk_coherence(x, x[:, :100])
    with pytest.raises(ValueError, match="top_k is 130: it must be from 1 to 129"):
        mean_topk_coherence(np.ones((1, 400)), np.ones((1, 400)), k=130)
