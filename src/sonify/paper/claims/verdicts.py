"""Judging a claim: one number a seed, its 95% t-interval, and a rule on where that may lie.

Thresholds were fixed beforehand; decisions 44, 55 and 65 say what was corrected later, and when.

"Reproduced" has to be earned. For a claim on "all" or "every layer", each number compared has an
interval of its own, and every interval must meet its criterion. Only the number that meets it least
(of several above 0, the smallest mean) can count against the claim, because one of many may fall
short by chance. (Taking the smallest within each seed would be biased: the smallest of many noisy
numbers lies below all their means.) Whatever an interval leaves open is inconclusive.
"""

import math
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import pandas as pd

from sonify.evaluation.metrics.intervals import t_interval
from sonify.paper.claims.evidence import Evidence, Missing
from sonify.paper.claims.measurement import Measurement, Values
from sonify.paper.labels import VERDICTS

REPRODUCED, NOT_REPRODUCED, INCONCLUSIVE, NOT_RUN = VERDICTS

# An interval must clear its threshold by more than the rounding error of float64 sums: equal seeds
# have an interval of width 0, and 1e-17 is no effect.
ROUNDING = 1e-9
# Scores of few clips and rank correlations move in steps, so seeds are often equal: the interval
# then claims more than is known.
EQUAL = "equal in every seed, so the interval has zero width"
SOME_EQUAL = "some numbers are equal in every seed, so their intervals have zero width"
NOT_ALL_CLEAR = "not every number is this clear"
SINGLE = "a single seed has no interval"


@dataclass(frozen=True)
class Above:
    """The claim holds if its number exceeds `threshold`, or if every one of its numbers does."""

    threshold: float = 0.0
    every: bool = False

    def room(self, mean: float) -> float:
        """Return how far a mean lies above the threshold."""
        return mean - self.threshold

    def verdict(self, low: float, high: float) -> str:
        """Judge the interval [low, high]; one that touches the threshold is inconclusive."""
        if low > self.threshold + ROUNDING:
            return REPRODUCED
        return NOT_REPRODUCED if high < self.threshold - ROUNDING else INCONCLUSIVE

    def __str__(self) -> str:
        limit = f"{self.threshold:g}"
        if self.every:
            return (
                "Each number compared has its own 95% t-interval over seeds: reproduced if all lie "
                f"above {limit}, not reproduced if the one with the smallest mean (shown) lies "
                f"below {limit}, otherwise inconclusive."
            )
        return (
            f"Reproduced if the 95% t-interval over seeds lies above {limit}, not reproduced if it "
            f"lies below {limit}, otherwise inconclusive."
        )


@dataclass(frozen=True)
class Within:
    """The claim, that two things are alike, holds if its number lies within `margin` of 0.

    If `every`, each of its numbers must.
    """

    margin: float
    every: bool = False

    def room(self, mean: float) -> float:
        """Return how far a mean lies inside the margins."""
        return self.margin - abs(mean)

    def verdict(self, low: float, high: float) -> str:
        """Judge the interval [low, high]: inside the margins, beyond one of them, or neither.

        [0, 0] is inside: two things that are equal in every seed are as alike as can be.
        """
        if max(-low, high) < self.margin - ROUNDING:
            return REPRODUCED
        return NOT_REPRODUCED if max(low, -high) > self.margin + ROUNDING else INCONCLUSIVE

    def __str__(self) -> str:
        limit = f"±{self.margin:g}"
        if self.every:
            return (
                "Each number compared has its own 95% t-interval over seeds: reproduced if all lie "
                f"inside {limit}, not reproduced if the one farthest from 0 (shown) lies wholly "
                "outside, otherwise inconclusive."
            )
        return (
            f"Reproduced if the 95% t-interval over seeds lies inside {limit}, not reproduced if "
            "it lies wholly outside, otherwise inconclusive."
        )


@dataclass(frozen=True)
class NotAbove:
    """The claim, that something is not ahead, holds unless its number is shown to exceed 0.

    Wide intervals meet it, so it is only for some numbers of a claim whose others have to be shown.
    """

    def room(self, mean: float) -> float:
        """Return how far a mean lies below 0."""
        return -mean

    def verdict(self, low: float, high: float) -> str:
        """Judge the interval [low, high]."""
        return NOT_REPRODUCED if low > ROUNDING else REPRODUCED

    def __str__(self) -> str:
        return "not reproduced if its 95% t-interval over seeds lies above 0, otherwise reproduced"


