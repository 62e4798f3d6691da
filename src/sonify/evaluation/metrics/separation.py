"""Measures of how well a sound isolates one source of a mixture whose stems are known.

Stems are the sources that a mixture is the sum of, (source, time). Short-time spectra have Hann
windows of 256 samples, half overlapping.
"""

from typing import NamedTuple

import numpy as np
from scipy import signal

from sonify.evaluation.metrics.rank_correlation import ranks
from sonify.evaluation.metrics.segments import NPERSEG

ACTIVE_DB = 20.0  # a source sounds in frames within so many decibels of its loudest


class Separation(NamedTuple):
    """The best source of one sound, and how well the sound isolates it.

    best: index of the source. share: fraction of the sound's power in it. si_sdr_db: greatest
    scale-invariant signal-to-distortion ratio against a source. auc_time: area under the ROC curve
    of the sound's power as a detector of the frames in which the best source sounds; auc_bins:
    likewise of the time-frequency bins in which it has most of the mixture's power; NaN where all
    have the same label. All are NaN, and best -1, for silence.
    """

    best: int
    share: float
    si_sdr_db: float
    auc_time: float
    auc_bins: float


class Sources:
    """The stems of one mixture, analysed once for all sounds compared with them."""

    def __init__(self, stems: np.ndarray) -> None:
        """Take the stems, (source, time), silent ones included."""
        self.stems = np.asarray(stems, np.float64)
        self.powers = power(self.stems)  # (source, bin, frame)
        total = self.powers.sum(axis=0)
        # Ideal ratio masks: what fraction of a bin is whose.
        self.masks = np.divide(self.powers, total, out=np.zeros_like(self.powers), where=total > 0)

    def separation(self, sound: np.ndarray) -> Separation:
        """Compare a sound of the stems' length, (time,), with them."""
        of_sound = power(sound)
        shares = self.shares(of_sound)
        if np.isnan(shares).any():
            return Separation(-1, *[float("nan")] * 4)
        best = int(shares.argmax())
        return Separation(
            best,
            float(shares[best]),
            max(si_sdr_db(sound, stem) for stem in self.stems if stem.any()),
            auc(of_sound.sum(axis=0), self.sounding[best]),
            auc(of_sound.ravel(), (self.masks[best] > 0.5).ravel()),
        )

    def shares(self, of_sound: np.ndarray) -> np.ndarray:
        """Return the fraction of a sound's `power` in each source, (source,); NaN for silence."""
        whole = of_sound.sum()
        if not whole > 0:
            return np.full(len(self.stems), np.nan)
        return np.asarray((self.masks * of_sound).sum(axis=(1, 2)) / whole)

    @property
    def sounding(self) -> np.ndarray:
        """The frames in which each source sounds, (source, frame)."""
        frames = self.powers.sum(axis=1)
        loudest = frames.max(axis=1, keepdims=True)
        sounding: np.ndarray = (frames > loudest * 10 ** (-ACTIVE_DB / 10)) & (loudest > 0)
        return sounding


def power(x: np.ndarray) -> np.ndarray:
    """Return the power of short-time spectra of x, (..., time): (..., bin, frame)."""
    spectra = signal.stft(np.asarray(x, np.float64), nperseg=NPERSEG)[2]
    squares: np.ndarray = np.square(np.abs(spectra))
    return squares


def si_sdr_db(sound: np.ndarray, source: np.ndarray) -> float:
    """Return the scale-invariant signal-to-distortion ratio in dB (Le Roux et al. 2019).

    The power of the sound's projection on the source, over that of the rest of the sound.
    """
    s, target = np.asarray(sound, np.float64), np.asarray(source, np.float64)
    part = (s @ target) / (target @ target) * target
    rest = s - part
    with np.errstate(divide="ignore"):
        return float(10 * np.log10((part @ part) / (rest @ rest)))


def auc(scores: np.ndarray, positive: np.ndarray) -> float:
    """Return the area under the ROC curve, ties counting half (Mann-Whitney); NaN for one class."""
    n, p = len(positive), int(positive.sum())
    if p in (0, n):
        return float("nan")
    return float((ranks(scores)[positive].sum() - p * (p + 1) / 2) / (p * (n - p)))
