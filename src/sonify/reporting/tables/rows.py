"""A table of the paper as rows of contract `table`: our means and intervals beside its values."""

import math

import pandas as pd

from sonify.contracts import tables
from sonify.evaluation.metrics.intervals import t_interval
from sonify.paper.labels import finetuned_label, scale_label
from sonify.paper.matching import Facts, pretraining, runs_of_lines
from sonify.paper.published import PAPER_TABLES, Line, Model, PaperTable
from sonify.runtime.errors import SonifyError


def paper_table(name: str, metrics: pd.DataFrame, runs: Facts, scale: str) -> pd.DataFrame:
    """Rows of contract table: one for each system and metric of table `name` (A1 to A6).

    metrics has rows of contract metrics; runs are the facts of the configuration's runs. What has
    not been run keeps the paper's numbers, with no mean and 0 runs; published baselines are never
    measured. Our models that the paper lacks follow, where they were scored. An infinite d-prime
    stays infinite. Raises SonifyError for an unknown table or scale, for two runs that are the same
    line, and for scores of a run that the configuration lacks.
    """
    scale_label(scale)
    table = named(name)
    stray = sorted(set(metrics["run"]) - set(runs))
    if stray:
        raise SonifyError(
            f"the metrics are also of {', '.join(stray)}, which the configuration lacks: rerun the "
            "evaluation stage"
        )
    scored = metrics[(metrics["dataset"] == table.dataset) & (metrics["split"] == table.split)]
    lines = [
        (line, run)
        for line, run in runs_of_lines(table, runs)
        if line is not None or run in set(scored["run"])
    ]
    rows = [
        {"table": name, "row": row, "metric": metric, "scale": scale}
        | _system(line, run, runs)
        | _measured(scored[(scored["run"] == run) & (scored["metric"] == metric)])
        | _published(line, metric)
        for row, (line, run) in enumerate(lines, start=1)
        for metric in sorted(table.metrics)  # the order of the contract's key: all files agree
    ]
    return pd.DataFrame(rows)[list(tables.contract("table").columns)]


def named(name: str) -> PaperTable:
    """The paper's table called `name`; SonifyError lists the legal names."""
    if name not in PAPER_TABLES:
        raise SonifyError(f"table {name!r} is none of the paper's: use {', '.join(PAPER_TABLES)}")
    return PAPER_TABLES[name]


def _system(line: Line | None, run: str | None, runs: Facts) -> dict:
    """Who is on the line: of a baseline only what the paper calls it."""
    if line is None:
        facts = runs[run]
        model = Model(pretraining(facts), facts["finetune"], facts["architecture"])
        label = finetuned_label(model.pretraining, model.finetune)
        system = f"{model.architecture} {label} ({run})"
    else:
        system, model = line.system, line.model
    return {
        "system": system,
        "source": "published" if model is None else "ours",
        "run": run or "",
        "architecture": model.architecture if model else "",
        "pretraining": model.pretraining if model else "",
        "finetune": model.finetune if model else "",
    }


def _measured(values: pd.DataFrame) -> dict:
    """Mean, half-width, runs, prevalence and clips of one metric of one model."""
    mean, ci95, n = t_interval(values["value"])
    return {
        "mean": mean,
        "ci95": ci95,
        "n_runs": n,
        "prevalence": float(values["prevalence"].mean()) if n else math.nan,
        "n_clips": int(values["n_clips"].max()) if n else 0,
    }


def _published(line: Line | None, metric: str) -> dict:
    mean, half_width = (math.nan, math.nan) if line is None else line.values[metric]
    return {"paper_mean": mean, "paper_ci95": half_width}
