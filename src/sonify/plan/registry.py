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
ALL_FIGURES: dict[str, FigureSpec] = {f.name: f for f in _declared(figures, "FIGURE")}
# Gathered evaluation tables, each with the stage that writes it.
ALL_TABLES: dict[str, Stage] = {
    table: stage for stage in STAGES.values() for table in stage.tables if table not in stage.kept
}
# What is made by default, and what only the target `beyond` makes.
FIGURES = {name: figure for name, figure in ALL_FIGURES.items() if not figure.beyond}
EVALUATION_TABLES = {table: stage for table, stage in ALL_TABLES.items() if not stage.beyond}
BEYOND_FIGURES = {name: figure for name, figure in ALL_FIGURES.items() if figure.beyond}
BEYOND_TABLES = {table: stage for table, stage in ALL_TABLES.items() if stage.beyond}
# What each training leaves besides its model, by contract.
HISTORY = {"history": "history.parquet", "step_history": "step_history.parquet"}
# The page of what the paper does not measure, with its tables, below results/reporting.
FINDINGS = {
    "page": "findings.md",
    "claims": "findings_claims.csv",
    "means": "findings_means.csv",
    "parquet": "tables/control_means.parquet",
}
