"""A training as the workflow does it, and the same steps in a loop written by hand."""

import shutil
import statistics
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from harness import Bench, bench, keep_memory
from reader import corpus
from torch import Tensor

from sonify.config.__main__ import overlaid
from sonify.config.loading import load
from sonify.data.audio.pcm import PEAK
from sonify.data.stored import StoredClips
from sonify.data.stream import CropStream
from sonify.estimate.clips import several
from sonify.models.architecture import Architecture
from sonify.models.checkpoint import ModelCard, build
from sonify.models.cnn import CNN12
from sonify.models.device import pick_precision
from sonify.models.heads import SoundModel
from sonify.plan.plan import Plan
from sonify.runtime.progress import Progress
from sonify.runtime.seeds import generator, seed_for
from sonify.training.adam import Adam
from sonify.training.augment import augment, mixup
from sonify.training.crops import cutting
from sonify.training.losses import classification_loss, nt_xent
from sonify.training.recipe import Recipe
from sonify.training.resume import Saver
from sonify.training.run import train_run
from sonify.training.schedule import learning_rate
from sonify.training.settings import Run
from sonify.training.watch import watching

SEED = 0
OURS, BARE = "ours", "by hand"
RUNS = ["contrastive", "fsd50k-contrastive-full", "fsd50k-contrastive-fconly"]
NOTES = """\
Trainings of the miniature, whole: networks, recipes, batches and numbers of clips are those of
`config.yaml`, the sounds are noise. `ours` is what a job runs once Python has started: it reads and
cuts crops from Parquet parts, a thread ahead, checks and records every loss, reports epochs, writes
the model and its history, and writes checkpoints as often as their share of the time, 1 %, allows;
in use they are 10 s apart at least. The loop `by hand` finds all batches in memory, as float32, and
has only what makes a step: the same augmentation, precision, loss, backward pass, optimiser and
learning rates. Both end with the same weights, bit for bit, or this benchmark fails. Steps are
small here, so that what surrounds them weighs more than it does with the paper's sizes. CPU time
includes the thread that reads ahead. `ratio` is the median of those of runs side by side; `lowest`
and `highest` are theirs."""


@dataclass(frozen=True, eq=False)
class Training:
    """A run of the miniature, on noise: its recipe, clips, and a model to start from, if any."""

    run: Run
    recipe: Recipe
    architecture: Architecture
    clips: StoredClips
    start: tuple[SoundModel, ModelCard] | None
    folder: Path

    def ours(self) -> SoundModel:
        """Train as the job does, and write everything."""
        work = self.folder / "work"
        saver = Saver(work, every_s=0.0)
        bar = Progress(self.recipe.epochs, "train", unit="epochs")
        with bar, saver, watching([], self.run.name) as watch:
            trained = train_run(
                self.run,
                SEED,
                self.recipe,
                self.clips,
                architecture=None if self.start else self.architecture,
                start=self.start,
                progress=bar.update,
                saver=saver,
                watch=watch,
            )
            trained.save(self.folder / "model", saver)
        shutil.rmtree(work, ignore_errors=True)
        return trained.model

    def by_hand(self) -> Callable[[], SoundModel]:
        """Return a loop over batches that are in memory."""
        recipe, contrastive = self.recipe, self.recipe.objective == "contrastive"
        names = (self.run.name, SEED)
        stream = CropStream(
            self.clips, cutting(recipe), names, recipe.batch_size, recipe.shuffle_clips
        )
        batches = [
            ([torch.from_numpy(x).float().div_(PEAK) for x in crops], torch.from_numpy(y).float())
            for epoch in range(1, recipe.epochs + 1)
            for crops, y in ((b.crops.swapaxes(0, 1), b.targets) for b in stream.epoch(epoch))
        ]
        frozen = self.run.finetune == "fconly"
        peak = (recipe.fconly_learning_rate if frozen else None) or recipe.learning_rate
        warmup = round(recipe.warmup_epochs * stream.steps)
        rates = [learning_rate(i, len(batches), warmup, peak) for i in range(len(batches))]
        outputs = self.architecture.features if contrastive else len(self.clips.classes)
        head = "projection" if contrastive else "classifier"
        bfloat16 = pick_precision(recipe.precision, "cpu") == "bfloat16"

        def loss_of(
            model: SoundModel, x: list[Tensor], y: Tensor, rng: np.random.Generator
        ) -> Tensor:
            x = [augment(view, recipe.augmentation, rng) for view in x]
            half = torch.autocast("cpu", torch.bfloat16, enabled=bfloat16)
            if contrastive:
                with half:
                    projections = model(torch.cat(x))
                return nt_xent(*projections.chunk(2), recipe.temperature)
            mixed, y = mixup(x[0], y, recipe.mixup_alpha, rng, recipe.mixup_targets)
            with half:
                logits = model(mixed)
            return classification_loss(logits, y, recipe.objective)

        def loop() -> SoundModel:
            torch.manual_seed(seed_for(*names, "weights"))
            model = SoundModel(CNN12(self.architecture), head, outputs).train()
            if self.start:
                model.encoder.load_state_dict(self.start[0].encoder.state_dict())
            model.encoder.requires_grad_(not frozen)
            adam = Adam([p for p in model.parameters() if p.requires_grad], recipe.weight_decay)
            rng = generator(*names, "augmentation")
            torch.manual_seed(seed_for(*names, "dropout"))
            for (x, y), rate in zip(batches, rates, strict=True):
                loss_of(model, x, y, rng).backward()
                adam.step(rate)
            return model

        return loop


