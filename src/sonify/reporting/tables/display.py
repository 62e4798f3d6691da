"""The paper's tables for readers: as CSV, as Markdown, and as lines of the results page."""

import math
from typing import Any

import pandas as pd

from sonify.evaluation.metrics.chance import chance_map
from sonify.evaluation.metrics.intervals import plus_minus
from sonify.paper.labels import METRICS, scale_label
from sonify.reporting.tables.rows import named

INTERVALS = (
    "Mean ± half-width of the 95% t-interval over runs; a single run has no interval. Where all "
    "runs are scored on the same clips, the interval does not cover how other clips would score. "
    "† marks an interval as wide as the measure's whole range, which says next to nothing."
)
FRACTIONS = ("mAP", "mAUC", "accuracy", "coherence", "peak_coherence")  # from 0 to 1


def to_csv(frame: pd.DataFrame) -> str:
    """Return the long form as CSV; numbers read back exactly, an empty cell has no value."""
    return frame.to_csv(index=False, lineterminator="\n")


def lines(frame: pd.DataFrame) -> list[dict]:
    """Return one dict per system for display: system, source, n_runs, cells.

    cells are (ours, paper) texts, one pair per metric in the paper's order. Ours is "not run" where
    nothing was measured and "–" for baselines; paper is "not in paper" for models of ours that it
    lacks, and "–" where it gives no value.
    """
    order = named(frame["table"].iloc[0]).metrics
    systems = []
    for _, group in frame.sort_values("row").groupby("row"):
        rows = {row.metric: row for row in group.itertuples()}
        known = any(not math.isnan(row.paper_mean) for row in rows.values())
        cells = [_cells(rows[metric], metric, "–" if known else "not in paper") for metric in order]
        first = rows[order[0]]
        systems.append(
            {"system": first.system, "source": first.source, "cells": cells}
            | {"n_runs": max(int(row.n_runs) for row in rows.values())}
        )
    return systems


def _cells(row: Any, metric: str, unknown: str) -> tuple[str, str]:
    if row.n_runs:
        ours = number(row.mean, row.ci95, metric)
    else:
        ours = "–" if row.source == "published" else "not run"
    if math.isnan(row.paper_mean):
        return ours, unknown
    return ours, number(row.paper_mean, row.paper_ci95, metric)


def number(mean: float, ci95: float, metric: str) -> str:
    """Return `0.362 ± 0.006`; an accuracy, given as a fraction, in percent.

    With † where the interval is as wide as all values that the metric can have: from 0 to 1.
    """
    says_nothing = "†" if metric in FRACTIONS and 2 * ci95 >= 1 else ""
    percent = 100 * mean, 100 * ci95, 1
    text = plus_minus(*percent) if metric == "accuracy" else plus_minus(mean, ci95)
    return f"{text}{says_nothing}"


def heads(frame: pd.DataFrame) -> list[str]:
    """Return the names of the metrics of `lines`, in their order."""
    return [METRICS[metric] for metric in named(frame["table"].iloc[0]).metrics]


def conditions(frame: pd.DataFrame, setting: str = "") -> str:
    """Summarise the conditions of our numbers: scale, clips, chance level and runs."""
    run = frame[frame["n_runs"] > 0]
    scale = scale_label(frame["scale"].iloc[0], setting)
    scale = f"{scale[0].upper()}{scale[1:]}."
    if run.empty:
        return f"{scale} None of these models has been run yet."
    main = named(frame["table"].iloc[0]).metrics[0]
    of_main = run[run["metric"] == main]
    if main == "accuracy":
        chance, form, words = 100 * of_main["prevalence"], ".1f", "chance accuracy (%)"
    else:
        chance, form, words = (
            chance_map(of_main["prevalence"], of_main["n_clips"]),
            ".3f",
            "chance mAP",
        )
    return (
        f"{scale} Evaluated on {_range(run['n_clips'], ',d')} clips; "
        f"{words} {_range(chance, form)}; {_range(run['n_runs'], 'd')} "
        f"{'run' if run['n_runs'].max() == 1 else 'runs'} a model."
    )


def _range(values: pd.Series, form: str) -> str:
    low, high = (f"{v:{form}}" for v in (values.min(), values.max()))
    return low if low == high else f"{low} to {high}"


def to_markdown(frame: pd.DataFrame, setting: str = "") -> str:
    """Return the table as Markdown, one line per system, ours beside the paper's."""
    table = named(frame["table"].iloc[0])
    columns = ["Model", *(f"{m} {who}" for m in heads(frame) for who in ("ours", "paper")), "Runs"]
    drawn = ["| " + " | ".join(columns) + " |", "|--|" + "--:|" * (len(columns) - 1)]
    for line in lines(frame):
        cells = [line["system"], *(text for pair in line["cells"] for text in pair)]
        runs = str(line["n_runs"]) if line["source"] == "ours" else "published"
        drawn.append("| " + " | ".join([*(c.replace("|", r"\|") for c in cells), runs]) + " |")
    title = f"# {table.title}, ours beside the paper's"
    notes = [INTERVALS, table.remark]
    parts = [title, conditions(frame, setting), "\n".join(drawn), " ".join(filter(None, notes))]
    return "\n\n".join(parts) + "\n"
