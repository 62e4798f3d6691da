"""Separation into known stems, against scikit-learn and closed forms."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from sonify.evaluation.metrics.separation import Sources, auc, power, si_sdr_db

TIME = np.arange(8_000) / 8_000


@pytest.fixture
def stems(rng):
    """A tone in the first half, another in the second, noise throughout, 60 dB below."""
    low = np.sin(2 * np.pi * 440 * TIME) * (TIME < 0.5)
    high = np.sin(2 * np.pi * 2_500 * TIME) * (TIME >= 0.5)
    return np.stack([low, high, 1e-3 * rng.standard_normal(8_000)])


def test_a_stem_is_all_its_own(stems):
    for i, stem in enumerate(stems[:2]):
        found = Sources(stems).separation(0.3 * stem)
        assert found.best == i and found.share > 0.99
        assert found.si_sdr_db > 200 and found.auc_time == 1 and found.auc_bins > 0.9


def test_the_mixture_is_as_much_of_each_as_its_power(stems):
    found = Sources(stems).separation(stems.sum(axis=0))
    powers = power(stems).sum(axis=(1, 2))
    assert found.share == pytest.approx(powers.max() / powers.sum(), rel=1e-2)
    assert found.share < 0.51 and abs(found.si_sdr_db) < 0.1


def test_a_source_sounds_within_20_db_of_its_own_loudest():
    """A tone of four steps, and another a million times as faint."""
    steps = np.repeat(10 ** (np.array([0, -19.5, -20.5, -60]) / 20), 2_048)
    tone = steps * np.sin(2 * np.pi * 1_000 * np.arange(len(steps)) / 8_000)
    sounding = Sources(np.stack([tone, 1e-6 * tone[::-1]])).sounding
    middles = (np.arange(4) * 2_048 + 1_024) // 128  # frames every half of 256
    assert sounding[0, middles].tolist() == [True, True, False, False]
    assert sounding[1, middles].tolist() == [False, False, True, True]


def test_silence_is_nobodys(stems):
    found = Sources(stems).separation(np.zeros(8_000))
    assert found.best == -1 and all(np.isnan(value) for value in found[1:])


def test_shares_are_those_of_loops_over_bins(stems, rng):
    sound = rng.standard_normal(8_000)
    of_sound, of_stems = power(sound), power(stems)
    shares = np.zeros(3)
    for b in range(of_sound.shape[0]):
        for f in range(of_sound.shape[1]):
            shares += of_sound[b, f] * of_stems[:, b, f] / of_stems[:, b, f].sum()
    shares /= of_sound.sum()
    found = Sources(stems).separation(sound)
    assert found.share == pytest.approx(shares.max()) and found.best == shares.argmax()
    dominant = of_stems[found.best] > of_stems.sum(axis=0) / 2
    assert found.auc_bins == pytest.approx(roc_auc_score(dominant.ravel(), of_sound.ravel()))


def test_the_ratio_does_not_depend_on_scale(rng):
    source, noise = rng.standard_normal((2, 50_000))
    noise -= (noise @ source) / (source @ source) * source
    noise *= np.linalg.norm(source) / np.linalg.norm(noise)
    for scale in (1e-3, 1.0, 50.0):
        assert si_sdr_db(scale * (source + 0.1 * noise), source) == pytest.approx(20.0)


def test_areas_equal_scikit_learns_with_ties(rng):
    scores, positive = rng.integers(0, 6, 400).astype(float), rng.random(400) < 0.3
    assert auc(scores, positive) == pytest.approx(roc_auc_score(positive, scores))
    assert np.isnan(auc(scores, np.ones(400, bool)))
