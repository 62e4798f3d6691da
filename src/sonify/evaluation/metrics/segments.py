"""The length of the segments of Welch's estimate, and of signals for it to say anything.

Light: the configuration is checked with it.
"""

NPERSEG = 256


def shortest(nperseg: int, noverlap: int | None = None) -> int:
    """Return the samples that two segments of `nperseg` take, which have `noverlap` in common.

    None is half a segment. In shorter signals there is one segment, and any two signals are fully
    coherent.
    """
    return 2 * nperseg - (nperseg // 2 if noverlap is None else noverlap)
