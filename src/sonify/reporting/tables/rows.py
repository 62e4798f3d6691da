"""The paper's tables as rows of contract `table`: our means and intervals beside its values."""

import math

import pandas as pd

from sonify.contracts import tables
from sonify.evaluation.metrics.intervals import t_interval
from sonify.paper.labels import scale_label
from sonify.paper.published import PAPER_TABLES, Line, PaperTable
from sonify.paper.run_facts import RunFacts, Runs
from sonify.paper.setting import PaperSetting
from sonify.runtime.errors import SonifyError

_MEASURED = ("value", "prevalence", "n_clips")


def paper_table(name: str, metrics: pd.DataFrame, runs: Runs, scale: str) -> pd.DataFrame:
    """Return rows of contract table: one for each system and metric of table `name` (A1 to A6).

    metrics has rows of contract metrics; runs are all runs of the configuration. A model that has
    not been run keeps the paper's numbers, with no mean and 0 runs; so do published baselines.
    Models of ours that the paper lacks follow, if they were scored. An infinite d-prime stays
    infinite. Raises SonifyError for an unknown table or scale, for two runs that are the same line,
    and for scores of a run that the configuration lacks.
    """
    scale_label(scale)
    table = named(name)
    stray = sorted(set(metrics["run"]) - set(runs))
    if stray:
        raise SonifyError(
            f"the metrics include {', '.join(stray)}, which the configuration lacks: rerun the "
            "evaluation stage"
        )
    scored = metrics[(metrics["dataset"] == table.dataset) & (metrics["split"] == table.split)]
    lines = [
        (line, run)
        for line, run in _runs_of_lines(table, runs)
        if line.values or run in set(scored["run"])
    ]
    measured = dict(list(scored.groupby(["run", "metric"])[[*_MEASURED]]))
    none = scored[[*_MEASURED]][:0]
    rows = [
        {"table": name, "row": row, "metric": metric, "scale": scale}
        | _system(line, run)
        | _measured(measured.get((run, metric), none))
        | _published(line, metric)
        for row, (line, run) in enumerate(lines, start=1)
        for metric in sorted(table.metrics)  # the order of the contract's key: all files agree
    ]
    return pd.DataFrame(rows)[list(tables.contract("table").columns)]


def named(name: str) -> PaperTable:
    """Return the paper's table of this name; SonifyError lists the names."""
    if name not in PAPER_TABLES:
        raise SonifyError(f"table {name!r} is not in the paper: use {', '.join(PAPER_TABLES)}")
    return PAPER_TABLES[name]


def _runs_of_lines(table: PaperTable, runs: Runs) -> list[tuple[Line, str | None]]:
    """Pair each line of the table with its run, None for a baseline or where there is none.

    After them, in lines without values, stand the runs that the paper lacks, by name. Raises
    SonifyError when two runs are the same line.
    """
    candidates = [run for run in sorted(runs) if _belongs(runs[run], table)]
    pairs = [(line, _run_of(line, candidates, runs)) for line in table.lines]
    taken = {run for _, run in pairs}
    others = [run for run in candidates if run not in taken] if table.others else []
    return [*pairs, *((_unpublished(run, runs[run]), run) for run in others)]


def _belongs(facts: RunFacts, table: PaperTable) -> bool:
    where = (facts.dataset, facts.balanced)
    return facts.objective != "contrastive" and where == (table.dataset, table.balanced)


def _run_of(line: Line, candidates: list[str], runs: Runs) -> str | None:
    if line.setting is None:
        return None
    matching = [run for run in candidates if line.setting.matches(run, runs)]
    if len(matching) > 1:
        raise SonifyError(
            f"runs {' and '.join(matching)} of the configuration are both the paper's line "
            f"{line.system!r}: keep one of them, or give the others an architecture of another name"
        )
    return matching[0] if matching else None


def _unpublished(run: str, facts: RunFacts) -> Line:
    """Return the line of a run that the paper lacks."""
    known = {k: getattr(facts, k) for k in ("dataset", "regime", "finetune", "architecture")}
    setting = PaperSetting(**known)
    return Line(f"{setting.label} ({run})", setting, {})


def _system(line: Line, run: str | None) -> dict:
    """Return the columns that identify the model; a baseline has only its name in the paper."""
    setting = line.setting
    return {
        "system": line.system,
        "source": "published" if setting is None else "ours",
        "run": run or "",
        "architecture": setting.architecture if setting else "",
        "pretraining": setting.pretraining if setting else "",
        "finetune": setting.finetune if setting else "",
    }


def _measured(values: pd.DataFrame) -> dict:
    """Return mean, half-width, runs, prevalence and clips of one metric of one model."""
    mean, ci95, n = t_interval(values["value"])
    return {
        "mean": mean,
        "ci95": ci95,
        "n_runs": n,
        "prevalence": float(values["prevalence"].mean()) if n else math.nan,
        "n_clips": int(values["n_clips"].max()) if n else 0,
    }


def _published(line: Line, metric: str) -> dict:
    mean, half_width = line.values.get(metric, (math.nan, math.nan))
    return {"paper_mean": mean, "paper_ci95": half_width}
