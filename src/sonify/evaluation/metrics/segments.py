"""The length that signals need for Welch's estimate to say anything.

Light: the configuration is checked with it.
"""


def shortest(nperseg: int) -> int:
    """Return the samples that two half-overlapping segments of `nperseg` samples take.

    In shorter signals there is one segment, and any two signals are fully coherent.
    """
    return 2 * nperseg - nperseg // 2
