"""The declaration of an evaluation stage: its measurement, clips and tables.

Stage modules are imported while the Snakefile is read, so they are light: computing code is
imported inside their functions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from sonify.models.job import ModelJob
    from sonify.models.settings import JobSettings
    from sonify.plan.plan import Plan


class ClipsRead(NamedTuple):
    """The prepared clips that a job reads."""

    dataset: str
    splits: tuple[str, ...]


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """Base of the types of `evaluation.<stage>` blocks in the configuration."""


@dataclass(frozen=True)
class Result:
    """Result tables of one job by contract, and one sentence for the console."""

    tables: dict[str, pd.DataFrame | pa.Table]
    summary: str


@dataclass(frozen=True)
class Stage:
    """One evaluation stage, declared by a module of `sonify.evaluation.stages` as its `STAGE`.

    name: rule, script, folder of logs and run times, and block of the configuration, of the type
    `options` (None: it has no block). tables: contracts written, each as one file per job below
    results/evaluation/<table>, then gathered into results/evaluation/<table>.parquet, except those
    in `kept`, which are too large to read at once.

    share: computes and keeps a job's parts of the work for the merging job; None: the work cannot
    be split.

    jobs: names of its jobs, by default models. clips: what a job reads. settings: the values that
    a job uses, of the type `settings_type`; a change of one reruns it. compute: the job itself.
    model: the trained model that a job loads. needs: further inputs, contracts of the model's
    sonification tables, "checkpoints" or, where there are any, "stems". priority: jobs with a
    higher one start first. trains: a job trains models, and so may take long. beyond: true for what
    the paper does not measure, made by the target `beyond` and not by default.
    """

    name: str
    tables: tuple[str, ...]
    jobs: Callable[[Plan], list[str]]
    clips: Callable[[Plan, str], ClipsRead]
    settings: Callable[[Plan, str], msgspec.Struct]
    settings_type: type[JobSettings]
    compute: Callable[[ModelJob[Any]], Result]
    share: Callable[[ModelJob[Any]], object] | None = None
    model: Callable[[Plan, str], str] = lambda plan, job: job
    options: type[msgspec.Struct] | None = None
    kept: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    priority: int = 0
    trains: bool = False
    beyond: bool = False

    @property
    def script(self) -> str:
        """Name of the script that runs one job."""
        return f"{self.name}.py"
