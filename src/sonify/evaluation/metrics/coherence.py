"""Mean top-k magnitude-squared coherence (section 4.2.1, equations 2 and 3).

Welch's estimate as `scipy.signal.coherence` computes it by default: Hann window, `nperseg` samples,
half overlap, constant detrending. Always in float64: in float32 the deep spectral valleys of
sonifications are wrong by up to 1e-2. Torch's Fourier transform is six times faster than NumPy's
on segments this short.
"""

from functools import cache
from itertools import combinations

import numpy as np
import torch
from torch import Tensor

from sonify.evaluation.metrics.segments import NPERSEG, shortest
from sonify.runtime.errors import SonifyError
from sonify.runtime.seeds import generator

FLOOR_NOISES = 16  # make 120 pairs


def mean_topk_coherence(
    x: np.ndarray,
    s: np.ndarray,
    k: int = 5,
    nperseg: int = NPERSEG,
    clips: np.ndarray | None = None,
) -> np.ndarray:
    """Mean of the k largest bins of the coherence of each s with its x, (signal,), in [0, 1].

    x is (clip, time), s is (signal, time); `clips`, (signal,), gives each signal's index in x; None
    pairs them in order. A silent s (a dead map) counts as 0; so does a bin in which either signal
    has no power, where coherence is undefined. Raises SonifyError for shapes that do not fit, or
    clips that hold fewer than two segments: one makes every coherence 1, whatever the signals.

    >>> import numpy as np
    >>> from sonify.api import mean_topk_coherence
    >>> x = np.random.default_rng(0).standard_normal((2, 8000))  # two clips of 1 s
    >>> s = np.stack([0.5 * x[0], np.zeros(8000)])  # one related signal, one silent one
    >>> mean_topk_coherence(x, s).round(3)
    array([1., 0.])
    """
    clips = np.arange(len(x)) if clips is None else clips
    if x.ndim != 2 or s.shape != (len(clips), x.shape[1]):
        raise SonifyError(
            f"signals {x.shape} and {s.shape}: both must be (clip, time), with an x for each s"
        )
    if x.shape[1] < shortest(nperseg):
        raise SonifyError(
            f"clips of {x.shape[1]} samples hold fewer than two segments of nperseg {nperseg}: "
            f"coherence would be 1 for any two signals; leave out clips under {shortest(nperseg)}"
        )
    bins = nperseg // 2 + 1
    if not 1 <= k <= bins:
        raise SonifyError(f"top_k is {k}: it must be from 1 to {bins}")
    of_clips = [_welch(clip, nperseg) for clip in torch.from_numpy(x)]
    # One by one, so that a signal's segments stay in the CPU cache.
    values = [
        _coherence(of_clips[clip], _welch(signal, nperseg))
        for clip, signal in zip(clips.tolist(), torch.from_numpy(s), strict=True)
    ]
    return _top(torch.stack(values), k).numpy()


def noise_floor(n_samples: int, k: int = 5, nperseg: int = NPERSEG) -> float:
    """Return the measure for independent white noises of this length, which are unrelated.

    Mean over the pairs among a fixed set of noises; it falls with clip length, in steps of whole
    segments.
    """
    return _noise_floor((n_samples - nperseg) // (nperseg - nperseg // 2) + 1, k, nperseg)


@cache
def _noise_floor(n_segments: int, k: int, nperseg: int) -> float:
    n_samples = nperseg + (n_segments - 1) * (nperseg - nperseg // 2)
    noises = generator("noise floor", n_samples).standard_normal((FLOOR_NOISES, n_samples))
    pairs = combinations([_welch(noise, nperseg) for noise in torch.from_numpy(noises)], 2)
    return float(_top(torch.stack([_coherence(x, s) for x, s in pairs]), k).mean())


def _welch(x: Tensor, nperseg: int) -> tuple[Tensor, Tensor]:
    """Spectra of the detrended, windowed segments of x, (time,): (segment, bin); and the sum of
    their powers, (bin,)."""
    cut = x.double().unfold(0, nperseg, nperseg - nperseg // 2)
    cut = cut - cut.mean(dim=-1, keepdim=True)
    spectra = torch.fft.rfft(cut.mul_(torch.hann_window(nperseg, dtype=torch.float64)))
    return spectra, torch.linalg.vecdot(spectra, spectra, dim=0).real


def _coherence(x: tuple[Tensor, Tensor], s: tuple[Tensor, Tensor]) -> Tensor:
    """Coherence of every bin, (bin,), of what `_welch` gives; 0 where it is undefined."""
    cross, power = torch.linalg.vecdot(x[0], s[0], dim=0), x[1] * s[1]
    return torch.where(power > 0, cross.abs().square() / power, 0.0)


def _top(coherence: Tensor, k: int) -> Tensor:
    """Mean of the k largest bins, (signal,), of coherences, (signal, bin)."""
    return coherence.topk(k).values.mean(dim=-1).clamp_max(1.0)  # rounding may pass 1 by an ulp
