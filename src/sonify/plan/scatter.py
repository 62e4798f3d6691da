"""Stages whose jobs share their work with others: what a share runs, reads and leaves.

With `scatter` at 1, as in miniature, there are none. Light: imported while the Snakefile is read.
"""

from dataclasses import dataclass
from functools import cached_property

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
    """The shared stages of a plan by name, and the shares of their jobs."""

    def __init__(self, plan: Plan, files: Files) -> None:
        self.plan, self.files = plan, files
        self.number = plan.config.scatter.measuring

    @cached_property
    def stages(self) -> dict[str, Shared]:
        """The stages whose jobs are shared; none if each is a job of its own."""
        if self.number == 1:
            return {}
        mined = self.plan.sonified_models
        shared = [Shared("mine", mined), Shared("render", mined, (TOP,))]
        shared += [Shared(s.name, s.jobs(self.plan), s.needs) for s in STAGES.values() if s.share]
        return {each.name: each for each in shared}

    @property
    def jobs(self) -> dict[str, list[str]]:
        """All shares by rule, named as their logs."""
        return {
            shared.rule: [f"{job}-{share}" for job in shared.jobs for share in self.shares]
            for shared in self.stages.values()
        }

    @property
    def benchmarks(self) -> list[str]:
        """Files with the costs of all shares."""
        named = [(rule, job) for rule, jobs in self.jobs.items() for job in jobs]
        return [f"results/benchmarks/{rule}/{job}.tsv" for rule, job in named]

    def inputs(self, stage: str, job: str) -> Inputs:
        """What each share of a job reads, by name: what the job itself would."""
        if stage in STAGES:
            return self.files.stage_input(STAGES[stage], job)
        top = {TOP: f"results/sonification/{job}/{TOP}.parquet"} if stage == "render" else {}
        return {**self.files.mining_input(job), **top}

    def folder(self, stage: str, job: str = "{job}", i: int | str = "{i}") -> str:
        """Folder that a share of a job leaves; by default the pattern of all, for a rule."""
        return f"results/unfinished/{stage}_share/{job}/{i}-of-{self.number}"

    def folders(self, stage: str, job: str) -> list[str]:
        """The folders of all shares of a job; none if it has none."""
        count = self.number if stage in self.stages else 0
        return [self.folder(stage, job, i + 1) for i in range(count)]

    @property
    def shares(self) -> list[str]:
        """Names of the shares of a job."""
        return [f"{i}-of-{self.number}" for i in range(1, self.number + 1)]
