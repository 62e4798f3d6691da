"""Learning-rate schedule: linear warm-up, then cosine decay without restarts (section 3.1)."""

import math

from sonify.runtime.errors import SonifyError
from sonify.runtime.plurals import counted


def learning_rate(step: int, total: int, warmup: int, peak: float) -> float:
    """Learning rate of 0-based `step` out of `total`.

    Rises linearly over the first `warmup` steps, reaching `peak` at step `warmup`, then falls on a
    half cosine towards zero at step `total`. Raises SonifyError when the warm-up leaves no room.
    """
    if not 0 <= warmup < total:
        raise SonifyError(
            f"warm-up of {counted(warmup, 'step')} does not fit into {counted(total, 'step')}"
        )
    if step < warmup:
        return peak * (step + 1) / (warmup + 1)
    return peak * 0.5 * (1 + math.cos(math.pi * (step - warmup) / (total - warmup)))
