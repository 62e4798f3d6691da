"""Tables that many tests read, built once."""

from collections.abc import Callable, Hashable
from functools import wraps

import pandas as pd


def built_once(build: Callable[..., pd.DataFrame]) -> Callable[..., pd.DataFrame]:
    """Give, for equal arguments, copies of one table: pandas copies what a test then changes."""
    known: dict[Hashable, pd.DataFrame] = {}

    @wraps(build)
    def copied(*arguments, **named) -> pd.DataFrame:
        key = _fixed([arguments, named])
        if key not in known:
            known[key] = build(*arguments, **named)
        return known[key].copy(deep=False)

    return copied


def _fixed(value: object) -> Hashable:
    """The same as something that a dictionary can look up."""
    if isinstance(value, dict):
        return tuple((name, _fixed(inner)) for name, inner in sorted(value.items()))
    return tuple(map(_fixed, value)) if isinstance(value, list | tuple) else value
