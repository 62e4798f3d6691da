"""Judging a claim: its numbers by seed, the rule on where they may lie, and a verdict.

Thresholds, floors and δ were fixed beforehand; decisions 44, 55, 65, 78, 85, 86, 99
and 113 say what was corrected later, and when. Whatever the intervals leave open is inconclusive.
"""

import math
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from sonify.paper.claims.evidence import Evidence, Missing
from sonify.paper.claims.measurement import Measurement, Values
from sonify.paper.claims.resampled import by_replicate, measured_again
from sonify.paper.claims.rules import ALPHA, Decision, Delta, Parts, Rule, Simple, decide
from sonify.paper.claims.statistics import Estimates, Floats, estimates, with_clips
from sonify.paper.labels import VERDICTS

REPRODUCED, CONTRADICTED, EQUIVALENT, INCONCLUSIVE, AT_CHANCE, NOT_RUN = VERDICTS

# Equal seeds have an interval only where a floor is declared: of a measure without steps they are
# no sign of precision.
EQUAL = "equal in every seed, which gives no interval"
SOME_EQUAL = "some numbers are equal in every seed, which gives them no interval"
FLOORED = "the interval has its least width, that of a step of the measure"
NOT_ALL_CLEAR = "not every number is this clear"
SINGLE = "a single seed has no interval"

_NAMED = 4  # numbers at chance that a remark names


class Judgement(NamedTuple):
    """Mean and half-widths over n_runs seeds of the number shown, the verdict, and its p value.

    ci95 is the wider of ci95_seeds, over seeds and clips, and ci95_clips, over clips: NaN where
    there is none. p is NaN where nothing was tested. caveats say what keeps the verdict from being
    clearer.
    """

    mean: float
    ci95: float
    ci95_seeds: float
    ci95_clips: float
    n_runs: int
    verdict: str
    p: float
    caveats: tuple[str, ...]


def judge(
    values: Iterable[float] | Values,
    rule: Rule,
    *,
    delta: float | None = None,
    floor: float | Values = 0.0,
    above_chance: Values | None = None,
    again: Measurement | None = None,
) -> Judgement:
    """Judge one number a seed, or several (a frame, seed by number), by `rule`.

    Of several, all must be reproduced, and the one that meets its rule least is reported. A seed
    whose number is NaN (nothing to measure, for example because every filter is dead) is left out,
    with a caveat. A single seed, infinite numbers, and equal seeds without `floor` (the least
    half-width of an interval) have no interval: inconclusive, whatever the mean. For `delta` and
    `above_chance` see Claim and Measurement; `again` holds the measurements on every resample of
    the clips.
    """
    given = values if isinstance(values, pd.Series | pd.DataFrame) else pd.Series(list(values))
    frame = given if isinstance(given, pd.DataFrame) else pd.DataFrame({"": given})
    if isinstance(rule, Parts) and not isinstance(values, pd.DataFrame):
        raise TypeError("a rule of several parts judges a frame, whose columns name the parts")
    floors = np.broadcast_to(np.asarray(floor, np.float64), frame.shape[1])
    found = estimates(frame.to_numpy(np.float64), floors)
    if again is not None:
        found = with_clips(found, frame, by_replicate(again.values, frame))
    chance = _at_chance(frame, above_chance, floors, again)
    decision = decide(found, rules_of(frame, rule), delta, chance)
    verdict, p = _verdict(decision, chance)
    least = int(decision.least)
    return Judgement(
        float(found.mean[least]),
        float(found.half_width()[least]),
        float(found.over_seeds()[least]),
        float(found.over_clips()[least]),
        int(found.n[least]),
        verdict,
        p,
        tuple(_caveats(frame, found, floors, decision, chance, verdict)),
    )


def rules_of(values: pd.DataFrame, rule: Rule) -> list[Simple]:
    """Return the rule that judges each number, by column."""
    if isinstance(rule, Parts):
        return [rule.rules[_part(name)] for name in values.columns]
    return [rule] * values.shape[1]


def _part(name: Hashable) -> str:
    return str(name[0] if isinstance(name, tuple) else name)


def _at_chance(
    frame: pd.DataFrame, above_chance: Values | None, floors: Floats, again: Measurement | None
) -> np.ndarray:
    """Return which numbers compare scores whose 95% interval does not clear chance.

    Scores have the steps, and so the floors, of their differences. If chance is unknown, or there
    is a single seed, no number is at chance. A single number over several tasks is at chance if one
    of them is.
    """
    if above_chance is None:
        return np.zeros(frame.shape[1], bool)
    above = pd.DataFrame(above_chance).reindex(frame.index)
    found = estimates(above.to_numpy(np.float64), floors if frame.shape[1] > 1 else floors.max())
    if again is not None and again.above_chance is not None:
        found = with_clips(found, above, by_replicate(again.above_chance, above))
    widths = np.nan_to_num(found.over_seeds()), np.nan_to_num(found.over_clips())
    low = found.mean - np.maximum(*widths)  # equal seeds without either: their score itself
    at_chance = np.asarray((found.n > 1) & (low <= 0))
    return np.array([at_chance.any()]) if frame.shape[1] == 1 else at_chance


