"""Every evaluation stage and figure, found by their modules: to add one is to add its module."""

from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType
from typing import Any

from sonify.evaluation import stages
from sonify.evaluation.stage import Stage
from sonify.reporting import figures
from sonify.reporting.figure import FigureSpec


def _declared(package: ModuleType, attribute: str) -> list[Any]:
    """The attribute of each module of a package, in the order of their names."""
    names = sorted(module.name for module in iter_modules(package.__path__))
    return [getattr(import_module(f"{package.__name__}.{name}"), attribute) for name in names]


STAGES: dict[str, Stage] = {stage.name: stage for stage in _declared(stages, "STAGE")}
FIGURES: dict[str, FigureSpec] = {figure.name: figure for figure in _declared(figures, "FIGURE")}
# Gathered evaluation tables, each with the stage that writes it.
EVALUATION_TABLES: dict[str, Stage] = {
    table: stage for stage in STAGES.values() for table in stage.tables if table not in stage.kept
}
