"""The paper's tables for readers: CSV, Markdown, and the lines that the results page shows."""

import math

import pandas as pd

from sonify.evaluation.metrics.intervals import plus_minus
from sonify.paper.labels import METRICS, scale_label
from sonify.reporting.tables.rows import named

INTERVALS = "Mean ± half-width of the 95% t-interval over runs; one run has no interval."


def to_csv(frame: pd.DataFrame) -> str:
    """The long form as CSV, shortest digits that read back exactly; empty means no value."""
    return frame.to_csv(index=False, lineterminator="\n")


def lines(frame: pd.DataFrame) -> list[dict]:
    """One dict per system for display: system, source, n_runs, cells.

    cells are (ours, paper) texts, a pair a metric in the paper's order. Ours reads "not run" where
    nothing was measured and "–" for baselines; paper reads "not in paper" for our own models, and
    "–" where the paper gives no value.
    """
    order = named(frame["table"].iloc[0]).metrics
    found = []
    for _, group in frame.sort_values("row").groupby("row"):
        by_metric = group.set_index("metric")
        unknown = "not in paper" if group["paper_mean"].isna().all() else "–"
        cells = [_cells(by_metric.loc[metric], metric, unknown) for metric in order]
        first = group.iloc[0]
        found.append(
            {"system": first["system"], "source": first["source"], "cells": cells}
            | {"n_runs": int(group["n_runs"].max())}
        )
    return found


def _cells(row: pd.Series, metric: str, unknown: str) -> tuple[str, str]:
    if row["n_runs"]:
        ours = _text(row["mean"], row["ci95"], metric)
    else:
        ours = "–" if row["source"] == "published" else "not run"
    if math.isnan(row["paper_mean"]):
        return ours, unknown
    return ours, _text(row["paper_mean"], row["paper_ci95"], metric)


def _text(mean: float, ci95: float, metric: str) -> str:
    return plus_minus(100 * mean, 100 * ci95, 1) if metric == "accuracy" else plus_minus(mean, ci95)


def heads(frame: pd.DataFrame) -> list[str]:
    """The metrics of `lines` in words, in their order."""
    return [METRICS[metric] for metric in named(frame["table"].iloc[0]).metrics]


def conditions(frame: pd.DataFrame, setting: str = "") -> str:
    """What stands behind our numbers in one line: scale, clips, chance level and runs."""
    run = frame[frame["n_runs"] > 0]
    scale = scale_label(frame["scale"].iloc[0], setting)
    scale = f"{scale[0].upper()}{scale[1:]}."
    if run.empty:
        return f"{scale} None of these models has been run yet."
    main = named(frame["table"].iloc[0]).metrics[0]
    chance, form = run.loc[run["metric"] == main, "prevalence"], ".3f"
    words = "chance mAP (mean prevalence)"
    if main == "accuracy":
        chance, form, words = 100 * chance, ".1f", "chance accuracy (%)"
    return (
        f"{scale} Evaluated on {_range(run['n_clips'], ',d')} clips; "
        f"{words} {_range(chance, form)}; {_range(run['n_runs'], 'd')} runs a model."
    )


def _range(values: pd.Series, form: str) -> str:
    low, high = (f"{v:{form}}" for v in (values.min(), values.max()))
    return low if low == high else f"{low} to {high}"


def to_markdown(frame: pd.DataFrame, setting: str = "") -> str:
    """The table as Markdown, one line per system, ours beside the paper's."""
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
