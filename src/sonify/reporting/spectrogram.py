"""Small log-magnitude spectrograms of 8 kHz clips, an input and its sonification alike."""

import io
from collections.abc import Sequence

import numpy as np
from matplotlib import colormaps
from PIL import Image  # matplotlib writes its own PNG with it, so it is always there

from sonify.runtime.errors import SonifyError

RANGE_DB = 65.0
WIDTH, HEIGHT = 320, 128  # columns of equal duration; one row a bin, 31.25 Hz, up to 4 kHz
WINDOW = 2 * HEIGHT
COLOURS = "magma"  # perceptually uniform and readable in grey
STEPS = colormaps[COLOURS].resampled(round(RANGE_DB))  # 1 dB each: a quarter less to store


def spectrograms(*signals: np.ndarray) -> tuple[bytes, ...]:
    """Draw signals, (time,) each, as PNG spectrograms on one scale of RANGE_DB.

    The largest magnitude in any of them has full colour, so that whatever a sonification lost looks
    dark; silence is all dark. Raises SonifyError for empty signals or lengths that differ.
    """
    shapes = {signal.shape for signal in signals}
    if len(shapes) != 1 or signals[0].ndim != 1 or not signals[0].size:
        given = " and ".join(str(signal.shape) for signal in signals)
        raise SonifyError(f"signals {given}: all must be (time,) of one length, and not empty")
    return tuple(_png(decibel) for decibel in decibels(signals))


def decibels(signals: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return the log-magnitude spectrogram of each signal, (time,) at 8 kHz, all on one scale.

    Each is (HEIGHT, WIDTH), highest frequency first, in dB relative to the largest magnitude in any
    of them, floored at -RANGE_DB. Silence is all -RANGE_DB. Signals must not be empty.
    """
    powers = [power(np.asarray(signal, np.float64)) for signal in signals]
    loudest = max(p.max() for p in powers) or 1.0
    return [10 * np.log10(np.maximum(p / loudest, 10 ** (-RANGE_DB / 10))) for p in powers]


def power(x: np.ndarray) -> np.ndarray:
    """Return power in Hann windows, (HEIGHT, WIDTH), highest frequency first, without 0 Hz.

    Each column is the mean of as many windows as it takes to leave no gap between them.
    """
    each = max(1, -(-len(x) // (WIDTH * WINDOW // 2)))
    starts = np.linspace(0, len(x) - 1, WIDTH * each).round().astype(int)
    padded = np.pad(x, (WINDOW // 2, WINDOW))
    frames = padded[starts[:, None] + np.arange(WINDOW)] * np.hanning(WINDOW)
    spectra = np.abs(np.fft.rfft(frames)[:, 1:]) ** 2
    return spectra.reshape(WIDTH, each, HEIGHT).mean(axis=1).T[::-1]


def _png(decibel: np.ndarray) -> bytes:
    brightness = 1 + decibel / RANGE_DB
    # 256 colours lose nothing of a one-dimensional map and make the file a third as large.
    levels = np.round(255 * brightness).astype(np.uint8)
    palette = Image.frombytes("P", (WIDTH, HEIGHT), levels.tobytes())
    palette.putpalette((colormaps[COLOURS](np.arange(256), bytes=True)[:, :3]).tobytes())
    buffer = io.BytesIO()
    palette.save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()
