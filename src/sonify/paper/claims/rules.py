"""The rules by which claims are judged: the criterion for one number, and for several.

"Reproduced" has to be earned: of several numbers, the 95% interval of each (the wider of that over
seeds and that over clips, see `statistics`) must meet its criterion. Only the number that meets it
least (of several above 0, the smallest mean) can count against the claim, because one of many may
fall short by chance; for the same reason its interval is that at level 1 - 0.05/m, for a claim over
m numbers (Bonferroni). (Taking the smallest within each seed would be biased: the smallest of many
noisy numbers lies below all their means.) Where an effect is claimed and δ declared, the same
number can show that there is no effect worth the name, provided every other is shown to lie above
-δ.

Where there is no effect, each rule errs at most one time in twenty; a simulation among the tests
checks that for 3 and 5 normally distributed seeds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from sonify.paper.claims.statistics import Estimates, Floats

ALPHA = 0.05


class Delta(NamedTuple):
    """A difference too small to matter, in the claim's unit, and the reason, as a clause."""

    value: float
    why: str


@dataclass(frozen=True)
class Above:
    """The claim holds if its number exceeds `threshold`, or if every one of its numbers does."""

    threshold: float = 0.0
    every: bool = False

    def room(self, mean: Floats) -> Floats:
        """Return how far means lie above the threshold."""
        return mean - self.threshold

    def p_for(self, found: Estimates) -> Floats:
        """Return p, below 0.05 where the 95% interval lies above the threshold."""
        return _two_sided(found.p_above(self.threshold))

    def p_against(self, found: Estimates) -> Floats:
        """Return p, below 0.05 where the 95% interval lies below the threshold."""
        return _two_sided(found.p_below(self.threshold))

    def __str__(self) -> str:
        return _words(self.every, "above {0}", "smallest mean", "below {0}", f"{self.threshold:g}")


@dataclass(frozen=True)
class Within:
    """The claim, that two things are alike, holds if its number lies within `margin` of 0.

    If `every`, each of its numbers must.
    """

    margin: float
    every: bool = False

    def room(self, mean: Floats) -> Floats:
        """Return how far means lie inside the margins."""
        return self.margin - np.abs(mean)

    def p_for(self, found: Estimates) -> Floats:
        """Return p, below 0.05 where the 95% interval lies inside the margins."""
        return _two_sided(found.p_inside(self.margin))

    def p_against(self, found: Estimates) -> Floats:
        """Return p, below 0.05 where the 95% interval lies beyond one of them."""
        return _two_sided(found.p_outside(self.margin))

    def __str__(self) -> str:
        where = ("inside {0}", "largest distance from 0", "wholly outside")
        return _words(self.every, *where, f"±{self.margin:g}")


@dataclass(frozen=True)
class NotAbove:
    """The claim, that something is not ahead, holds if its number lies below `margin`.

    The margin is a lead too small to matter; a wide interval shows nothing.
    """

    margin: float

    def room(self, mean: Floats) -> Floats:
        """Return how far means lie below the margin."""
        return self.margin - mean

    def p_for(self, found: Estimates) -> Floats:
        """Return p, below 0.05 where the 95% interval lies below the margin."""
        return _two_sided(found.p_below(self.margin))

    def p_against(self, found: Estimates) -> Floats:
        """Return p, below 0.05 where the 95% interval lies above the margin."""
        return _two_sided(found.p_above(self.margin))


Simple = Above | Within | NotAbove


@dataclass(frozen=True)
class Parts:
    """A claim of several parts, each with a rule: by the first level of the numbers' names.

    words describes the criterion; the rules alone would not read well one after the other.
    """

    rules: Mapping[str, Simple]
    words: str

    def __str__(self) -> str:
        return self.words


Rule = Simple | Parts


class Decision(NamedTuple):
    """The decision of several numbers on a claim: index of the least, and p values, (...) each.

    each: p for every number, (..., number). p_for is below 0.05 if the claim is reproduced,
    p_against if contradicted, p_equal if the least number is within δ of 0 and all lie above -δ.
    A p value is NaN where a number that it needs has no interval.
    """

    least: np.ndarray
    each: Floats
    p_for: Floats
    p_against: Floats
    p_equal: Floats


def decide(
    found: Estimates,
    rules: Sequence[Simple],
    delta: float | None = None,
    ignored: np.ndarray | None = None,
) -> Decision:
    """Weigh the numbers (..., number), each by its rule.

    ignored: numbers that count neither way (scores at chance), (..., number); with any of them,
    nothing can be shown for all.
    """
    numbers = len(rules)
    each = [Estimates(*(part[..., i] for part in found)) for i in range(numbers)]
    rooms, p_for, p_against = (
        np.stack([getattr(rule, what)(one) for rule, one in zip(rules, given, strict=True)], -1)
        for what, given in (
            ("room", [one.mean for one in each]),
            ("p_for", each),
            ("p_against", each),
        )
    )
    skipped = np.isnan(rooms)
    if ignored is not None:
        p_for = np.where(ignored, np.nan, p_for)
        p_against = np.where(ignored, np.nan, p_against)
        skipped = skipped | ignored
    least = np.argmin(np.where(skipped, np.inf, rooms), axis=-1)
    against = _corrected(_at(p_against, least), numbers)
    equal = np.full_like(against, np.nan)
    if delta is not None:
        inside = _corrected(_at(found.p_inside(delta), least), numbers)
        equal = np.maximum(found.p_above(-delta).max(axis=-1), inside)
    return Decision(least, p_for, p_for.max(axis=-1), against, equal)


def _at(values: Floats, index: np.ndarray) -> Floats:
    return np.take_along_axis(values, index[..., None], axis=-1)[..., 0]


def _corrected(p: Floats, numbers: int) -> Floats:
    return np.minimum(numbers * p, 1.0)


def _two_sided(p: Floats) -> Floats:
    return np.minimum(2 * p, 1.0)


def _words(every: bool, inside: str, extreme: str, outside: str, limit: str) -> str:
    inside, outside = inside.format(limit), outside.format(limit)
    if every:
        return (
            f"Each of the m numbers has its own interval: reproduced if every 95% interval lies "
            f"{inside}; contradicted if that of the number with the {extreme} (shown), at level "
            f"1 − 0.05/m, lies {outside}"
        )
    return f"Reproduced if the 95% interval lies {inside}; contradicted if it lies {outside}"
