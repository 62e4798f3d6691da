"""docs/findings.md: what holds and what does not, in plain words, from the tables of `beyond`.

Every number on the page is read from a table, and every sentence about one follows from its
verdict, so that they cannot disagree. `python -m sonify.reporting.findings DOCS` writes the page
there from the tables beside it, which `make run ARGS=beyond` makes anew in results/reporting.
"""

import math
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from sonify.evaluation.metrics.intervals import plus_minus
from sonify.paper.labels import distinct_labels, scale_label
from sonify.reporting import rival_values
from sonify.reporting.control_values import METRICS, SOURCES, curves
from sonify.reporting.drawing.sounds import in_order, look
from sonify.runtime.errors import one_sentence_errors
from sonify.runtime.folders import write_whole

CLAIMS, MEANS = "findings_claims.csv", "findings_means.csv"
# What does not hold leads.
_PARTS = {
    "contradicted": "What does not hold",
    "equivalent": "What makes no appreciable difference",
    "inconclusive": "What these runs leave open",
    "at chance": "What cannot be judged, since nothing is recognised above chance",
    "not run": "What was not measured",
    "reproduced": "What holds",
}
_INTRODUCTION = """\
# Is what we hear true?

<!-- Made by `make run ARGS=beyond` from its tables: run that, then
     python -m sonify.reporting.findings docs. -->

The paper removes sonifications and compares them with their inputs, but has controls for neither.
This page adds controls: sounds of the same energy, clip by clip, in place of the sonification. The
claims are ours, not the paper's; they are judged by the same rules as the paper's. Numbers are
means with half-widths of 95% intervals: those *over seeds* hold for networks trained in the same
way, those *over clips* for these particular networks. Where a claim makes several comparisons, the
least favourable one is shown. One of m comparisons counts against the claim only at level
1 − 0.05/m, so a claim may be left open even if a 95% interval lies on the wrong side of 0. Label
purity and spectral flatness, for untrained networks too, are in the tables without a claim: their
numbers had been seen before a criterion was written, so no criterion would have been blind."""
# The figure of each claim.
DRAWN = {
    101: "figure_stimulation",
    102: "figure_stimulation",
    103: "figure_removal_controls",
    104: "figure_coherence_controls",
    105: "figure_coherence_controls",
    106: "figure_stems",
    107: "figure_rivals",
}


def control_means(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return rows of contract control_means from the evaluation tables of `beyond`, by name."""
    sources = SOURCES | rival_values.SOURCES
    values = [sources[name](frame) for name, frame in tables.items() if name in sources]
    every = pd.concat(values, ignore_index=True)
    shown = every["metric"].isin([*METRICS, *rival_values.METRICS])
    return curves(every[shown]).rename(columns={"n": "n_runs"})


def page(claims: pd.DataFrame, means: pd.DataFrame, setting: str) -> str:
    """Return the page as Markdown from rows of contracts claims and control_means."""
    scale = scale_label(claims["scale"].iloc[0])
    parts = [_INTRODUCTION, f"Scale: {scale}{f' ({setting})' if setting else ''}."]
    for verdict, heading in _PARTS.items():
        rows = claims[claims["verdict"] == verdict]
        if len(rows):
            parts += [f"## {heading}", *(_finding(row) for row in rows.itertuples())]
    parts.append("## The numbers")
    parts.append(
        "Mean ± half-width of the 95% interval over seeds at the first, the middle and the last "
        "layer; in the last column, the mean over all layers measured."
    )
    for metric, words in METRICS.items():
        rows = means[means["metric"] == metric]
        if len(rows):
            parts += [f"### {words}", _table(rows)]
    rivals = means[means["metric"].isin(rival_values.METRICS)]
    parts += rival_values.words(rivals) if len(rivals) else []
    return "\n\n".join(parts) + "\n"


def _finding(row: Any) -> str:
    number = plus_minus(row.mean, row.ci95) if row.n_runs else "–"
    widths = f"over seeds {_width(row.ci95_seeds)}, over clips {_width(row.ci95_clips)}"
    sentence = {
        "reproduced": "This is shown",
        "contradicted": "The opposite is shown",
        "equivalent": f"The difference is smaller than {row.delta:g} either way",
        "inconclusive": "The intervals leave it open",
    }.get(row.verdict, row.verdict.capitalize())
    drawn = f" ({DRAWN[row.claim]})" if row.claim in DRAWN else ""
    return (
        f"**Claim {row.claim}:** *{row.statement}.* {sentence}: {number} ({widths}; {row.n_runs} "
        f"seeds). {row.measure}{drawn}. {row.remark}"
    )


def _width(value: float) -> str:
    return "none" if math.isnan(value) else f"± {value:.3f}"


def _table(rows: pd.DataFrame) -> str:
    """Return the first, the middle and the last layer, and the mean over layers."""
    layers = sorted(rows["layer"].unique())
    shown = list(dict.fromkeys((layers[0], layers[len(layers) // 2], layers[-1])))
    heads = ["run", "sound", *(f"layer {layer:g}" for layer in shown), "all layers"]
    lines = [heads, ["--", "--", *["--:"] * (len(shown) + 1)]]
    for run, label in distinct_labels(rows).items():
        of_run = rows[rows["run"] == run]
        for sound in in_order(of_run["sound"]):
            own = of_run[of_run["sound"] == sound].set_index("layer")
            known = [own.loc[n, ["mean", "ci95"]] if n in own.index else None for n in shown]
            cells = ["–" if pair is None else plus_minus(*pair) for pair in known]
            lines.append([label, look(sound).label, *cells, f"{own['mean'].mean():.3f}"])
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def write(folder: Path, claims: pd.DataFrame, means: pd.DataFrame, setting: str) -> None:
    """Write findings.md, and beside it the tables that it was made from."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in ((CLAIMS, claims.assign(setting=setting)), (MEANS, means)):
        write_whole(folder / name, table.to_csv(index=False).encode())
    write_whole(folder / "findings.md", rendered(folder).encode())


def rendered(folder: Path) -> str:
    """Return the page from the tables in `folder`."""
    claims, means = pd.read_csv(folder / CLAIMS), pd.read_csv(folder / MEANS)
    return page(claims, means, str(claims["setting"].iloc[0]))


@one_sentence_errors()
def main() -> None:
    """Copy the tables of results/reporting to the folder named, and write the page there."""
    made, folder = Path("results/reporting"), Path(sys.argv[1])
    if (made / CLAIMS).is_file():
        for name in (CLAIMS, MEANS):
            write_whole(folder / name, (made / name).read_bytes())
    write_whole(folder / "findings.md", rendered(folder).encode())


if __name__ == "__main__":
    main()
