"""The paper's claims with our verdicts: as a table and as a page of text."""

import math
from collections.abc import Sequence
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

import pandas as pd

from sonify.contracts import tables
from sonify.evaluation.metrics.intervals import plus_minus
from sonify.paper.claims import beside, themes
from sonify.paper.claims.beside import laid_beside
from sonify.paper.claims.calibration import calibrated
from sonify.paper.claims.evidence import Evidence
from sonify.paper.claims.outcomes import (
    authors_words,
    decided,
    half_width,
    intervals,
    outcomes,
    p_words,
    survivors,
    undecided,
    why_open,
)
from sonify.paper.claims.resampled import resampled
from sonify.paper.claims.statistics import holm
from sonify.paper.claims.verdicts import Claim
from sonify.paper.labels import DECIDED, UNDECIDED, VERDICTS, scale_label


def _declared() -> list[Claim]:
    """Return the claims that the modules of `themes` declare, by number."""
    names = [module.name for module in iter_modules(themes.__path__, f"{themes.__name__}.")]
    declared = [claim for name in names for claim in import_module(name).CLAIMS]
    return sorted(declared, key=lambda claim: claim.number)


CLAIMS = _declared()


def claims(evidence: Evidence, scale: str, declared: Sequence[Claim] = CLAIMS) -> pd.DataFrame:
    """Return rows of contract claims, run or not, one for each declared, by default the paper's.

    Raises SonifyError for an unknown scale, or naming table and runs when the evidence has two runs
    where a claim means one.
    """
    scale_label(scale)
    again = resampled(evidence)
    rows = [claim.row(evidence, scale, again) | calibrated(claim) for claim in declared]
    frame = pd.DataFrame(rows)
    frame["p_holm"] = holm(frame["p"])
    return frame[list(tables.contract("claims").columns)]


def to_markdown(frame: pd.DataFrame, setting: str = "", others: pd.DataFrame | None = None) -> str:
    """Return the claims as Markdown: what was decided, what was not and why, and the details.

    others: rows of contract claims_beside, each run in a column of its own.
    """
    if others is None:
        others = laid_beside({})
    scale = scale_label(frame["scale"].iloc[0], setting)
    order = frame["verdict"].map(VERDICTS.index)
    frame = frame.assign(order=order).sort_values(["order", "claim"])
    parts = [
        "# The paper's claims",
        f"{scale[0].upper()}{scale[1:]}. {_capital(decided(frame))}. "
        f"Not decided: {undecided(frame) or 'none'}. {survivors(frame)}".rstrip(),
        "\n".join(f"- {_capital(o.verdict)}: {o}" for o in outcomes(frame)),
        "\n".join(f"- {name}: {words}." for name, words in beside.counts(frame, others)),
        "## Decided",
        _rows(frame[frame["verdict"].isin(DECIDED)], others),
        "## Not decided",
        _rows(frame[frame["verdict"].isin(UNDECIDED)], others),
        "## How to read this",
        _LEGEND,
        *(_details(row) for row in frame.sort_values("claim").itertuples()),
    ]
    return "\n\n".join(parts) + "\n"


_LEGEND = """\
A claim is judged by one number per seed, or by several, of which the weakest is shown: its mean, \
and the half-widths of two 95% intervals. *Over seeds* is for networks like these: how far the \
mean may move with other seeds, and with other clips. *Over clips* is for these very networks (a \
dash: the number is not computed over clips, or over fewer than 20). Verdicts are by the wider. \
Thresholds, δ and floors were fixed beforehand; later corrections are dated in decisions 44, 55, \
65, 78, 85, 86, 99 and 113.

- *Reproduced*: the 95% interval, of several numbers every one, is where the claim says.
- *Contradicted*: the interval of the weakest number lies wholly on the other side. For a claim \
over m numbers it is that at level 1 − 0.05/m, since one of many falls short by chance.
- *Equivalent*: neither, but two one-sided tests at 5% show that the effect claimed, or the \
weakest of several (at 5%/m), is smaller than ±δ, which the criterion states with a reason.
- *Inconclusive*: the intervals leave it open; more seeds may decide it, or \
more clips where the interval over clips is the wider.
- *At chance*: what is compared are scores on a task that neither side is shown to recognise above \
chance.
- *Not run*: something that the claim needs was not run or measured.

No interval over seeds is narrower than a step of its measure allows (half a clip of an accuracy, \
half a swap of neighbours in a rank correlation); equal seeds without such a floor have none. p \
belongs to the test behind the verdict. p (Holm) is p corrected for all claims tested here: \
verdicts follow each claim's own rule, and the column says which of them would stand if one wanted \
one error in twenty over all. A further column applies the same rules to what the paper's authors \
measured; columns after it, if any, are other runs of this workflow (`reporting.beside`)."""


def _rows(frame: pd.DataFrame, others: pd.DataFrame) -> str:
    if frame.empty:
        return "None."
    heads = ["Claim", "What the paper says", "Section", "Number", "Over seeds", "Over clips"]
    heads += ["Seeds", "Verdict", "p", "p (Holm)", beside.AUTHORS, *beside.names(others)]
    ranks = "|--:|--|--|--:|--:|--:|--:|--|--:|--:|--|" + "--|" * len(beside.names(others))
    lines, further = [_line(heads), ranks], beside.cells(frame, others)
    for row in frame.itertuples():
        value = [plus_minus(row.mean, math.nan) if row.n_runs else "–"]
        value += [half_width(row.ci95_seeds), half_width(row.ci95_clips)]
        why = why_open(row)
        verdict = f"{row.verdict}: {why}" if why else row.verdict
        if row.verdict == "equivalent":
            verdict += f" (within ±{row.delta:g})"
        cells = [row.claim, row.statement, row.section, *value, row.n_runs, verdict]
        cells += [p_words(row.p), p_words(row.p_holm), authors_words(row), *further[row.claim]]
        lines.append(_line(cells))
    return "\n".join(lines)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _line(cells: Sequence[object]) -> str:
    texts = (str(cell).replace("|", "\\|").replace("\n", " ") for cell in cells)
    return f"| {' | '.join(texts)} |"


def _details(row: Any) -> str:
    both = intervals(row)
    both = f"- Intervals: {both}.\n" if both else ""
    return (
        f"## {row.claim}. {row.statement}: {row.verdict}\n\n"
        f"- Number: {row.measure}.\n{both}- Criterion: {row.criterion}\n- Remark: {row.remark}\n"
        f"- On the authors' numbers: {row.authors_verdict}. {row.authors_remark}"
    )
