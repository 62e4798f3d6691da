"""The lag at which two signals match best."""

import numpy as np


def cross_correlation(x: np.ndarray, s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return lags and the full cross-correlation of x and s, both (time,): sum of x[n + lag] s[n].

    By the Fourier transform, in float64.
    """
    n = len(x) + len(s) - 1
    product = np.fft.rfft(np.float64(x), n) * np.fft.rfft(np.float64(s), n).conj()
    lags = np.arange(1 - len(s), len(x))
    return lags, np.fft.irfft(product, n)[lags]


def best_lag(x: np.ndarray, s: np.ndarray) -> float:
    """Return the lag of the largest cross-correlation; NaN if either is silent."""
    if not (x.any() and s.any()):
        return np.nan
    lags, values = cross_correlation(x, s)
    return float(lags[values.argmax()])
