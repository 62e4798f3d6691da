"""Sparseness and complexity, against Quantus and against second implementations from their papers.

A slow test installs Quantus. The others compare with its numbers in tests/data/quantus.json, which
tests/support/quantus_values.py prints.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from instruments import card
from packages import installed
from quantus_values import magnitudes
from scipy.stats import entropy

from sonify.evaluation.metrics.concision import complexity, sparseness
from sonify.evaluation.metrics.separation import power
from sonify.models.untrained import untrained
from sonify.sonification.methods import DEFAULT, build_explainer

ROOT = Path(__file__).resolve().parents[4]
REFERENCE = json.loads((ROOT / "tests" / "data" / "quantus.json").read_text())
# The release of the reference numbers, and what it imports that is not in the lock.
PACKAGES = (
    f"quantus=={REFERENCE['quantus']}",
    "cachetools==8.0.2",
    "lazy-loader==0.6",
    "opencv-python-headless==5.0.0.93",
    "scikit-image==0.26.0",
)
MEASURES = {"sparseness": sparseness, "complexity": complexity}


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


def same_as_quantus(values: np.ndarray, quantus: dict[str, float]) -> None:
    found = {name: measure(values) for name, measure in MEASURES.items()}
    assert found == pytest.approx(quantus, rel=0, abs=1e-10)


@pytest.mark.parametrize("name", REFERENCE["values"])
def test_both_equal_quantus(name):
    same_as_quantus(magnitudes()[name], REFERENCE["values"][name])


def sonifications() -> dict[str, np.ndarray]:
    """Magnitudes of the sonifications of noise by a network with biases, one for each layer."""
    model = untrained(card(run="another"))
    for parameter in (p for name, p in model.named_parameters() if name.endswith("bias")):
        torch.nn.init.normal_(parameter, std=0.1)
    signals = build_explainer(DEFAULT, model).most_active(torch.randn(1, 4_000)).signals
    assert signals.any(-1).all()
    spectra = np.sqrt(power(signals.flatten(0, -2).numpy()))
    return {f"sonification {i}": values for i, values in enumerate(spectra)}


@pytest.mark.slow
def test_both_equal_quantus_itself_on_sounds_and_sonifications(tmp_path):
    packages = installed(tmp_path / "packages", *PACKAGES)
    inputs = magnitudes() | sonifications()
    np.savez(tmp_path / "inputs.npz", **inputs)
    command = [sys.executable, ROOT / "tests" / "support" / "quantus_values.py"]
    path = os.pathsep.join([str(packages), str(ROOT / "src")])
    done = subprocess.run(
        [*command, tmp_path / "inputs.npz"],
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    printed = json.loads(done.stdout)
    assert printed["quantus"] == REFERENCE["quantus"]
    assert printed["values"].keys() == inputs.keys() > REFERENCE["values"].keys()
    for name, values in printed["values"].items():
        same_as_quantus(inputs[name], values)
    for name, values in REFERENCE["values"].items():
        assert printed["values"][name] == pytest.approx(values, rel=0, abs=1e-10)


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
        assert complexity(values) == pytest.approx(entropy(np.abs(values).ravel()), abs=1e-8)
    assert complexity(np.eye(1, 1_000)) == 0
    assert complexity(np.full(1_000, 3.0)) == pytest.approx(np.log(1_000))


def test_neither_depends_on_the_level_and_silence_has_none(spectra):
    for measure in (sparseness, complexity):
        assert measure(1e-3 * spectra[0]) == pytest.approx(measure(spectra[0]), abs=1e-12)
        assert np.isnan(measure(np.zeros((3, 4))))
