"""Spectral flatness, centroid and bandwidth of sounds."""

from typing import NamedTuple

import numpy as np
from scipy import signal

from sonify.contracts.audio_format import RATE_HZ
from sonify.evaluation.metrics.segments import NPERSEG
from sonify.runtime.errors import SonifyError


class SpectralShape(NamedTuple):
    """Flatness in [0, 1], centroid and bandwidth in Hz, one of each signal: (signal,)."""

    flatness: np.ndarray
    centroid_hz: np.ndarray
    bandwidth_hz: np.ndarray


def spectral_shape(x: np.ndarray, nperseg: int = NPERSEG) -> SpectralShape:
    """Return the shape of the power spectra p(f) of x, (signal, time) at 8 kHz, whatever the level.

    p is Welch's estimate with SciPy's defaults, as in the coherence measure, at the bins strictly
    between 0 Hz (which detrending empties) and 4000 Hz (which a one-sided spectrum counts half).
    Flatness is the geometric over the arithmetic mean of p: near 1 for white noise (0.56 with one
    segment, closer to 1 with more), near 0 for a tone. Centroid is c = Σ f p / Σ p, and bandwidth
    √(Σ (f - c)² p / Σ p). Silence has no spectrum: NaN. Raises SonifyError for signals shorter than
    nperseg.
    """
    x = np.asarray(x, np.float64)
    if x.ndim != 2 or x.shape[1] < nperseg:
        raise SonifyError(f"signals {x.shape}: expected (signal, time) with {nperseg} samples each")
    frequencies, power = signal.welch(x, RATE_HZ, nperseg=nperseg)
    inner = (frequencies > 0) & (frequencies < RATE_HZ / 2)
    f, p = frequencies[inner], power[:, inner]
    total = p.sum(axis=1, keepdims=True)
    fraction = np.divide(p, total, out=np.full_like(p, np.nan), where=total > 0)
    logs = np.log(fraction, out=np.full_like(p, -np.inf), where=fraction != 0)
    centroid = fraction @ f
    spread = (fraction * (f - centroid[:, None]) ** 2).sum(axis=1)
    # The geometric mean may pass the arithmetic by an ulp.
    flatness = np.minimum(np.exp(logs.mean(axis=1)) * len(f), 1.0)
    return SpectralShape(flatness, centroid, np.sqrt(spread))
