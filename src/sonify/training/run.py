"""One training run, from clips and perhaps another run's encoder to a model and its history."""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from sonify.contracts import tables
from sonify.contracts.audio_format import RATE_HZ
from sonify.data.stored import StoredClips
from sonify.data.stream import CropStream
from sonify.models import checkpoint
from sonify.models.architecture import Architecture
from sonify.models.checkpoint import ModelCard, build, digest
from sonify.models.device import pick_precision
from sonify.models.heads import SoundModel
from sonify.runtime.errors import SonifyError
from sonify.runtime.seeds import generator, seed_for
from sonify.training import backgrounds
from sonify.training.collapse import collapsed, constant_loss
from sonify.training.crops import cutting
from sonify.training.history import of_epochs, of_steps
from sonify.training.loop import Epoch, train
from sonify.training.ranks import ALONE, Ranks
from sonify.training.recipe import Recipe
from sonify.training.resume import Saver, Snapshot
from sonify.training.settings import Run
from sonify.training.validation import Best, Score, Validation, held_out
from sonify.training.watch import Watch


@dataclass(frozen=True)
class Trained:
    """A trained model, the card to save with it, and the history of its training.

    history has a row for each epoch, steps one for each step: of contracts history, step_history.
    """

    model: SoundModel
    card: ModelCard
    history: pd.DataFrame
    steps: pd.DataFrame

    @property
    def summary(self) -> str:
        """The outcome of the training, in one line."""
        left = f", {self.card.clips_too_short} too short" if self.card.clips_too_short else ""
        last, chosen = self.history.iloc[-1], self.card.selection
        best = f", epoch {chosen['epoch']} with {chosen['score']:.3f} the best" if chosen else ""
        loss = f"loss {last['loss']:.3f}{best}"
        if collapsed(self.history):
            loss += ", as of projections that are all alike: it collapsed or has hardly begun"
        return f"{self.card.clips_used} clips{left}, {last['step']} steps, {loss}"

    def save(self, folder: Path, saver: Saver | None = None) -> None:
        """Write the model, its card, history.parquet and step_history.parquet into `folder`.

        So are the weights that `saver` has kept, which is then of no more use and empty.
        """
        if saver:
            saver.deliver(folder)
        checkpoint.save(folder, self.model, self.card)
        tables.write(self.history, folder / "history.parquet", "history")
        tables.write(self.steps, folder / "step_history.parquet", "step_history")
        if saver:
            saver.discard()


