"""A training run by what it is: the facts by which tables and claims match runs with the paper.

Light enough for the process that reads the Snakefile; scripts receive the facts as JSON.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class RunFacts:
    """A training run apart from its name.

    dataset, splits and objective are those it was trained on last; start is the run whose encoder
    it started from, if any. regime (contrastive or supervised), temperature and augmentation (names
    of the augmentations that are on, sorted) describe the first run of its chain, the pretraining.
    """

    dataset: str
    splits: tuple[str, ...]
    objective: str
    regime: str
    finetune: str
    start: str | None
    architecture: str
    width: float
    downsampling: str
    temperature: float | None
    augmentation: tuple[str, ...]

    @property
    def balanced(self) -> bool:
        """True for a run trained on AudioSet's balanced part alone."""
        return self.dataset == "audioset" and self.splits == ("balanced_train",)


Runs = Mapping[str, RunFacts]  # by name: every training run of the configuration


def read_runs(runs: Mapping[str, Mapping[str, Any]]) -> dict[str, RunFacts]:
    """Return the facts of each run from their JSON form, `dataclasses.asdict` of RunFacts."""
    return {name: _read(facts) for name, facts in runs.items()}


def _read(facts: Mapping[str, Any]) -> RunFacts:
    lists = {name: tuple(facts[name]) for name in ("splits", "augmentation")}
    return RunFacts(**{**facts, **lists})
