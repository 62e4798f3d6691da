"""The number behind a claim, by seed, and the remark that says what was compared."""

import math
from collections.abc import Mapping
from typing import NamedTuple, TypeAlias

import pandas as pd

from sonify.evaluation.metrics.intervals import plus_minus

Values: TypeAlias = pd.Series | pd.DataFrame


class Measurement(NamedTuple):
    """A claim's number by seed, or several (seed by number), and a remark without its full stop."""

    values: Values
    remark: str


def difference(
    heading: str, greater: Values, lesser: Values, *, skipna: bool = False
) -> Measurement:
    """Return `greater` minus `lesser`, by seed, and a remark on both.

    Curves are averaged over layers. A layer without a value is left out if `skipna`; otherwise the
    seed has no number.
    """
    values = _over_layers(greater - lesser, skipna)
    return Measurement(values, f"{heading}: {versus(greater, lesser)}")


def differences(
    heading: str, pairs: Mapping[str, tuple[Values, Values]], *, skipna: bool = False
) -> Measurement:
    """Return the `difference` of each pair, by name, and a remark on all of them."""
    values = {n: _over_layers(one - other, skipna) for n, (one, other) in pairs.items()}
    remarks = [f"{name} {versus(*both)}" for name, both in pairs.items()]
    return Measurement(pd.DataFrame(values), f"{heading}: {'; '.join(remarks)}")


def versus(one: Values, other: Values) -> str:
    """Format the means of both over seeds and layers: `0.427 vs 0.362`."""
    return " vs ".join(number(pd.DataFrame(x).mean().mean()) for x in (one, other))


def number(value: float, digits: int = 3) -> str:
    """Format a number as remarks show it: `0.123`, `∞` or `undefined`."""
    return plus_minus(float(value), math.nan, digits)


def _over_layers(values: Values, skipna: bool) -> pd.Series:
    return values.mean(axis=1, skipna=skipna) if isinstance(values, pd.DataFrame) else values
