"""Print what Quantus makes of short-time spectra, as JSON: run as a program, where it is installed.

`python quantus_values.py`, with `src` and Quantus on PYTHONPATH, prints the reference numbers of
tests/data/quantus.json; `python quantus_values.py FILE.npz`, those of the magnitudes in a file.
"""

import json
import sys

import numpy as np
from scipy import signal

from sonify.evaluation.metrics.separation import power

RATE_HZ = 8_000


def sounds() -> dict[str, np.ndarray]:
    """The sounds of the reference numbers, by name; RandomState's numbers never change."""
    random = np.random.RandomState(0)
    t = np.arange(RATE_HZ) / RATE_HZ
    white, long = random.standard_normal(RATE_HZ), random.standard_normal(4 * RATE_HZ)
    spectrum = np.fft.rfft(white)
    spectrum[1:] /= np.sqrt(np.arange(1, len(spectrum)))
    tone = np.sin(2 * np.pi * 1_000 * t)
    return {
        "white noise": white,
        "white noise, four seconds": long,
        "white noise, soft": 1e-6 * white,
        "1/f noise": np.fft.irfft(spectrum, RATE_HZ),
        "half silence, half noise": np.where(t < 0.5, 0, white),
        "tone": tone,
        "tone with an offset": 0.5 + 0.3 * tone,
        "tones that decay": tone * np.exp(-20 * t) + signal.chirp(t, 100, 1, 3_900) * t,
        "constant": np.ones(RATE_HZ),
        "click": np.eye(1, RATE_HZ, 4_000)[0],
    }


def magnitudes() -> dict[str, np.ndarray]:
    """The magnitudes of their short-time spectra, (bin, frame), as they are measured."""
    return {name: np.sqrt(power(sound)) for name, sound in sounds().items()}


def quantus_values(values: np.ndarray) -> dict[str, float]:
    """Sparseness and complexity by Quantus, with its own defaults, in a batch of one."""
    import quantus

    batch = values[None, None]
    given = {"x_batch": np.zeros_like(batch), "y_batch": np.zeros(1, int), "softmax": False}
    metrics = {"sparseness": quantus.Sparseness, "complexity": quantus.Complexity}
    return {
        name: float(metric(disable_warnings=True)(model=None, a_batch=batch.copy(), **given)[0])
        for name, metric in metrics.items()
    }


if __name__ == "__main__":
    from importlib.metadata import version

    inputs = np.load(sys.argv[1]) if sys.argv[1:] else magnitudes()
    found = {name: quantus_values(values) for name, values in inputs.items()}
    print(json.dumps({"quantus": version("quantus"), "values": found}, indent=1))
