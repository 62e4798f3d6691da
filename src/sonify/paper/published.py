"""The numbers of the paper's tables A.1 to A.6, read from static/published.yaml."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sonify.paper.setting import PaperSetting
from sonify.runtime.yaml_files import read_yaml

PUBLISHED = Path(__file__).resolve().parent / "static" / "published.yaml"


@dataclass(frozen=True)
class Line:
    """One line of a table: by metric, the mean over runs and the half-width of its 95% interval.

    Either number is NaN where the paper gives none. Accuracies are fractions in [0, 1]. setting is
    None for a published baseline that the paper quotes.
    """

    system: str
    setting: PaperSetting | None
    values: dict[str, tuple[float, float]]


@dataclass(frozen=True)
class PaperTable:
    """One table: its title, the clips its models are scored on, its metrics and lines.

    Its models were trained on `dataset` last, on AudioSet's balanced_train alone if balanced.
    others: whether to list, after its lines, our models trained on it that the paper lacks. remark:
    what is uncertain about it.
    """

    title: str
    dataset: str
    split: str
    balanced: bool
    metrics: tuple[str, ...]
    others: bool
    remark: str
    lines: tuple[Line, ...]


def _table(spec: dict[str, Any]) -> PaperTable:
    metrics, where = tuple(spec["metrics"]), {k: spec[k] for k in ("dataset", "balanced")}
    lines = tuple(_line(line, metrics, where) for line in spec["lines"])
    return PaperTable(**{**spec, "metrics": metrics, "lines": lines})


def _line(line: dict[str, Any], metrics: tuple[str, ...], where: dict[str, Any]) -> Line:
    values = {metric: _value(line["values"].get(metric)) for metric in metrics}
    if "setting" not in line:
        return Line(line["system"], None, values)
    own: dict[str, Any] = {
        k: tuple(v) if isinstance(v, list) else v for k, v in line["setting"].items()
    }
    setting = PaperSetting(**where, **own)
    return Line(line.get("system", setting.label), setting, values)


def _value(cell: list[float] | float | None) -> tuple[float, float]:
    """Mean and half-width of a cell: both, the mean alone, or neither."""
    if isinstance(cell, list):
        mean, half_width = cell
        return mean, half_width
    return (math.nan if cell is None else cell), math.nan


PAPER_TABLES = {name: _table(spec) for name, spec in read_yaml(PUBLISHED).items()}
