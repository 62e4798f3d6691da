"""Sparseness and complexity, against second implementations from their papers.

Quantus, whose numbers these are to equal, is not among the locked packages.
"""

import numpy as np
import pytest
from scipy.stats import entropy

from sonify.evaluation.metrics.concision import complexity, sparseness
from sonify.evaluation.metrics.separation import power


def gini_by_pairs(values: np.ndarray) -> float:
    """Half the mean difference of all pairs, relative to the mean."""
    a = np.abs(values).ravel()
    a = a / a.max() + 1e-7
    return np.abs(a[:, None] - a[None]).mean() / (2 * a.mean())


@pytest.fixture
def spectra(rng):
    """Magnitudes of noise, of a tone, and of a click."""
    time = np.arange(2_000) / 8_000
    sounds = [rng.standard_normal(2_000), np.sin(2 * np.pi * 1_000 * time), np.eye(1, 2_000)[0]]
    return [np.sqrt(power(sound)) for sound in sounds]


def test_sparseness_is_the_gini_index(spectra, rng):
    for values in (*spectra, rng.exponential(size=(7, 31)), rng.standard_normal(50)):
        assert sparseness(values) == pytest.approx(gini_by_pairs(values), abs=1e-9)
    noise, tone, _ = (sparseness(values) for values in spectra)
    assert noise < 0.35 < 0.9 < tone


def test_sparseness_of_one_value_alone_and_of_equal_ones():
    assert sparseness(np.eye(1, 1_000)) == pytest.approx(0.999, abs=2e-4)
    assert sparseness(np.full(1_000, 3.0)) == pytest.approx(0, abs=1e-12)


def test_complexity_is_the_entropy_of_fractions(spectra, rng):
    for values in (*spectra, rng.exponential(size=(7, 31)), rng.standard_normal(50)):
        assert complexity(values) == pytest.approx(entropy(np.abs(values).ravel()), abs=1e-9)
    assert complexity(np.eye(1, 1_000)) == 0
    assert complexity(np.full(1_000, 3.0)) == pytest.approx(np.log(1_000))


def test_neither_depends_on_the_level_and_silence_has_none(spectra):
    for measure in (sparseness, complexity):
        assert measure(1e-3 * spectra[0]) == pytest.approx(measure(spectra[0]), abs=1e-12)
        assert np.isnan(measure(np.zeros((3, 4))))
