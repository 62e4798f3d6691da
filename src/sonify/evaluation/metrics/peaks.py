"""Coherence peaks of an input and a sonification, as the authors' code measures them for Figure 7.

It differs from section 4.2.1 (`metrics.coherence`): short windows, a long transform that
interpolates between bins, and local maxima of the coherence rather than its largest bins. Silence
has no local maxima, and a coherence that is flat, as of a near-perfect copy, may have too few.
"""

from dataclasses import dataclass
from functools import cache
from itertools import combinations

import numpy as np
from scipy import signal

from sonify.evaluation.metrics.segments import shortest
from sonify.runtime.errors import SonifyError
from sonify.runtime.seeds import generator

FLOOR_NOISES = 8  # make 28 pairs
AUDIBLE = 0.01  # RMS of a frame, relative to the loudest, that counts as sound: -40 dB


@dataclass(frozen=True)
class Peaks:
    """Parameters of the measure; the defaults are the authors': 20 ms, 257 bins, 5 peaks.

    nperseg, noverlap and nfft are those of Welch's estimate, in samples; distance is the least
    number of bins between two peaks; count is how many peaks are taken.
    """

    nperseg: int = 160
    noverlap: int = 80
    nfft: int = 512
    distance: int = 2
    count: int = 5


def peak_coherence(x: np.ndarray, s: np.ndarray, how: Peaks = Peaks()) -> np.ndarray:
    """Return the highest local maxima of the coherence of x and s, (time,), highest first.

    (count,) in [0, 1]; NaN throughout if there are fewer. Raises SonifyError for signals of
    different lengths, or that hold fewer than two segments.
    """
    if x.shape != s.shape or x.ndim != 1:
        raise SonifyError(f"signals {x.shape} and {s.shape}: both must be (time,), of one length")
    if len(x) < (least := shortest(how.nperseg, how.noverlap)):
        raise SonifyError(
            f"signals of {len(x)} samples hold fewer than two segments of {how.nperseg}: leave out "
            f"clips under {least}"
        )
    a, b = _spectra(x, how), _spectra(s, how)
    cross = np.abs((a.conj() * b).sum(axis=0)) ** 2
    power = np.square(np.abs(a)).sum(axis=0) * np.square(np.abs(b)).sum(axis=0)
    coherence = np.divide(cross, power, out=np.full(len(power), np.nan), where=power > 0)
    places, _ = signal.find_peaks(coherence, distance=how.distance)
    if len(places) < how.count:
        return np.full(how.count, np.nan)
    return np.minimum(np.sort(coherence[places])[::-1][: how.count], 1.0)


@cache
def noise_floor(n_samples: int, how: Peaks = Peaks()) -> np.ndarray:
    """Return the peaks for independent white noises of this length, means over pairs: (count,)."""
    noises = generator("peak floor", n_samples).standard_normal((FLOOR_NOISES, n_samples))
    return np.mean([peak_coherence(x, s, how) for x, s in combinations(noises, 2)], axis=0)


def _spectra(x: np.ndarray, how: Peaks) -> np.ndarray:
    """Return the spectra of the detrended, windowed segments of x, (segment, bin).

    As in `scipy.signal.coherence`, which takes fifteen times as long.
    """
    step = how.nperseg - how.noverlap
    cut = np.lib.stride_tricks.sliding_window_view(np.float64(x), how.nperseg)[::step]
    cut = cut - cut.mean(axis=1, keepdims=True)
    return np.fft.rfft(cut * signal.get_window("hann", how.nperseg), how.nfft)


def active_fraction(s: np.ndarray, frame: int = Peaks.nperseg) -> float:
    """Return the fraction of frames of s, (time,), that are audible beside the loudest.

    Frames of `frame` samples side by side; 0 for silence.
    """
    frames = s[: len(s) // frame * frame].reshape(-1, frame).astype(np.float64)
    levels = np.sqrt(np.square(frames).mean(axis=1))
    loudest = levels.max(initial=0.0)
    return float((levels > AUDIBLE * loudest).mean()) if loudest > 0 else 0.0
