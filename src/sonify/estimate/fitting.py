"""Rates from timings: each unit's seconds, none negative, by least squares of relative errors."""

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.optimize import nnls

from sonify.estimate.work import Work


def rates(timings: Sequence[tuple[Work, float]], units: Sequence[str]) -> Mapping[str, float]:
    """Return seconds per unit of `units` from works and the seconds that each has taken.

    Of other units the works may have none. Raises KeyError if they do.
    """
    for work, _ in timings:
        if beyond := {u for u, amount in work.amounts.items() if amount} - set(units):
            raise KeyError(f"no rate is fitted for {', '.join(sorted(beyond))}")
    table = np.array([[work.amounts.get(unit, 0.0) for unit in units] for work, _ in timings])
    relative = table / np.array([[seconds] for _, seconds in timings])
    largest = np.maximum(relative.max(axis=0), np.finfo(float).tiny)  # columns of one size
    found, _ = nnls(relative / largest, np.ones(len(timings)))
    return {unit: float(value) for unit, value in zip(units, found / largest, strict=True)}
