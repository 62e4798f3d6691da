"""The codec of all stored samples: 16-bit, little-endian, full scale 32767."""

import numpy as np

PEAK = 32767  # full scale
DTYPE = np.dtype("<i2")


def samples(stored: bytes) -> np.ndarray:
    """Return stored samples undecoded: (time,) int16, a view."""
    return np.frombuffer(stored, DTYPE)


def decode(stored: bytes | np.ndarray, dtype: type[np.floating] = np.float32) -> np.ndarray:
    """Return stored samples, bytes or int16 of any shape, as floats in [-1, 1] of type `dtype`."""
    pcm = samples(stored) if isinstance(stored, bytes) else stored
    return pcm / dtype(PEAK)


def encode(x: np.ndarray, peak: float = 1.0) -> np.ndarray:
    """Return `x`, which lies in [-peak, peak], as int16 with `peak` mapped to full scale.

    Rounds to the nearest step, ties to even; `decode` times `peak` restores `x` to half a step.
    """
    # Divide rather than multiply by 1 / peak: the loudest sample is then exactly full scale.
    return np.rint(x / peak * PEAK).astype(DTYPE)


def encode_each(signals: np.ndarray) -> tuple[np.ndarray, list[bytes]]:
    """Return the peak of each signal, (signal,) float64, and its encoded samples as bytes.

    signals: (signal, time), each scaled to full scale by itself; a silent one has peak 0.
    """
    signals = signals.astype(np.float64)
    peaks = np.abs(signals).max(axis=1)
    steps = np.divide(PEAK, peaks, out=np.zeros_like(peaks), where=peaks > 0)
    return peaks, [row.tobytes() for row in np.rint(signals * steps[:, None]).astype(DTYPE)]
