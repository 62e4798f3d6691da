"""The claims' outcomes in plain words: what was decided, then what was left open and why."""

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import pandas as pd

from sonify.evaluation.metrics.intervals import plus_minus
from sonify.paper.labels import DECIDED, UNDECIDED, VERDICTS
from sonify.runtime.plurals import counted

_MEANING = {
    "reproduced": "the effect is shown",
    "contradicted": "the opposite is shown",
    "equivalent": "shown to be too small to matter",
    "inconclusive": "the intervals of {seeds} leave it open",
    "at chance": "neither side recognises more than chance",
    "not run": "runs or measurements are missing",
}
_SURVIVES = 0.05
MEANS_FAIL = "do not meet the criterion"  # of numbers without an interval
UNPUBLISHED = "none published"  # in place of a verdict on the authors' numbers


class Outcome(NamedTuple):
    """Claims with one verdict: their numbers, and what the verdict means."""

    verdict: str
    claims: list[int]
    meaning: str

    def __str__(self) -> str:
        return f"{listed(self.claims)} ({self.meaning})"


def outcomes(claims: pd.DataFrame) -> Iterator[Outcome]:
    """Return the verdicts in rows of contract claims, decided ones first."""
    for verdict in VERDICTS:
        rows = claims[claims["verdict"] == verdict]
        if len(rows):
            numbers = sorted(rows["claim"].tolist())
            meaning = _MEANING[verdict].format(seeds=_seeds(rows["n_runs"]))
            by_clips = sorted(rows.loc[rows["ci95_clips"] > rows["ci95_seeds"], "claim"])
            if verdict == "inconclusive" and by_clips:
                meaning += f"; of {listed(by_clips)} that over clips is the wider"
            yield Outcome(verdict, numbers, meaning)


def decided(claims: pd.DataFrame) -> str:
    """Count what was decided: `3 of 26 claims decided: 2 reproduced, 1 equivalent`."""
    if not len(claims):
        return "none judged"
    n = int(claims["verdict"].isin(DECIDED).sum())
    counts = _counts(claims, DECIDED)
    return f"{n or 'none'} of {len(claims)} claims decided{f': {counts}' if counts else ''}"


def undecided(claims: pd.DataFrame) -> str:
    """Count what was not: `2 inconclusive, 1 not run`, or nothing."""
    return _counts(claims, UNDECIDED)


def survivors(claims: pd.DataFrame) -> str:
    """Say which decisions survive if all claims are taken as one family of tests (Holm)."""
    rows = claims[claims["verdict"].isin(DECIDED)]
    if not len(rows):
        return ""
    tested = int(claims["p"].notna().sum())
    kept = rows["p_holm"] < _SURVIVES
    words = f"Taken as one family of {tested} tests (Holm's correction), "
    if kept.all():
        return words + "all decided claims stay decided."
    if not kept.any():
        return words + "none of the decided claims would stay decided."
    stay = listed(sorted(rows.loc[kept, "claim"]))
    return words + f"{kept.sum()} of the {len(rows)} decided claims stay decided: {stay}."


def why_open(row: Any) -> str:
    """Say why a claim, a row of contract claims, was not decided; nothing for a decided one."""
    if row.verdict in DECIDED:
        return ""
    if row.verdict != "inconclusive":
        return _MEANING[row.verdict]
    if row.n_runs == 0:
        return "undefined in every seed"
    if row.n_runs == 1:
        return "a single seed has no interval"
    if math.isnan(row.ci95):
        return "its seeds give no interval"
    if row.ci95_clips > row.ci95_seeds:
        return "the interval over clips leaves it open"
    return f"the intervals of {row.n_runs} seeds leave it open"


def intervals(row: Any) -> str:
    """Return both half-widths of a claims row: `± 0.025 over seeds, ± 0.010 over clips`.

    Returns nothing for a number that is not computed over clips and has an interval over seeds
    only.
    """
    if math.isnan(row.ci95_clips):
        return ""
    seeds = half_width(row.ci95_seeds)
    return f"{seeds} over seeds, {half_width(row.ci95_clips)} over clips"


def half_width(ci95: float) -> str:
    """Format a half-width: `± 0.012`, or a dash where there is no interval."""
    return "–" if math.isnan(ci95) else f"± {ci95:.3f}"


def p_words(p: float) -> str:
    """Format a p value: `0.012`, `< 0.001`, or a dash where nothing was tested."""
    if math.isnan(p):
        return "–"
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def authors_words(row: Any) -> str:
    """Return the verdict on the authors' numbers, and the number, of a row of contract claims."""
    if row.authors_verdict == UNPUBLISHED:
        return UNPUBLISHED
    verdict = row.authors_verdict
    if MEANS_FAIL in row.authors_remark:
        verdict += " (means only, which do not meet it)"
    return f"{verdict}: {plus_minus(row.authors_mean, row.authors_ci95)}"


def listed(numbers: list[int]) -> str:
    """List sorted numbers, with three or more in a row as a range: `1, 3–6, 9`."""
    rows: list[list[int]] = []
    for number in numbers:
        if rows and number == rows[-1][-1] + 1:
            rows[-1].append(number)
        else:
            rows.append([number])
    words = (f"{row[0]}–{row[-1]}" if len(row) > 2 else ", ".join(map(str, row)) for row in rows)
    return ", ".join(words)


def _counts(claims: pd.DataFrame, verdicts: tuple[str, ...]) -> str:
    counts = claims["verdict"].value_counts()
    return ", ".join(f"{counts[v]} {v}" for v in verdicts if v in counts)


def _seeds(n_runs: pd.Series) -> str:
    known = n_runs[n_runs > 0]
    low, high = (int(known.min()), int(known.max())) if len(known) else (0, 0)
    if low == high:
        return counted(low, "seed")
    return f"{low} to {high} seeds"
