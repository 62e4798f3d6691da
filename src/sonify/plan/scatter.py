"""Stages whose jobs share their work with others: what a share runs, reads and leaves.

With `scatter` at 1, as in miniature, there are none. Light: imported while the Snakefile is read.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from sonify.plan.files import Files, Inputs
from sonify.plan.plan import Plan
from sonify.plan.registry import STAGES

TOP = "top_activations"


@dataclass(frozen=True)
class Shared:
    """A stage whose jobs are shared: its rule and its jobs.

    further: the names of their inputs besides a model and clips.
    """

    name: str
    jobs: list[str]
    further: tuple[str, ...] = ()

    @property
    def script(self) -> str:
        """Script of the stage, of the shares as well."""
        return f"{self.name}.py"

    @property
    def rule(self) -> str:
        """Name of the rule of the shares, and of the folder of their logs."""
        return f"{self.name}_share"


class Scatter:
    """The stages of a plan that are shared, by name, and the shares of their jobs."""

    def __init__(self, plan: Plan, files: Files) -> None:
        self.plan, self.files = plan, files
        self.asked = plan.config.scatter

    @cached_property
    def stages(self) -> dict[str, Shared]:
        """The stages that run a model and whose jobs are shared; none if each is its own job."""
        if self.asked.measuring == 1:
            return {}
        mined = self.plan.sonified_models
        shared = [Shared("mine", mined), Shared("render", mined, (TOP,))]
        shared += [Shared(s.name, s.jobs(self.plan), s.needs) for s in STAGES.values() if s.share]
        return {each.name: each for each in shared}

    def number(self, stage: str) -> int:
        """Return how many jobs share each job of a stage (or of `prepare`); 1 if not shared."""
        if stage == "prepare":
            return self.asked.preparing
        return self.asked.measuring if stage in self.stages else 1

    @property
    def benchmarks(self) -> list[str]:
        """Files with the costs of all shares."""
        shared = {name: each.jobs for name, each in self.stages.items()}
        if self.asked.preparing > 1:
            shared["prepare"] = self.files.jobs["prepare"]
        return [
            f"results/benchmarks/{stage}_share/{job}-{Path(folder).name}.tsv"
            for stage, jobs in shared.items()
            for job in jobs
            for folder in self.folders(stage, job)
        ]

    def inputs(self, stage: str, job: str) -> Inputs:
        """Return what each share of a job reads, by name: what the job itself would."""
        if stage in STAGES:
            return self.files.stage_input(STAGES[stage], job)
        top = {TOP: f"results/sonification/{job}/{TOP}.parquet"} if stage == "render" else {}
        return {**self.files.mining_input(job), **top}

    def folder(self, stage: str, job: str = "{job}", i: int | str = "{i}") -> str:
        """Folder that a share of a job leaves; by default the pattern of all, for a rule."""
        return f"results/unfinished/{stage}_share/{job}/{i}-of-{self.number(stage)}"

    def folders(self, stage: str, job: str) -> list[str]:
        """The folders of all shares of a job; none if it has none."""
        number = self.number(stage)
        return [self.folder(stage, job, i + 1) for i in range(number)] if number > 1 else []
