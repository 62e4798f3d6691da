"""Estimate the memory and time that jobs request from a scheduler, by stage and size.

The estimates are rough and generous, since they are made before anything is known: a job that runs
out of memory is tried again with twice as much, one that runs out of time goes on from what it has
kept. None of this affects a result, and on a single machine it has no effect at all.
"""

import math
from dataclasses import dataclass

from sonify.contracts.audio_format import RATE_HZ
from sonify.evaluation.stage import Stage
from sonify.models.architecture import Architecture
from sonify.plan.plan import Plan
from sonify.plan.registry import STAGES
from sonify.training.recipe import Recipe

PROCESS_MB = 2_000  # at most 1,000 are used in miniature, half of them by PyTorch itself
GPU_PROCESS_MB = 8_000  # libraries and buffers of a GPU in the memory of its host
READER_MB = 600  # of training crops, at the paper's settings
# Of a value kept for the way back: benchmarks/results/batches_cuda.md.
MAP_BYTES = {"bfloat16": 6.4}
SINGLE_BYTES = 12.0  # the same in float32, and of a value of whole clips, with its switch index
WEIGHT_BYTES = 20.0  # of a parameter: itself, gradient, Adam's two moments, a copy in a checkpoint
# Minutes: of what works on synthesised sounds, and on recordings. Two days is what many clusters
# allow at most.
TRAINING = (240, 2_880)
MEASURING = (120, 480)
PREPARING = (60, 2_880)
SHORTEST = 30  # of a share: it starts as long as any job, and shares are not all alike


@dataclass(frozen=True)
class Needs:
    """Megabytes of a machine's own memory, and minutes."""

    mem_mb: int
    minutes: int


class JobNeeds:
    """The needs of each kind of job of a plan; on_gpu: its models run on a GPU, in its memory."""

    def __init__(self, plan: Plan, on_gpu: bool) -> None:
        self.plan = plan
        self.on_gpu = on_gpu

    def preparing(self, dataset: str) -> Needs:
        """Return what synthesising or preparing a dataset needs: it holds a clip at a time."""
        return Needs(PROCESS_MB, self._minutes(PREPARING, dataset))

    def training(self, run: str) -> Needs:
        """Return what training a run needs."""
        recipe = self.plan.recipe(self.plan.training.runs[run].recipe)
        return self._trained(recipe, self.plan.architecture(run), self.plan.run(run).dataset)

    def stage(self, stage: Stage, job: str) -> Needs:
        """Return what a job of an evaluation stage needs."""
        if not stage.trains:
            return self.measuring(stage.model(self.plan, job), stage.clips(self.plan, job).dataset)
        run = self.plan.probes[job].run
        architecture = self.plan.config.models[run.architecture]
        return self._trained(self.plan.recipe(run.recipe), architecture, run.dataset)

    def mining(self, model: str) -> Needs:
        """Return what mining a model, or sonifying what was mined, needs."""
        return self.measuring(model, self.plan.mined_clips.dataset)

    def share(self, rule: str, job: str) -> Needs:
        """Return what a share of a job needs (`plan.scatter`): its memory, a part of its time."""
        whole = self.stage(STAGES[rule], job) if rule in STAGES else self.mining(job)
        return _part(whole, self.plan.config.scatter.measuring)

    def preparing_share(self, dataset: str) -> Needs:
        """Return what a share of preparing a dataset needs."""
        return _part(self.preparing(dataset), self.plan.config.scatter.preparing)

    def measuring(self, model: str, dataset: str) -> Needs:
        """Return what running a model over whole clips of a dataset needs."""
        architecture = self.plan.architecture(self.plan.run_of(model).name)
        samples = round(self.plan.evaluation.batch_s * RATE_HZ)
        maps = 2 * values(architecture, samples) * SINGLE_BYTES
        return Needs(self._megabytes(maps), self._minutes(MEASURING, dataset))

    def _trained(self, recipe: Recipe, architecture: Architecture, dataset: str) -> Needs:
        crops = recipe.batch_size * (2 if recipe.objective == "contrastive" else 1)
        together = min(crops, recipe.crops_at_once or crops)
        kept = together * values(architecture, round(recipe.crop_s * RATE_HZ))
        size = kept * MAP_BYTES.get(recipe.precision, SINGLE_BYTES)
        size += parameters(architecture) * WEIGHT_BYTES
        return Needs(self._megabytes(size) + READER_MB, self._minutes(TRAINING, dataset))

    def _megabytes(self, on_device: float) -> int:
        """A process with `on_device` bytes where its model runs, in steps of 100 MB."""
        if self.on_gpu:
            return GPU_PROCESS_MB
        return PROCESS_MB + 100 * math.ceil(on_device / 1e8)

    def _minutes(self, minutes: tuple[int, int], dataset: str) -> int:
        return minutes[self.plan.config.data.sources[dataset].source != "synthetic"]


def _part(whole: Needs, number: int) -> Needs:
    return Needs(whole.mem_mb, max(SHORTEST, math.ceil(whole.minutes / number)))


def values(architecture: Architecture, samples: int) -> int:
    """Values of all feature maps of `samples` samples, as the convolutions give them."""
    strided = architecture.downsampling == "strided"
    pools = (1,) * architecture.n_layers if strided else architecture.pools
    layers = zip(architecture.filters, architecture.frames(samples), pools, strict=True)
    return sum(filters * frames * pool for filters, frames, pool in layers)


def parameters(architecture: Architecture) -> int:
    """Weights of an encoder's convolutions and of the fully connected layer after them."""
    filters = (1, *architecture.filters)
    blocks = zip(filters, filters[1:], architecture.kernels, strict=False)
    return sum(a * b * kernel for a, b, kernel in blocks) + filters[-1] * architecture.features
