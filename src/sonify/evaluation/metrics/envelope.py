"""Correlation of energy envelopes: does a sonification rise and fall with its clip?

Section 3.2 says of strided convolutions that they distort the time structure of sonifications.
"""

import numpy as np

from sonify.runtime.errors import SonifyError

FRAME = 128  # samples, 16 ms at 8 kHz
FLAT = 1e-9  # variation of an envelope, relative to its level, that is rounding


def envelope_correlation(
    x: np.ndarray, s: np.ndarray, clips: np.ndarray | None = None
) -> np.ndarray:
    """Pearson correlation of the energy envelopes of each s and its x, (signal,), in [-1, 1].

    x is (clip, time), s is (signal, time); `clips`, (signal,), gives each signal's index in x; None
    pairs them in order. 0 where either envelope is constant, as for silence, and so has no time
    structure. Raises SonifyError for signals under two frames.
    """
    if x.shape[1] < 2 * FRAME:
        raise SonifyError(
            f"clips of {x.shape[1]} samples hold fewer than two frames of {FRAME}, and have no "
            f"envelope: leave out clips under {2 * FRAME}"
        )
    of_x, of_s = (_standardised(envelope(signals)) for signals in (x, s))
    of_x = of_x if clips is None else of_x[clips]
    return (of_x * of_s).sum(axis=1).clip(-1.0, 1.0)  # rounding may pass the ends by an ulp


def envelope(x: np.ndarray) -> np.ndarray:
    """Return the root mean square of adjacent frames of FRAME samples, (signal, frame), linear.

    x is (signal, time); samples after the last whole frame are left out.
    """
    n_frames = x.shape[1] // FRAME
    frames = np.asarray(x, np.float64)[:, : n_frames * FRAME].reshape(len(x), n_frames, FRAME)
    return np.sqrt(np.square(frames).mean(axis=-1))


def _standardised(envelopes: np.ndarray) -> np.ndarray:
    """Of zero mean and unit norm, (signal, frame); zeros where constant."""
    centred = envelopes - envelopes.mean(axis=1, keepdims=True)
    norms = np.linalg.norm(centred, axis=1, keepdims=True)
    varies = norms > FLAT * np.linalg.norm(envelopes, axis=1, keepdims=True)
    return np.divide(centred, norms, out=np.zeros_like(centred), where=varies)
