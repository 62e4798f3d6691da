"""The closing summary on the console: the results in at most 33 lines of 100 columns."""

import math
import textwrap

import pandas as pd

from sonify.evaluation.metrics.chance import chance_map
from sonify.evaluation.metrics.intervals import plus_minus
from sonify.paper.claims.beside import counts
from sonify.paper.claims.outcomes import decided, outcomes
from sonify.paper.labels import distinct_labels, finetuned_label, scale_label
from sonify.paper.run_facts import Runs
from sonify.reporting.accounting import corpora, reasons
from sonify.reporting.curves import MODEL, coherence_curves, floor, removal_curves
from sonify.reporting.tables.rows import paper_table
from sonify.training.collapse import collapsed

LINES, COLUMNS = 33, 100
# Lines for each; the number of omitted ones is shown.
_MODELS, _REMOVALS, _COHERENCES, _OTHERS = 7, 4, 2, 3


def summary(
    metrics: pd.DataFrame,
    removal: pd.DataFrame,
    coherence: pd.DataFrame,
    claims: pd.DataFrame,
    claims_beside: pd.DataFrame,
    history: pd.DataFrame,
    manifest: pd.DataFrame,
    rejected: pd.DataFrame,
    scale: str,
    setting: str,
    runs: Runs,
    rule: str,
    rescaled: bool,
) -> str:
    """Summarise claims, performance on FSD50K, removal, coherence and clips as plain text.

    Tables are rows of the contracts of their names; of the manifest, which is long,
    `accounting.USED_COLUMNS` suffice. runs are all runs of the configuration. `rule` and `rescaled`
    select the condition to report. Coherence is that of encoders with max-pooling. Raises
    SonifyError for an unknown scale.
    """
    pooled = [run for run, facts in runs.items() if facts.downsampling == "pool"]
    coherence = coherence[coherence["run"].isin(pooled)]
    lines = [
        f"Sonify, {scale_label(scale)}. Means ± 95% intervals over runs",
        *textwrap.wrap(setting, COLUMNS, max_lines=2, placeholder=" …"),
        *_claims(claims, claims_beside),
        *_collapsed(history),
        *_performance(paper_table("A4", metrics, runs, scale)),
        *_removal(removal_curves(removal, rule, rescaled)),
        *_coherence(coherence_curves(coherence, rule), floor(coherence)),
        _clips(manifest, rejected),
        "Look:   in results/reporting: index.html, gallery/index.html, claims.md, tables, figures",
        "Ask:    make sql, all tables in SQL; make open, the gallery in the browser",
    ]
    return "".join(f"{_cut(line)}\n" for line in lines)


def _claims(claims: pd.DataFrame, beside: pd.DataFrame) -> list[str]:
    """Return a line for each verdict that there is, decided ones first, then of other runs."""
    lines = [f"  {found.verdict:<14}{found}" for found in outcomes(claims)]
    others = [f"  {name}: {words}" for name, words in counts(claims, beside)]
    head = f"The paper's claims: {decided(claims)}"
    return [head, *lines, *_capped(others, _OTHERS, "claims.md")]


def _collapsed(history: pd.DataFrame) -> list[str]:
    """Return a line that names the trainings that collapsed; none if none did."""
    names = collapsed(history)
    if not names:
        return []
    shown = ", ".join(names[:_OTHERS])
    more = f" and {len(names) - _OTHERS} more" if len(names) > _OTHERS else ""
    return [
        f"Collapsed: {shown}{more} (loss as of projections that are all alike: figure_training)"
    ]


def _performance(table: pd.DataFrame) -> list[str]:
    run = table[(table["metric"] == "mAP") & (table["n_runs"] > 0)]
    run = run.assign(chance=chance_map(run["prevalence"], run["n_clips"]))
    lines, most = [], run["n_runs"].max()
    for row in run.itertuples():
        times = f"{row.mean / row.chance:.1f} × chance" if row.prevalence else ""
        missing = math.isnan(row.paper_mean)
        paper = "" if missing else f"   paper {plus_minus(row.paper_mean, row.paper_ci95)}"
        value = f"{plus_minus(row.mean, row.ci95):<14} {times:>13}{paper}"
        fewer = f"   {row.n_runs} of {most} runs" if row.n_runs < most else ""
        lines.append(f"  {row.system:<30} {value}{fewer}")
    return ["FSD50K mAP", *_capped(lines, _MODELS, "tables/table_A4.md")]


def _removal(curves: pd.DataFrame) -> list[str]:
    """Return the smallest and the largest fall of mAP over layers; a rise is a negative fall."""
    lines = []
    for (regime, finetune, *_), curve in curves.groupby(MODEL):
        means = curve.set_index("layer")["mean"]
        falls = means[0] - means[means.index > 0]
        ends = f"{falls.min():.3f} (layer {falls.idxmin()}) to "
        ends += f"{falls.max():.3f} (layer {falls.idxmax()}) of {means[0]:.3f}"
        lines.append(f"  {finetuned_label(regime, finetune):<30} {ends}")
    head = "Fall of mAP by removing a layer's sonification"
    return [head, *_capped(lines, _REMOVALS, "figure_6")]


def _coherence(curves: pd.DataFrame, noise: float) -> list[str]:
    lines = []
    labels = distinct_labels(curves)
    for (*_, run), curve in curves.groupby(MODEL):
        ends = curve.sort_values("layer").iloc[[0, -1]]
        values = ", ".join(
            f"layer {row.layer} {plus_minus(row.mean, row.ci95)}" for row in ends.itertuples()
        )
        lines.append(f"  {labels[run]:<30} {values}")
    head = f"Coherence of input and sonification (noise floor {noise:.3f})"
    return [head, *_capped(lines, _COHERENCES, "figure_7")]


def _clips(manifest: pd.DataFrame, rejected: pd.DataFrame) -> str:
    why = f" ({reasons(rejected['reason'])})" if len(rejected) else ""
    of = f"; {several}" if (several := corpora(manifest)) else ""
    return f"Clips:  {len(manifest):,} used, {len(rejected):,} rejected{why}{of}"


def _capped(lines: list[str], most: int, where: str) -> list[str]:
    if not lines:
        return ["  not run"]
    if len(lines) <= most:
        return lines
    return [*lines[: most - 1], f"  and {len(lines) - most + 1} more: see {where}"]


def _cut(line: str) -> str:
    return line if len(line) <= COLUMNS else f"{line[: COLUMNS - 1]}…"
