"""How a claim is judged: one number a seed, its 95% t-interval, and a rule on where that may lie.

Thresholds were written before any number was looked at; how claims on "all" are judged, and that
claims 1 to 3 are of contrastive pretraining alone, was corrected later (decisions 44 and 55).
"Reproduced" has to be earned: of a claim on "all" or "every layer" each number a seed has an
interval of its own, and every one must clear the threshold. Against the claim speaks the number of
the least mean alone, for of many one may fall short by chance. Taking the least in each seed would
be biased: the least of many noisy numbers lies below all their means. What an interval cannot tell
is inconclusive.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

import pandas as pd

from sonify.evaluation.metrics.intervals import t_interval
from sonify.paper.claims.evidence import Evidence, Missing

REPRODUCED, NOT_REPRODUCED = "reproduced", "not reproduced"
INCONCLUSIVE, NOT_RUN = "inconclusive", "not run"
VERDICTS = (REPRODUCED, NOT_REPRODUCED, INCONCLUSIVE, NOT_RUN)

# An interval must clear its threshold by more than float64 sums can err: seeds that are equal have
# an interval of width 0, and 1e-17 is no effect.
ROUNDING = 1e-9
# As scores of few clips and rank correlations often are, which move in steps: an interval then says
# more than is known.
EQUAL = "equal in every seed, which leaves the interval no width"
SOME_EQUAL = "some numbers are equal in every seed, which leaves their intervals no width"


@dataclass(frozen=True)
class Above:
    """The claim holds where its number exceeds `threshold`, or every one of its numbers does."""

    threshold: float = 0.0
    every: bool = False

    def verdict(self, low: float, high: float) -> str:
        """By the interval [low, high]; one that touches the threshold is inconclusive."""
        if low > self.threshold + ROUNDING:
            return REPRODUCED
        return NOT_REPRODUCED if high < self.threshold - ROUNDING else INCONCLUSIVE

    def __str__(self) -> str:
        limit = f"{self.threshold:g}"
        if self.every:
            return (
                "Each number compared has its own 95% t-interval over seeds: reproduced if all lie "
                f"above {limit}, not reproduced if that of the least mean, which is shown, lies "
                f"below {limit}, otherwise inconclusive."
            )
        return (
            f"Reproduced if the 95% t-interval over seeds lies above {limit}, not reproduced if it "
            f"lies below {limit}, otherwise inconclusive."
        )


@dataclass(frozen=True)
class Within:
    """The claim, that two things are alike, holds where its number is less than `margin` off 0."""

    margin: float

    def verdict(self, low: float, high: float) -> str:
        """By the interval [low, high]: all inside the margins, all beyond one of them, or neither.

        An interval of 0 alone is inside: equal in every seed is as alike as can be.
        """
        if max(-low, high) < self.margin - ROUNDING:
            return REPRODUCED
        return NOT_REPRODUCED if max(low, -high) > self.margin + ROUNDING else INCONCLUSIVE

    def __str__(self) -> str:
        return (
            f"Reproduced if the 95% t-interval over seeds lies inside ±{self.margin:g}, not "
            "reproduced if it lies wholly outside, otherwise inconclusive."
        )


class Judgement(NamedTuple):
    """Mean and half-width over n_runs seeds, the verdict, and what kept it from being clearer."""

    mean: float
    ci95: float
    n_runs: int
    verdict: str
    caveats: tuple[str, ...]


def judge(values: Iterable[float] | pd.DataFrame, rule: Above | Within) -> Judgement:
    """The verdict of `rule` on one number a seed, or on several (a frame, seed by number).

    Of several, all must be reproduced; told is the one of the least mean. A seed whose number is
    NaN (nothing to measure, as where every filter is dead) is left out and said so. One seed has no
    interval, nor have infinite numbers: inconclusive, whatever the mean. Equal seeds are told.
    """
    if isinstance(values, pd.DataFrame):
        return _judge_every([judge(column, rule) for _, column in values.items()])
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
            caveats.append(
                "one seed alone has no interval" if len(known) == 1 else "not finite in every seed"
            )
    return Judgement(*interval, verdict, tuple(caveats))


def _judge_every(judged: list[Judgement]) -> Judgement:
    least = min(judged, key=lambda one: math.inf if math.isnan(one.mean) else one.mean)
    unclear = [one for one in judged if one.verdict != REPRODUCED]
    verdict, told = least.verdict, [least]
    if unclear and verdict != NOT_REPRODUCED:
        verdict, told = INCONCLUSIVE, unclear
    caveats = dict.fromkeys(c for one in told for c in one.caveats if c != EQUAL)
    if verdict != least.verdict:
        caveats = {"not every number is as clear": None, **caveats}
    equal = [EQUAL in one.caveats for one in judged]
    if any(equal):  # said of all numbers: the verdict is made of all, shown is only the least
        caveats[EQUAL if all(equal) else SOME_EQUAL] = None
    return least._replace(verdict=verdict, caveats=tuple(caveats))


class Measured(NamedTuple):
    """A claim's number by seed, or several (seed by number), and what is behind them in words (a
    sentence without its end).
    """

    values: pd.Series | pd.DataFrame
    told: str


@dataclass(frozen=True)
class Claim:
    """One claim of the paper, what it is measured by and the rule it is judged by."""

    number: int
    section: str
    statement: str
    measure: str
    rule: Above | Within
    measured: Callable[[Evidence], Measured]

    def row(self, evidence: Evidence, scale: str) -> dict:
        """The claim's row of contract claims; "not run" names what the tables lack."""
        try:
            values, told = self.measured(evidence)
            judged = judge(values, self.rule)
        except Missing as missing:
            told = f"Missing: {missing}"
            judged = Judgement(math.nan, math.nan, 0, NOT_RUN, "")
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
            "remark": "; ".join(filter(None, (told, ", ".join(judged.caveats)))) + ".",
            "scale": scale,
        }
