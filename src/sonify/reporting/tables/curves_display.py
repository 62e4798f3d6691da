"""The curves of Figures 4, 6 and 7 for readers: as Markdown, and as panels of the results page."""

import math
from typing import Any, TypedDict

import pandas as pd

from sonify.paper.labels import METRICS, clips_label, encoder_label, finetuned_label, scale_label
from sonify.reporting.authors_curves import WHOLE
from sonify.reporting.tables.display import INTERVALS, number

_MEASURES = METRICS | {
    "coherence": "mean top-k coherence of the most active map (equation 3)",
    "peak_coherence": "mean of the highest peaks of coherence, every filter (authors’ code)",
}
_FINETUNES = ("none", "fconly", "full")
_ENDS = {("figure_4", WHOLE): "all", ("figure_6", 0): "none"}  # layers that are none


class Panel(TypedDict):
    """One panel of a figure: a column of ours for each model, and the authors' where they have it.

    models: label and number of columns. columns: "ours" or "authors". rows: layer, and a text for
    each column.
    """

    title: str
    models: list[tuple[str, int]]
    columns: list[str]
    rows: list[tuple[str, list[str]]]


def panels(frame: pd.DataFrame) -> list[Panel]:
    """Return what rows of contract curves, of one figure, show: a panel for each measure."""
    groups = frame.groupby(["dataset", "split", "metric"])
    return [
        _panel(rows, f"{clips_label(dataset, split)}: {_MEASURES[metric]}")
        for (dataset, split, metric), rows in groups
    ]


def _panel(rows: pd.DataFrame, title: str) -> Panel:
    figure, order = rows["figure"].iloc[0], rows["finetune"].map(_FINETUNES.index)
    rows = rows.assign(order=order).sort_values(["order", "regime", "run"])
    groups = dict(list(rows.groupby(["regime", "finetune", "run"], sort=False)))
    labels = _labels(list(groups), figure)
    sources = [_sources(model) for model in groups.values()]
    models = [{row.layer: row for row in model.itertuples()} for model in groups.values()]
    return {
        "title": title,
        "models": [(label, len(of)) for label, of in zip(labels, sources, strict=True)],
        "columns": [source for of in sources for source in of],
        "rows": [
            (
                _ENDS.get((figure, layer), str(layer)),
                [
                    _cell(model.get(layer), source)
                    for model, of in zip(models, sources, strict=True)
                    for source in of
                ],
            )
            for layer in sorted(rows["layer"].unique())
        ],
    }


def _sources(model: pd.DataFrame) -> list[str]:
    return ["ours", "authors"] if model["authors_mean"].notna().any() else ["ours"]


def _labels(models: list[tuple[str, str, str]], figure: str) -> list[str]:
    """Return a label for each model, with its run where two would be equal."""
    words = finetuned_label if figure == "figure_6" else encoder_label
    plain = [words(regime, finetune) for regime, finetune, _ in models]
    return [
        label if plain.count(label) == 1 else f"{label} ({run})"
        for label, (*_, run) in zip(plain, models, strict=True)
    ]


def _cell(row: Any, source: str) -> str:
    """Return a mean with its interval, from the row of a layer, if any; a dash if there is none."""
    if row is None:
        return "–"
    ours = source == "ours"
    mean, ci95 = (row.mean, row.ci95) if ours else (row.authors_mean, row.authors_ci95)
    return "–" if math.isnan(mean) else number(mean, ci95, row.metric)


def to_markdown(frame: pd.DataFrame, title: str, remark: str) -> str:
    """Return the curves of one figure as Markdown: a table per panel, a line per layer."""
    scale = scale_label(frame["scale"].iloc[0])
    words = f"{scale[0].upper()}{scale[1:]}. {INTERVALS} {remark}"
    parts = [f"# {title}, ours beside the authors'", words]
    for panel in panels(frame):
        labels = [label for label, columns in panel["models"] for _ in range(columns)]
        pairs = zip(labels, panel["columns"], strict=True)
        heads = ["layer", *(f"{label}, {source}" for label, source in pairs)]
        lines = [heads, ["--:"] * len(heads), *([layer, *cells] for layer, cells in panel["rows"])]
        parts += [f"## {panel['title']}"]
        parts += ["\n".join("| " + " | ".join(_escaped(line)) + " |" for line in lines)]
    return "\n\n".join(parts) + "\n"


def _escaped(cells: list[str]) -> list[str]:
    return [cell.replace("|", r"\|") for cell in cells]
