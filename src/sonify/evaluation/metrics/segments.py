"""The length of the segments of Welch's estimate, and of signals for it to say anything.

Light: the configuration is checked with it.
"""

NPERSEG = 256


def shortest(nperseg: int) -> int:
    """Return the samples that two half-overlapping segments of `nperseg` samples take.

    In shorter signals there is one segment, and any two signals are fully coherent.
    """
    return 2 * nperseg - nperseg // 2
