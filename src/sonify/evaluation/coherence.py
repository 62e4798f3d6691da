"""Mean top-k magnitude-squared coherence (section 4.2.1, equations 2 and 3).

Welch's estimate as `scipy.signal.coherence` computes it by default: Hann window, `nperseg` samples,
half overlap, constant detrending. Always in float64: in float32 the deep spectral valleys of
sonifications are wrong by up to 1e-2.
"""

from functools import cache

import numpy as np
from scipy import signal

from sonify.seeds import generator

NPERSEG = 256
FLOOR_PAIRS = 64


def mean_topk_coherence(
    x: np.ndarray, s: np.ndarray, k: int = 5, nperseg: int = NPERSEG
) -> np.ndarray:
    """Mean of the k largest bins of the coherence of each x with its s, (clip,), in [0, 1].

    x and s are (clip, time). A silent s (a dead map) counts as 0; so does a bin in which either
    signal has no power, where coherence is undefined. Raises ValueError for shapes that differ or
    clips that hold fewer than two segments: one makes every coherence 1, whatever the signals.
    """
    x, s = np.asarray(x, np.float64), np.asarray(s, np.float64)
    if x.shape != s.shape or x.ndim != 2:
        raise ValueError(f"signals {x.shape} and {s.shape}: both must be (clip, time)")
    if x.shape[1] < shortest(nperseg):
        raise ValueError(
            f"clips of {x.shape[1]} samples hold fewer than two segments of nperseg {nperseg}: "
            f"coherence would be 1 for any two signals; leave out clips under {shortest(nperseg)}"
        )
    bins = nperseg // 2 + 1
    if not 1 <= k <= bins:
        raise ValueError(f"top_k is {k}: it must be from 1 to {bins}")
    coherence = _coherence(x, s, nperseg)
    largest = np.partition(coherence, bins - k, axis=1)[:, bins - k :]
    return np.minimum(largest.mean(axis=1), 1.0)  # rounding may pass 1 by an ulp


def shortest(nperseg: int) -> int:
    """Samples that two half-overlapping segments take: below, coherence says nothing."""
    return nperseg + nperseg - nperseg // 2


def noise_floor(n_samples: int, k: int = 5, nperseg: int = NPERSEG) -> float:
    """The measure for independent white noises of this length: what "not related" scores.

    Mean over a fixed set of pairs; it falls as clips get longer.
    """
    return _noise_floor(n_samples, k, nperseg)


@cache
def _noise_floor(n_samples: int, k: int, nperseg: int) -> float:
    rng = generator("noise floor", n_samples)
    x, s = rng.standard_normal((2, FLOOR_PAIRS, n_samples))
    return float(mean_topk_coherence(x, s, k, nperseg).mean())


def _coherence(x: np.ndarray, s: np.ndarray, nperseg: int) -> np.ndarray:
    """Coherence of every bin, (clip, bin); 0 where it is undefined."""
    own_x, own_s = _segments(x, nperseg), _segments(s, nperseg)
    cross = (own_x.conj() * own_s).mean(axis=-1)
    power = (np.abs(own_x) ** 2).mean(axis=-1) * (np.abs(own_s) ** 2).mean(axis=-1)
    return np.divide(np.abs(cross) ** 2, power, out=np.zeros_like(power), where=power > 0)


def _segments(x: np.ndarray, nperseg: int) -> np.ndarray:
    """Spectra of the windowed, detrended segments of each clip, (clip, bin, segment)."""
    step = nperseg - nperseg // 2
    cut = np.lib.stride_tricks.sliding_window_view(x, nperseg, axis=1)[:, ::step]
    cut = signal.detrend(cut, type="constant", axis=-1)
    spectra = np.fft.rfft(cut * signal.get_window("hann", nperseg), axis=-1)
    return np.moveaxis(spectra, 1, -1)
