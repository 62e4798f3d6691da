"""Verdicts of other runs beside ours: the same claims, on other sounds or at another scale."""

from collections.abc import Iterator, Mapping

import pandas as pd

from sonify.contracts import tables
from sonify.evaluation.metrics.intervals import plus_minus
from sonify.paper.claims.outcomes import decided

AUTHORS = "On the authors' numbers"


def laid_beside(others: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return rows of contract claims_beside, from the claims of other runs by their names."""
    columns = list(tables.contract("claims_beside").columns)
    frames = [claims.assign(name=name)[columns] for name, claims in others.items()]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=columns)


def names(beside: pd.DataFrame) -> list[str]:
    """Return the names of the other runs, sorted."""
    return sorted(beside["name"].unique())


def cells(claims: pd.DataFrame, beside: pd.DataFrame) -> dict[int, list[str]]:
    """Return, by claim, the verdict and number of each of the other runs, by name.

    A criterion that differs from ours is noted; a dash marks a claim that the run lacks.
    """
    found = {(row.name, row.claim): row for row in beside.itertuples(index=False)}
    return {
        claim: [
            _words(found[name, claim], criterion) if (name, claim) in found else "–"
            for name in names(beside)
        ]
        for claim, criterion in claims[["claim", "criterion"]].to_numpy()
    }


def _words(row: "pd.Series[object]", criterion: str) -> str:
    if not row.n_runs:
        return str(row.verdict)
    other = "" if row.criterion == criterion else " by another criterion"
    return f"{row.verdict}{other}: {plus_minus(row.mean, row.ci95)}"


def counts(claims: pd.DataFrame, beside: pd.DataFrame) -> Iterator[tuple[str, str]]:
    """Return, in words, what was decided on the authors' numbers and in each of the other runs."""
    yield AUTHORS, decided(claims.assign(verdict=claims["authors_verdict"]))
    for name in names(beside):
        yield name, decided(beside[beside["name"] == name])