def _verdict(decision: Decision, chance: np.ndarray) -> tuple[str, float]:
    """Return the verdict and the p value of the test that it rests on."""
    p_for, p_against, p_equal = map(float, decision[-3:])
    if p_for < ALPHA:
        return REPRODUCED, p_for
    if p_against < ALPHA:
        return CONTRADICTED, p_against
    if chance.any():
        return AT_CHANCE, math.nan
    if p_equal < ALPHA:
        return EQUIVALENT, p_equal
    return INCONCLUSIVE, float(np.fmin(p_for, p_against))


def _caveats(
    frame: pd.DataFrame,
    found: Estimates,
    floors: Floats,
    decision: Decision,
    chance: np.ndarray,
    verdict: str,
) -> Iterator[str]:
    """Say what keeps the numbers that the verdict rests on from being clearer."""
    least, numbers = int(decision.least), range(frame.shape[1])
    unclear = [i for i in numbers if not decision.each[i] < ALPHA]
    decisive = unclear if verdict in (INCONCLUSIVE, AT_CHANCE) else [least]
    if verdict == AT_CHANCE:
        yield _chance_words(frame, chance)
    elif verdict == INCONCLUSIVE and decision.each[least] < ALPHA:
        yield NOT_ALL_CLEAR
    yield from dict.fromkeys(words for i in decisive for words in _gaps(frame, found, i))
    equal = [i for i in decisive if _is_equal(found, i)]
    if equal:
        yield EQUAL if len(equal) == frame.shape[1] else SOME_EQUAL
    if floors[least] and math.isclose(found.half_width()[least], floors[least]):
        yield FLOORED


def _gaps(frame: pd.DataFrame, found: Estimates, i: int) -> Iterator[str]:
    known, seeds = int(found.n[i]), len(frame)
    if known < seeds:
        yield f"known for {known} of {seeds} seeds"
    if known == 1:
        yield SINGLE
    elif known and not math.isfinite(found.mean[i]):
        yield "not finite in every seed"


def _is_equal(found: Estimates, i: int) -> bool:
    return bool(found.n[i] > 1 and math.isfinite(found.mean[i]) and math.isnan(found.se[i]))


def _chance_words(frame: pd.DataFrame, chance: np.ndarray) -> str:
    if frame.shape[1] == 1:
        return "neither side is above chance"
    names = [
        " ".join(map(str, name)) if isinstance(name, tuple) else str(name)
        for name in frame.columns[chance]
    ]
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"neither side is above chance for {', '.join(names[:_NAMED])}{more}"


@dataclass(frozen=True)
class Claim:
    """One claim of the paper: its statement, its measure in words, and the rule that judges it.

    evaluate computes the number, and raises Missing where the evidence lacks something. delta, of a
    claim about a difference, is the difference that is too small to matter.
    """

    number: int
    section: str
    statement: str
    measure: str
    rule: Rule
    evaluate: Callable[[Evidence], Measurement]
    delta: Delta | None = None

    def judge(self, measured: Measurement, again: Evidence | None = None) -> Judgement:
        """Judge what `evaluate` returns; `again` is the evidence `resampled`, where it is known."""
        return judge(
            measured.values,
            self.rule,
            delta=self.delta.value if self.delta else None,
            floor=measured.floor,
            above_chance=measured.above_chance,
            again=measured_again(self.evaluate, again),
        )

    def criterion(self, numbers: int | None = None) -> str:
        """Return the rule, and δ if there is one, in words: with how many numbers if known."""
        words = [str(self.rule)]
        if self.delta:
            several = "m numbers" in words[0]
            which, level = (" on the number shown", "5%/m") if several else ("", "5%")
            others = (
                f", and one-sided tests show every number above −{self.delta.value:g}"
                if several
                else ""
            )
            words.append(
                f"equivalent if two one-sided tests{which}, at {level}, place it inside "
                f"±{self.delta.value:g}{others}, since {self.delta.why}"
            )
        text = f"{'; '.join(words)}; otherwise inconclusive."
        if numbers is None:
            return text
        return text.replace("the m numbers", f"the {numbers} numbers").replace("/m", f"/{numbers}")

    def row(
        self, evidence: Evidence, scale: str, again: Evidence | None = None
    ) -> dict[str, object]:
        """Return the claim's row of contract claims; "not run" names what the tables lack.

        again: the evidence `resampled`, without which there is no interval over clips. Holm's
        correction needs all rows, and is not here.
        """
        try:
            measured = self.evaluate(evidence)
            remark, judged = measured.remark, self.judge(measured, again)
            numbers = len(pd.DataFrame(measured.values).columns)
        except Missing as missing:
            remark = f"Missing: {missing}"
            nan = math.nan
            judged, numbers = Judgement(nan, nan, nan, nan, 0, NOT_RUN, nan, ()), None
        return {
            "claim": self.number,
            "statement": self.statement,
            "section": self.section,
            "measure": self.measure,
            "criterion": self.criterion(numbers),
            "mean": judged.mean,
            "ci95": judged.ci95,
            "ci95_seeds": judged.ci95_seeds,
            "ci95_clips": judged.ci95_clips,
            "n_runs": judged.n_runs,
            "delta": self.delta.value if self.delta else math.nan,
            "verdict": judged.verdict,
            "p": judged.p,
            "remark": "; ".join(filter(None, (remark, ", ".join(judged.caveats)))) + ".",
            "scale": scale,
        }
