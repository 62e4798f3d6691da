"""The paper's claims with our verdicts: as a table and as a page of text."""

from collections.abc import Sequence
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

import pandas as pd

from sonify.contracts import tables
from sonify.evaluation.metrics.intervals import plus_minus
from sonify.paper.claims import themes
from sonify.paper.claims.calibration import calibrated
from sonify.paper.claims.evidence import Evidence
from sonify.paper.claims.verdicts import NOT_RUN, Claim
from sonify.paper.labels import VERDICTS, scale_label


def _declared() -> list[Claim]:
    """Return the claims that the modules of `themes` declare, by number."""
    names = [module.name for module in iter_modules(themes.__path__, f"{themes.__name__}.")]
    declared = [claim for name in names for claim in import_module(name).CLAIMS]
    return sorted(declared, key=lambda claim: claim.number)


CLAIMS = _declared()


def claims(evidence: Evidence, scale: str) -> pd.DataFrame:
    """Return rows of contract claims, one for each of the paper's claims, run or not.

    Raises SonifyError for an unknown scale, or naming table and runs when the evidence has two runs
    where a claim means one.
    """
    scale_label(scale)
    rows = [claim.row(evidence, scale) | calibrated(claim) for claim in CLAIMS]
    return pd.DataFrame(rows)[list(tables.contract("claims").columns)]


def to_markdown(frame: pd.DataFrame, setting: str = "") -> str:
    """Return the claims as Markdown: a count of verdicts, a table, and the details of each."""
    scale = scale_label(frame["scale"].iloc[0], setting)
    counts = frame["verdict"].value_counts()
    count = ", ".join(f"{counts.get(verdict, 0)} {verdict}" for verdict in VERDICTS)
    heads = ["Claim", "What the paper says", "Section", "Number", "Seeds", "Verdict"]
    heads.append("On the authors' numbers")
    lines = [_line(heads), "|--:|--|--|--:|--:|--|--|"]
    for row in frame.itertuples():
        value = plus_minus(row.mean, row.ci95) if row.n_runs else "–"
        cells = [row.claim, row.statement, row.section, value, row.n_runs, row.verdict]
        cells.append(authors_words(row))
        lines.append(_line(cells))
    parts = [
        "# The paper's claims",
        f"{scale[0].upper()}{scale[1:]}. Of {len(frame)} claims: {count}.",
        "\n".join(lines),
        "A claim is judged by one number per seed, or by the weakest of several: mean ± half-width "
        "of the 95% t-interval over seeds. Below, for each claim: the number, the criterion it "
        "must meet (thresholds were fixed beforehand; later corrections are dated in decisions 44, "
        "55 and 65), and the values behind it. The last column applies the same criterion to what "
        "the paper's authors measured.",
        *(_details(row) for row in frame.itertuples()),
    ]
    return "\n\n".join(parts) + "\n"


def authors_words(row: Any) -> str:
    """Return the verdict on the authors' numbers, of a row of contract claims, and its number."""
    if row.authors_verdict == NOT_RUN:
        return "–"
    return f"{row.authors_verdict}: {plus_minus(row.authors_mean, row.authors_ci95)}"


def _line(cells: Sequence[object]) -> str:
    texts = (str(cell).replace("|", "\\|").replace("\n", " ") for cell in cells)
    return f"| {' | '.join(texts)} |"


def _details(row: Any) -> str:
    return (
        f"## {row.claim}. {row.statement}: {row.verdict}\n\n"
        f"- Number: {row.measure}.\n- Criterion: {row.criterion}\n- Remark: {row.remark}\n"
        f"- On the authors' numbers: {row.authors_verdict}. {row.authors_remark}"
    )