def main() -> None:
    keep_memory()
    run = bench("loop", __doc__, cpu_time=True)
    run.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=run.folder) as scratch:
        names = run.cases(RUNS[-1:], RUNS, RUNS)
        rows = [measured(run, training(name, Path(scratch), run.quick)) for name in names]
    run.write("A training beside a loop by hand", pd.DataFrame(rows), NOTES)


def training(name: str, scratch: Path, quick: bool) -> Training:
    """Return a run of the miniature on noise; `quick`: of a few clips."""
    plan = Plan(load(overlaid([])))
    run = plan.run_of(f"{name}-s{SEED}")
    some, architecture = several(plan.config, run.dataset, run.splits), plan.architecture(run.name)
    folder, start = scratch / name, None
    clips = corpus(folder / "clips", 16 if quick else some.number, some.samples)
    if run.start:
        torch.manual_seed(SEED)
        started = plan.run_of(f"{run.start}-s{SEED}")
        card = ModelCard(
            run=run.start,
            seed=SEED,
            architecture_name=started.architecture,
            architecture=architecture,
            dataset=started.dataset,
            regime=started.regime,
            finetune=started.finetune,
            head="classifier",
            outputs=1,
        )
        start = build(card), card
    recipe = plan.recipe(run.recipe)
    return Training(run, recipe, architecture, clips, start, folder)


def measured(run: Bench, one: Training) -> dict:
    """Return a row of the table: a training measured beside the loop by hand."""
    loop, name = one.by_hand(), one.run.name
    ours, bare = one.ours().state_dict(), loop().state_dict()
    if any(not torch.equal(bare[key], tensor) for key, tensor in ours.items()):
        raise RuntimeError(f"{name}: the loop by hand ends with other weights than ours")
    times = run.measure(name, {OURS: one.ours, BARE: loop}, repetitions=5)
    paired = run.ratios(name, OURS, BARE)
    steps = one.recipe.epochs * (len(one.clips) // one.recipe.batch_size)
    return {
        "training": name,
        "steps": steps,
        "ms per step, ours": 1000 * times[OURS] / steps,
        "by hand": 1000 * times[BARE] / steps,
        "ratio": statistics.median(paired),
        "lowest": min(paired),
        "highest": max(paired),
    }


if __name__ == "__main__":
    main()
