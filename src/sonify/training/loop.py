"""The training loop, readable top to bottom; the two objectives differ only in a loss callable."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from sonify.conventions import RATE_HZ
from sonify.data.clips import Clips
from sonify.models.heads import SoundModel
from sonify.training.augment import augment, mixup
from sonify.training.crops import epoch_batches, pair_starts, random_starts
from sonify.training.losses import classification_loss, nt_xent
from sonify.training.recipe import Recipe
from sonify.training.schedule import learning_rate

LossOf = Callable[[np.ndarray], Tensor]  # clip indices of a batch -> loss


@dataclass(frozen=True)
class Epoch:
    """What one pass over the clips came to."""

    epoch: int
    step: int
    loss: float
    learning_rate: float


def usable(clips: Clips, recipe: Recipe) -> np.ndarray:
    """Indices of the clips a recipe can train on: all, or those that hold two contrastive crops."""
    needed = _pair_samples(recipe) if recipe.objective == "contrastive" else 1
    return np.flatnonzero(clips.lengths >= needed)


def train(
    model: SoundModel,
    clips: Clips,
    recipe: Recipe,
    rng: np.random.Generator,
    *,
    freeze_encoder: bool = False,
    device: torch.device | str = "cpu",
) -> Iterator[Epoch]:
    """Train `model` in place, yielding after every epoch.

    `freeze_encoder` trains the head alone (fconly). Every draw (order, crops, augmentation) comes
    from `rng`. Raises ValueError when no clip is long enough or the loss stops being finite.
    """
    chosen = usable(clips, recipe)
    if len(chosen) < 2:
        raise ValueError(
            f"{len(chosen)} of {len(clips.ids)} clips are long enough to train on: shorten crop_s"
        )
    model.to(device).train()
    model.encoder.requires_grad_(not freeze_encoder)
    trained = [p for p in model.parameters() if p.requires_grad]
    optimiser = torch.optim.Adam(trained, lr=recipe.learning_rate, weight_decay=recipe.weight_decay)
    loss_of = _loss(model, clips, recipe, rng, device)

    steps_per_epoch = len(epoch_batches(len(chosen), recipe.batch_size, np.random.default_rng(0)))
    total, warmup = recipe.epochs * steps_per_epoch, round(recipe.warmup_epochs * steps_per_epoch)
    step = 0
    for epoch in range(1, recipe.epochs + 1):
        losses = []
        for batch in epoch_batches(len(chosen), recipe.batch_size, rng):
            rate = learning_rate(step, total, warmup, recipe.learning_rate)
            for group in optimiser.param_groups:
                group["lr"] = rate
            optimiser.zero_grad()
            loss = loss_of(chosen[batch])
            loss.backward()
            optimiser.step()
            losses.append(loss.detach())
            step += 1
        mean = torch.stack(losses).cpu().double().mean().item()  # one wait for the device per epoch
        if not np.isfinite(mean):
            raise ValueError(f"the loss is {mean} in epoch {epoch}: lower learning_rate")
        yield Epoch(epoch, step, mean, rate)
    model.encoder.requires_grad_(True)
    model.eval()


def _loss(
    model: SoundModel, clips: Clips, recipe: Recipe, rng: np.random.Generator, device
) -> LossOf:
    """The loss of a batch under the recipe: two views and NT-Xent, or one crop and its labels."""
    crop = round(recipe.crop_s * RATE_HZ)
    gap = round(recipe.min_gap_s * RATE_HZ)
    device = torch.device(device)
    half = torch.autocast(device.type, torch.bfloat16, enabled=recipe.precision == "bfloat16")

    def view(batch: np.ndarray, starts: np.ndarray) -> Tensor:
        x = torch.from_numpy(clips.batch(batch, starts, crop)).to(device)
        return augment(x, recipe.augmentation, rng)

    def contrastive(batch: np.ndarray) -> Tensor:
        one, two = pair_starts(clips.lengths[batch], crop, gap, rng)
        with half:
            z = model(torch.cat([view(batch, one), view(batch, two)]))
        return nt_xent(*z.chunk(2), recipe.temperature)

    def labelled(batch: np.ndarray) -> Tensor:
        x = view(batch, random_starts(clips.lengths[batch], crop, rng))
        y = torch.from_numpy(clips.targets[batch]).to(device, torch.float32)
        if recipe.mixup_alpha is not None:
            x, y = mixup(x, y, recipe.mixup_alpha, rng)
        with half:
            logits = model(x)
        return classification_loss(logits, y, recipe.objective)

    return contrastive if recipe.objective == "contrastive" else labelled


def _pair_samples(recipe: Recipe) -> int:
    return 2 * round(recipe.crop_s * RATE_HZ) + round(recipe.min_gap_s * RATE_HZ)
