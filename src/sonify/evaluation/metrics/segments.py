"""The segment length of Welch's estimate, and the signal length that makes it meaningful.

Light, since the configuration check imports it.
"""

NPERSEG = 256


def shortest(nperseg: int, noverlap: int | None = None) -> int:
    """Return the samples that two segments of `nperseg` span if they overlap by `noverlap`. None
    means half a segment. In shorter signals there is one segment, and any two signals are fully
    coherent.
    """
    return 2 * nperseg - (nperseg // 2 if noverlap is None else noverlap)
