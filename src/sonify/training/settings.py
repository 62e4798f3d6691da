"""Settings of the jobs that train. No torch: the plan makes them."""

from dataclasses import dataclass
from typing import Literal

import msgspec

from sonify.models.architecture import Architecture
from sonify.models.settings import JobSettings
from sonify.training.recipe import Recipe

Watcher = Literal["tensorboard", "wandb"]  # of trainings, see `training.watch`


@dataclass(frozen=True)
class Run:
    """One training run, resolved: where it starts and what it is called in result tables.

    regime is how the encoder was first trained (supervised or contrastive); finetune is none for a
    run from scratch.
    """

    name: str
    recipe: str
    dataset: str
    splits: tuple[str, ...]
    regime: str
    finetune: str
    start: str | None
    architecture: str


class TrainingSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of one training: the run, its recipe, and the encoder it builds if from scratch."""

    run: Run
    recipe: Recipe
    architecture: Architecture
    device: str


class ProbingSettings(JobSettings, frozen=True, kw_only=True):
    """Settings of a job of probes: how they are trained, and the split they are scored on.

    crop_s: seconds of the crop from each clip's centre that is scored, None for whole clips.
    recipe: None if nothing is trained, and the model itself is scored as the whole encoder.
    """

    run: Run
    seed: int
    layers: tuple[int, ...]
    recipe: Recipe | None
    crop_s: float | None = None
