"""Table A.4: FSD50K evaluation performance, ours beside the paper's."""

import math

import pandas as pd

from sonify import tables
from sonify.reporting.intervals import plus_minus, t_interval
from sonify.reporting.labels import METRICS, finetuned_label, scale_label
from sonify.reporting.paper_values import TABLE_A4

_KEY = ["architecture", "pretraining", "finetune"]
_MEASURED = ["mean", "ci95", "n_runs", "prevalence", "n_clips"]
_COLUMNS = ["row", *_KEY, "metric", *_MEASURED, "paper_mean", "paper_ci95", "scale"]


def table_a4(metrics: pd.DataFrame, scale: str) -> pd.DataFrame:
    """Rows of contract table_A4 from rows of contract metrics: one for each paper row and metric.

    What we have not run keeps the paper's numbers, with no mean and 0 runs. Models that the paper
    does not have (another architecture) follow from row 8, with no paper number. An infinite
    d-prime stays infinite. Raises ValueError when two runs of the configuration are the same row.
    """
    scale_label(scale)
    ours = metrics[(metrics["dataset"] == "fsd50k") & (metrics["split"] == "eval")]
    ours = ours[ours["metric"].isin(METRICS)]
    ours = ours.assign(pretraining=ours["regime"].where(ours["finetune"] != "none", "none"))
    known = {(p.architecture, p.pretraining, p.finetune): p for p in TABLE_A4}
    new = sorted(set(ours[_KEY].itertuples(index=False, name=None)) - set(known))
    rows = []
    for row, key in enumerate([*known, *new], start=1):
        same = ours[(ours[_KEY] == list(key)).all(axis=1)]
        _one_run(same, key)
        for metric in sorted(METRICS):  # the order of the contract's key: all files agree
            paper = getattr(known[key], metric) if key in known else (math.nan, math.nan)
            measured = _measured(same[same["metric"] == metric])
            rows.append((row, *key, metric, *measured, *paper, scale))
    return pd.DataFrame(rows, columns=_COLUMNS)[list(tables.contract("table_A4").columns)]


def _one_run(same: pd.DataFrame, key: tuple[str, ...]) -> None:
    runs = sorted(same["run"].unique())
    if len(runs) > 1:
        raise ValueError(
            f"runs {' and '.join(runs)} are all {' '.join(key)} on fsd50k, one row of Table A.4: "
            "keep one of them, or give the others an architecture of another name"
        )


def _measured(values: pd.DataFrame) -> tuple[float, float, int, float, int]:
    """Mean, half-width, runs, prevalence and clips of one metric of one model."""
    interval = t_interval(values["value"])
    if not interval.n:
        return (*interval, math.nan, 0)
    return (*interval, float(values["prevalence"].mean()), int(values["n_clips"].max()))


def to_csv(frame: pd.DataFrame) -> str:
    """The long form as CSV, shortest digits that read back exactly; empty means no value."""
    return frame.to_csv(index=False, lineterminator="\n")


def wide(frame: pd.DataFrame) -> list[dict]:
    """One dict per model for display: architecture, model, finetune, n_runs, ours and paper (dicts
    of metric to text; ours reads "not run", paper "not in paper" where there is nothing)."""
    models = []
    for _, group in frame.sort_values("row").groupby("row"):
        by_metric = group.set_index("metric")
        first = group.iloc[0]
        models.append(
            {
                "architecture": first["architecture"],
                "pretraining": first["pretraining"],
                "model": finetuned_label(first["pretraining"], first["finetune"]),
                "n_runs": int(group["n_runs"].max()),
                "ours": {m: _ours(by_metric.loc[m]) for m in METRICS},
                "paper": {m: _paper(by_metric.loc[m]) for m in METRICS},
            }
        )
    return models


def _ours(row: pd.Series) -> str:
    return plus_minus(row["mean"], row["ci95"]) if row["n_runs"] else "not run"


def _paper(row: pd.Series) -> str:
    if math.isnan(row["paper_mean"]):
        return "not in paper"
    return plus_minus(row["paper_mean"], row["paper_ci95"])


def conditions(frame: pd.DataFrame, setting: str = "") -> str:
    """What stands behind our numbers in one line: scale, chance mAP, clips and runs."""
    run = frame[frame["n_runs"] > 0]
    scale = scale_label(frame["scale"].iloc[0], setting)
    if run.empty:
        return f"{scale[0].upper()}{scale[1:]}. No model has been run yet."
    chance = run.loc[run["metric"] == "mAP", "prevalence"]
    return (
        f"{scale[0].upper()}{scale[1:]}. Evaluated on {_range(run['n_clips'], ',d')} clips; "
        f"chance mAP (mean prevalence) {_range(chance, '.3f')}; "
        f"{_range(run['n_runs'], 'd')} runs a model."
    )


def _range(values: pd.Series, form: str) -> str:
    low, high = (f"{v:{form}}" for v in (values.min(), values.max()))
    return low if low == high else f"{low} to {high}"


def to_markdown(frame: pd.DataFrame, setting: str = "") -> str:
    """The table as Markdown, one line per model, ours beside the paper's."""
    measures = [f"{m} {who}" for m in METRICS.values() for who in ("ours", "paper")]
    heads = ["Model", *measures, "Runs"]
    lines = ["| " + " | ".join(heads) + " |", "|--|" + "--:|" * (len(heads) - 1)]
    for model in wide(frame):
        cells = [f"{model['architecture']} {model['model']}"]
        for metric in METRICS:
            cells += [model["ours"][metric], model["paper"][metric]]
        lines.append("| " + " | ".join([*cells, str(model["n_runs"])]) + " |")
    title = "# Table A.4: FSD50K evaluation performance, ours beside the paper's"
    note = "Mean ± half-width of the 95% t-interval over runs; one run has no interval."
    return "\n\n".join([title, conditions(frame, setting), "\n".join(lines), note]) + "\n"
