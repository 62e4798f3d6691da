"""Measure how few values make up an explanation, as Quantus does (Hedström et al. 2023).

The values are the magnitudes of the short-time spectrum of a sound. Quantus rejects silence; here
it is NaN.
"""

import numpy as np

# Quantus' own: the one is added to each value, the other to each fraction in the logarithm.
_OFFSET = 1e-7
_LOG_OFFSET = 1e-12


def sparseness(values: np.ndarray) -> float:
    """Return the Gini index of magnitudes (Chalasani et al. 2020), in [0, 1]: 1 is one value alone.

    Of the values relative to their largest, with Quantus' offset; NaN for silence.
    """
    a = np.sort(np.abs(values).ravel().astype(np.float64))
    if not a.any():
        return float("nan")
    a = a / a[-1] + _OFFSET
    n = len(a)
    return float(((2 * np.arange(1, n + 1) - n - 1) * a).sum() / (n * a.sum()))


def complexity(values: np.ndarray) -> float:
    """Return the entropy of magnitudes, in nats, as fractions of their sum (Bhatt et al. 2020).

    From 0, one value alone, to the logarithm of their number, all alike; NaN for silence. Quantus'
    offset lowers it by 1e-12 for each value; never below 0, as it would for one value alone.
    """
    a = np.abs(values).ravel().astype(np.float64)
    if not a.any():
        return float("nan")
    p = a / a.sum()
    return max(0.0, float(-(p * np.log(p + _LOG_OFFSET)).sum()))
