"""The number behind a claim, by seed, and the remark that says what was compared."""

import math
from collections.abc import Mapping
from typing import NamedTuple, TypeAlias

import pandas as pd

from sonify.evaluation.metrics.intervals import plus_minus

Values: TypeAlias = pd.Series | pd.DataFrame


class Task(NamedTuple):
    """The chance score by seed, and half of what one clip can change in a score.

    Chance is NaN, and half a clip 0, if the tables do not say.
    """

    chance: pd.Series
    half_clip: float


class Measurement(NamedTuple):
    """A claim's number by seed, or several (seed by number), and a remark without its full stop.

    floor: least half-width of a 95% interval, for all or by number: half a step of the measure.
    above_chance: for compared scores, the better side's minus chance, shaped like values.
    """

    values: Values
    remark: str
    floor: float | pd.Series = 0.0
    above_chance: Values | None = None


def difference(
    heading: str, greater: Values, lesser: Values, *, skipna: bool = False
) -> Measurement:
    """Return `greater` minus `lesser`, by seed, and a remark on both.

    Curves are averaged over layers. A layer without a value is left out if `skipna`; otherwise the
    seed has no number.
    """
    values = over_layers(greater - lesser, skipna)
    return Measurement(values, f"{heading}: {versus(greater, lesser)}")


def differences(
    heading: str, pairs: Mapping[str, tuple[Values, Values]], *, skipna: bool = False
) -> Measurement:
    """Return the `difference` of each pair, by name, and a remark on all of them."""
    values = {n: over_layers(one - other, skipna) for n, (one, other) in pairs.items()}
    remarks = [f"{name} {versus(*both)}" for name, both in pairs.items()]
    return Measurement(pd.DataFrame(values), f"{heading}: {'; '.join(remarks)}")


def score_differences(
    heading: str, pairs: Mapping[str, tuple[Values, Values]], tasks: Mapping[str, Task]
) -> Measurement:
    """Return the `differences` of scores, with their floors and how far they are above chance."""
    values, remark = differences(heading, pairs)[:2]
    floor = pd.Series({name: tasks[name].half_clip for name in pairs})
    above = {name: better(*both) - tasks[name].chance for name, both in pairs.items()}
    return Measurement(values, remark, floor, pd.DataFrame(above))


def better(one: Values, other: Values) -> pd.Series:
    """Return the side with the greater mean, by seed; curves are averaged over layers."""
    sides = [over_layers(side) for side in (one, other)]
    return max(sides, key=lambda side: side.mean())


def versus(one: Values, other: Values) -> str:
    """Format the means of both over seeds and layers: `0.427 vs 0.362`."""
    return " vs ".join(number(pd.DataFrame(x).mean().mean()) for x in (one, other))


def number(value: float, digits: int = 3) -> str:
    """Format a number as remarks show it: `0.123`, `∞` or `undefined`."""
    return plus_minus(float(value), math.nan, digits)


def over_layers(values: Values, skipna: bool = False) -> pd.Series:
    """Return curves' means over layers by seed, and anything else as it is."""
    return values.mean(axis=1, skipna=skipna) if isinstance(values, pd.DataFrame) else values