def train_run(
    run: Run,
    seed: int,
    recipe: Recipe,
    clips: StoredClips,
    *,
    architecture: Architecture | None = None,
    start: tuple[SoundModel, ModelCard] | None = None,
    val_clips: StoredClips | None = None,
    score: Score | None = None,
    device: torch.device | str = "cpu",
    progress: Callable[[int, str], None] | None = None,
    keep: Callable[[int, SoundModel], None] | None = None,
    saver: Saver | None = None,
    ranks: Ranks = ALONE,
    watch: Watch | None = None,
) -> Trained:
    """Train one run with one seed.

    Either `architecture` (from scratch) or `start` (a loaded model, whose encoder is taken over,
    its head thrown away). `progress` is called with the epochs done and a note, `keep` with the
    epoch and the model as it is then, in the recipe's `kept_epochs`, `watch` after every epoch with
    what came out and its score. Weights, order, crops,
    augmentation and dropout are drawn from the names (run, seed). The card records the precision
    used. Raises SonifyError when both or neither are given.

    With a `saver` a training that was killed goes on from its last checkpoint, and ends with the
    same bits on a CPU; it keeps the weights of `kept_epochs` unless `keep` is given.

    Other `ranks` train with this process; `keep`, `progress`, `saver` and `score` are used on the
    first alone, whose result is the one to save.

    Where the recipe selects the best state, `score` is called after every epoch on `val_clips`, the
    recipe's `val_split`, or on the hold-out; the card records the epoch chosen and all scores.
    """
    if start is not None and architecture is None:
        architecture = start[1].architecture
    elif start is not None or architecture is None:
        raise SonifyError(f"run {run.name} needs an architecture or a start, and not both")
    recipe = replace(recipe, precision=pick_precision(recipe.precision, device))
    contrastive = recipe.objective == "contrastive"
    held = held_out(clips, recipe.holdout, seed) if recipe.holdout else None
    validation = _validation(recipe, clips, held, val_clips, score)
    if not ranks.first:
        keep = progress = saver = validation = None
    stream = CropStream(
        stored=clips,
        held_out=held,
        cutting=cutting(recipe),
        names=(run.name, seed),
        batch_size=recipe.batch_size,
        shuffle_clips=recipe.shuffle_clips,
        rank=ranks.rank,
        ranks=ranks.count,
    )
    card = ModelCard(
        run=run.name,
        seed=seed,
        dataset=run.dataset,
        regime=run.regime,
        finetune=run.finetune,
        architecture=architecture,
        architecture_name=run.architecture,
        head="projection" if contrastive else "classifier",
        outputs=architecture.features if contrastive else len(clips.classes),
        classes=() if contrastive else tuple(clips.classes),
        clips_used=len(stream.used),
        clips_too_short=int((clips.lengths < stream.cutting.shortest).sum()),
        recipe=asdict(recipe),
    )
    torch.manual_seed(seed_for(run.name, seed, "weights"))
    model = build(card)
    if start is not None:
        model.encoder.load_state_dict(start[0].encoder.state_dict())
    if saver:
        saver.begin(
            {
                "configuration": [asdict(run), seed, asdict(recipe), asdict(architecture)],
                "clips": [some.identity for some in (clips, val_clips) if some],
                "backgrounds": backgrounds.identity(recipe.augmentation.background_folder),
                "weights to start from": digest(model.encoder) if start else None,
                "torch or device": [torch.__version__, torch.device(device).type],
            }
        )
        keep = keep or saver.keep
    if keep and 0 in recipe.kept_epochs:
        keep(0, model)
    outcome = Outcome()
    if saver:
        saver.parts["outcome"] = outcome
    best = outcome.best
    rng = generator(run.name, seed, "augmentation")
    torch.manual_seed(seed_for(run.name, seed, "dropout"))
    how: dict[str, Any] = {"freeze_encoder": run.finetune == "fconly", "device": device}
    for epoch in train(model, stream, recipe, rng, **how, saver=saver, ranks=ranks):
        outcome.add(epoch)
        if keep and epoch.epoch in recipe.kept_epochs:
            keep(epoch.epoch, model)
        score_of = validation(model, device) if validation else None
        if score_of is not None:
            best.offer(epoch.epoch, score_of, model)
        if watch:
            watch(epoch, score_of)
        if progress:
            progress(epoch.epoch, f"loss {epoch.loss:.3f}")
    if validation:
        best.restore(model)
        chosen = {"epoch": best.epoch, "score": best.score, "scores": best.scores}
        card = replace(card, selection=chosen)
    constant = constant_loss(stream.size, recipe.negatives_within) if contrastive else math.nan
    return Trained(model, card, of_epochs(outcome.epochs, card, constant), of_steps(epoch, card))


@dataclass
class Outcome:
    """Results of a training besides its weights: its epochs, and the best of them."""

    epochs: list[dict[str, Any]] = field(default_factory=list)
    best: Best = field(default_factory=Best)

    def add(self, epoch: Epoch) -> None:
        """Note an epoch, without what it says of every step."""
        noted = ("epoch", "step", "loss", "learning_rate")
        self.epochs.append({name: getattr(epoch, name) for name in noted})

    def snapshot(self) -> Snapshot:
        """Return the outcome so far."""
        best = [self.best.epoch, self.best.score, self.best.scores]
        return Snapshot(self.best.state, {"epochs": self.epochs, "best": best})

    def restore(self, snapshot: Snapshot) -> None:
        """Take on the outcome of a training that is gone on with."""
        self.epochs = snapshot.facts["epochs"]
        self.best.state = dict(snapshot.tensors)
        self.best.epoch, self.best.score, self.best.scores = snapshot.facts["best"]


def _validation(
    recipe: Recipe,
    clips: StoredClips,
    held: np.ndarray | None,
    val_clips: StoredClips | None,
    score: Score | None,
) -> Validation | None:
    """Return the clips that the best state is selected on; None for a recipe that selects none."""
    if recipe.select == "last":
        return None
    if held is not None:
        val_clips, chosen = clips, held
    elif val_clips is not None:
        chosen = np.arange(len(val_clips))
    if score is None or val_clips is None or recipe.val_crop_s is None:
        raise SonifyError("select is best_on_val: give a score, and the clips of val_split")
    if val_clips.classes != clips.classes or not len(chosen):
        raise SonifyError("validation needs clips, of the classes trained on: name another split")
    return Validation(val_clips, chosen, round(recipe.val_crop_s * RATE_HZ), score)