@dataclass(frozen=True)
class Parts:
    """A claim of several parts, each with a rule: by the first level of the numbers' names.

    words describes the criterion; the rules alone would not read well one after the other.
    """

    rules: Mapping[str, "Above | Within | NotAbove"]
    words: str

    def __str__(self) -> str:
        return self.words


Rule = Above | Within | NotAbove | Parts


class Judgement(NamedTuple):
    """Mean and half-width over n_runs seeds, the verdict, and what keeps it from being clearer."""

    mean: float
    ci95: float
    n_runs: int
    verdict: str
    caveats: tuple[str, ...]


def judge(values: Iterable[float] | Values, rule: Rule) -> Judgement:
    """Judge one number a seed, or several (a frame, seed by number), by `rule`.

    Of several, all must be reproduced, and the one that meets its rule least is reported. A seed
    whose number is NaN (nothing to measure, for example because every filter is dead) is left out,
    with a caveat. A single seed has no interval, nor have infinite numbers: inconclusive, whatever
    the mean. Equal seeds are a caveat.
    """
    if isinstance(values, pd.DataFrame):
        return _judge_every([(judge(x, one), one) for x, one in with_rules(values, rule)])
    if isinstance(rule, Parts):
        raise TypeError("a rule of several parts judges a frame, whose columns name the parts")
    given = list(values)
    known = [value for value in given if not math.isnan(value)]
    interval = t_interval(known)
    caveats = []
    if len(known) < len(given):
        caveats.append(f"undefined for {len(given) - len(known)} of {len(given)} seeds")
    if not math.isnan(interval.ci95):
        verdict = rule.verdict(interval.mean - interval.ci95, interval.mean + interval.ci95)
        if interval.ci95 < ROUNDING:
            caveats.append(EQUAL)
    else:
        verdict = INCONCLUSIVE
        if known:
            caveats.append(SINGLE if len(known) == 1 else "not finite in every seed")
    return Judgement(*interval, verdict, tuple(caveats))


def with_rules(
    values: pd.DataFrame, rule: Rule
) -> Iterator[tuple[pd.Series, Above | Within | NotAbove]]:
    """Return each number, by seed, and the rule that judges it."""
    for name, column in values.items():
        yield column, rule.rules[_part(name)] if isinstance(rule, Parts) else rule


def _part(name: Hashable) -> str:
    return str(name[0] if isinstance(name, tuple) else name)


def _judge_every(every: list[tuple[Judgement, Above | Within | NotAbove]]) -> Judgement:
    rooms = [math.inf if math.isnan(one.mean) else rule.room(one.mean) for one, rule in every]
    judged = [one for one, _ in every]
    least = judged[rooms.index(min(rooms))]
    unclear = [one for one in judged if one.verdict != REPRODUCED]
    verdict, decisive = least.verdict, [least]
    if unclear and verdict != NOT_REPRODUCED:
        verdict, decisive = INCONCLUSIVE, unclear
    caveats = dict.fromkeys(c for one in decisive for c in one.caveats if c != EQUAL)
    if verdict != least.verdict:
        caveats = {NOT_ALL_CLEAR: None, **caveats}
    equal = [EQUAL in one.caveats for one in judged]
    if any(equal):  # about all numbers: the verdict rests on all, though only the least is shown
        caveats[EQUAL if all(equal) else SOME_EQUAL] = None
    return least._replace(verdict=verdict, caveats=tuple(caveats))


@dataclass(frozen=True)
class Claim:
    """One claim of the paper: its statement, its measure in words, and the rule that judges it.

    evaluate computes the number, and raises Missing where the evidence lacks something.
    """

    number: int
    section: str
    statement: str
    measure: str
    rule: Rule
    evaluate: Callable[[Evidence], Measurement]

    def row(self, evidence: Evidence, scale: str) -> dict[str, object]:
        """Return the claim's row of contract claims; "not run" names what the tables lack."""
        try:
            values, remark = self.evaluate(evidence)
            judged = judge(values, self.rule)
        except Missing as missing:
            remark = f"Missing: {missing}"
            judged = Judgement(math.nan, math.nan, 0, NOT_RUN, ())
        return {
            "claim": self.number,
            "statement": self.statement,
            "section": self.section,
            "measure": self.measure,
            "criterion": str(self.rule),
            "mean": judged.mean,
            "ci95": judged.ci95,
            "n_runs": judged.n_runs,
            "verdict": judged.verdict,
            "remark": "; ".join(filter(None, (remark, ", ".join(judged.caveats)))) + ".",
            "scale": scale,
        }
