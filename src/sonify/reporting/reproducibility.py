"""docs/reproducibility.md: the verdicts of runs that share no seed, side by side.

`workflow/reproducibility.py` makes the runs and writes the page.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from sonify.evaluation.metrics.intervals import plus_minus
from sonify.paper.claims.outcomes import decided, listed
from sonify.paper.labels import DECIDED, scale_label
from sonify.runtime.errors import SonifyError

OPPOSITE = {"reproduced", "contradicted"}
_INTRODUCTION = """\
# Do the verdicts depend on the seeds?

<!-- Made by `make reproducibility` from the claims of finished runs: run that. -->

The whole workflow runs once for each of several disjoint sets of seeds, so that the runs share no
weights, no order of clips, no crops and, where corpora are synthesised, no sounds. If the rules for
verdicts are sound, no claim is reproduced in one set and contradicted in another. Even with sound
rules, one set may decide a claim that another leaves open."""


@dataclass(frozen=True)
class SeedSet:
    """A finished run: its seeds, its rows of contract claims, and how it was made.

    made: commit, machine and configuration in words, and the seconds that it took.
    """

    seeds: tuple[int, ...]
    claims: pd.DataFrame
    made: Mapping[str, Any]

    @property
    def label(self) -> str:
        """The seeds as `seeds 0–4`, or one by one if they are not in a row."""
        return f"seed{'s' if len(self.seeds) > 1 else ''} {listed(sorted(self.seeds))}"


def page(sets: Sequence[SeedSet], others: Mapping[str, pd.DataFrame] | None = None) -> str:
    """Return the page as Markdown; `others` are claims of further runs by name, shown beside.

    Raises SonifyError for sets that share a seed, or whose scale or claims differ.
    """
    if not sets:
        return f"{_INTRODUCTION}\n\nNo set has been run yet: `make reproducibility`.\n"
    _check(sets)
    tables = [one.claims.set_index("claim") for one in sets]
    verdicts = pd.DataFrame({i: table["verdict"] for i, table in enumerate(tables)})
    parts = [
        _INTRODUCTION,
        _found(verdicts),
        _made(sets),
        "## Verdicts and numbers",
        "Mean ± half-width of the 95% interval: of the intervals over the seeds of a set and over "
        "clips, the wider one. The criteria are in `claims.md` of each run.",
        *(
            f"Column *{name}* is not a set of seeds: it has other data, judged by the same rules."
            for name in others or {}
        ),
        _table(sets, others or {}, verdicts),
    ]
    return "\n\n".join(parts) + "\n"


def opposed(verdicts: pd.DataFrame) -> list[int]:
    """Return the claims, the index, reproduced in one column and contradicted in another."""
    return [int(claim) for claim, row in verdicts.iterrows() if set(row) >= OPPOSITE]


def _check(sets: Sequence[SeedSet]) -> None:
    first = sets[0]
    seen: set[int] = set()
    for one in sets:
        if seen & set(one.seeds):
            raise SonifyError(
                f"{one.label} and another set share {listed(sorted(seen & set(one.seeds)))}, so "
                "that their agreement would show nothing: run sets without a common seed"
            )
        seen |= set(one.seeds)
        for column in ("claim", "statement", "scale"):
            if one.claims[column].tolist() != first.claims[column].tolist():
                raise SonifyError(
                    f"the claims of {one.label} and of {first.label} differ in {column}: make all "
                    "sets with one version and one configuration"
                )


def _found(verdicts: pd.DataFrame) -> str:
    """Say which claims have opposite verdicts, the same, and one that is open somewhere."""
    contrary = opposed(verdicts)
    same = [int(claim) for claim, row in verdicts.iterrows() if row.nunique() == 1]
    settled = [n for n in same if verdicts.loc[n].iloc[0] in DECIDED]
    known = verdicts.isin(DECIDED)
    partly = sorted(verdicts.index[known.any(axis=1) & ~known.all(axis=1)].astype(int))
    head = (
        f"**Claims {listed(contrary)} are reproduced in one set and contradicted in another: the "
        "verdicts on them cannot be relied on.**"
        if contrary
        else "**No claim is reproduced in one set and contradicted in another.**"
    )
    return (
        f"{head} {len(same)} of {len(verdicts)} claims have the same verdict in all "
        f"{verdicts.shape[1]} sets; {len(settled)} of these are decided "
        f"({listed(settled) or 'none'}). "
        f"Decided in some sets and open in others: {listed(partly) or 'none'}."
    )


def _made(sets: Sequence[SeedSet]) -> str:
    """Describe each run: what it decided, and how it was made."""
    heads = ["set", "decided", "commit", "configuration", "machine", "duration"]
    rows = [
        [
            one.label,
            decided(one.claims),
            one.made.get("commit", "unknown"),
            one.made.get("configuration", "unknown"),
            one.made.get("machine", "unknown"),
            _minutes(one.made.get("seconds")),
        ]
        for one in sets
    ]
    scale = scale_label(sets[0].claims["scale"].iloc[0])
    text = f"## How it was made\n\n`make reproducibility`, {scale}, {len(sets)} sets of seeds."
    return f"{text}\n\n{_markdown([heads, ['--'] * len(heads), *rows])}"


def _table(
    sets: Sequence[SeedSet], others: Mapping[str, pd.DataFrame], verdicts: pd.DataFrame
) -> str:
    columns = {one.label: one.claims for one in sets} | dict(others)
    heads = ["claim", "what the paper says", *columns, "the sets"]
    lines = [heads, ["--:", *["--"] * (len(heads) - 1)]]
    tables = [frame.set_index("claim") for frame in columns.values()]
    contrary = opposed(verdicts)
    for claim, statement in sets[0].claims[["claim", "statement"]].to_numpy():
        agree = "disagree" if claim in contrary else _agreement(verdicts.loc[claim])
        cells = [_cell(table, claim) for table in tables]
        lines.append([str(claim), statement, *cells, agree])
    return _markdown(lines)


def _agreement(row: pd.Series) -> str:
    if row.nunique() == 1:
        return "the same"
    return "decided differently" if row.isin(DECIDED).all() else "open in some"


def _cell(table: pd.DataFrame, claim: int) -> str:
    if claim not in table.index:
        return "–"
    row = table.loc[claim]
    number = f" {plus_minus(row['mean'], row['ci95'])}" if row["n_runs"] else ""
    return f"{row['verdict']}{number}"


def _minutes(seconds: float | None) -> str:
    return "unknown" if seconds is None else f"{seconds / 60:.0f} min"


def _markdown(lines: list[list[str]]) -> str:
    escaped = ([str(cell).replace("|", r"\|") for cell in line] for line in lines)
    return "\n".join(f"| {' | '.join(line)} |" for line in escaped)
