"""One training run, from clips and perhaps another run's encoder to a model and its history."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import pandas as pd
import torch

from sonify.contracts import tables
from sonify.data.stored import StoredClips
from sonify.data.stream import CropStream
from sonify.models import checkpoint
from sonify.models.architecture import Architecture
from sonify.models.checkpoint import ModelCard, build
from sonify.models.device import pick_precision
from sonify.models.heads import SoundModel
from sonify.runtime.errors import SonifyError
from sonify.runtime.seeds import generator, seed_for
from sonify.training.crops import cutting
from sonify.training.loop import train
from sonify.training.recipe import Recipe
from sonify.training.settings import Run


@dataclass(frozen=True)
class Trained:
    """A trained model, the card to save with it, and the history table of its training."""

    model: SoundModel
    card: ModelCard
    history: pd.DataFrame

    @property
    def summary(self) -> str:
        """The outcome of the training, in one line."""
        left = f", {self.card.clips_too_short} too short" if self.card.clips_too_short else ""
        last = self.history.iloc[-1]
        return f"{self.card.clips_used} clips{left}, {last['step']} steps, loss {last['loss']:.3f}"

    def save(self, folder: Path) -> None:
        """Write the model, its card and history.parquet into `folder`."""
        checkpoint.save(folder, self.model, self.card)
        tables.write(self.history, folder / "history.parquet", "history")


def train_run(
    run: Run,
    seed: int,
    recipe: Recipe,
    clips: StoredClips,
    *,
    architecture: Architecture | None = None,
    start: tuple[SoundModel, ModelCard] | None = None,
    device: torch.device | str = "cpu",
    progress: Callable[[int, str], None] | None = None,
    keep: Callable[[int, SoundModel], None] = lambda epoch, model: None,
) -> Trained:
    """Train one run with one seed.

    Either `architecture` (from scratch) or `start` (a loaded model, whose encoder is taken over,
    its head thrown away). `progress` is called with the epochs done and a note, `keep` with the
    epoch and the model as it is then, in the recipe's `kept_epochs`. Weights, order, crops,
    augmentation and dropout are drawn from the names (run, seed). The card records the precision
    used. Raises SonifyError when both or neither are given.
    """
    if start is not None and architecture is None:
        architecture = start[1].architecture
    elif start is not None or architecture is None:
        raise SonifyError(f"run {run.name} needs an architecture or a start, and not both")
    recipe = replace(recipe, precision=pick_precision(recipe.precision, device))
    contrastive = recipe.objective == "contrastive"
    stream = CropStream(
        stored=clips,
        cutting=cutting(recipe),
        names=(run.name, seed),
        batch_size=recipe.batch_size,
        shuffle_clips=recipe.shuffle_clips,
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
        clips_too_short=len(clips) - len(stream.used),
        recipe=asdict(recipe),
    )
    torch.manual_seed(seed_for(run.name, seed, "weights"))
    model = build(card)
    if start is not None:
        model.encoder.load_state_dict(start[0].encoder.state_dict())
    if 0 in recipe.kept_epochs:
        keep(0, model)
    epochs = []
    rng = generator(run.name, seed, "augmentation")
    torch.manual_seed(seed_for(run.name, seed, "dropout"))
    frozen = run.finetune == "fconly"
    for epoch in train(model, stream, recipe, rng, freeze_encoder=frozen, device=device):
        epochs.append({"dataset": run.dataset, **card.keys, **asdict(epoch)})
        if epoch.epoch in recipe.kept_epochs:
            keep(epoch.epoch, model)
        if progress:
            progress(epoch.epoch, f"loss {epoch.loss:.3f}")
    return Trained(model, card, pd.DataFrame(epochs))
