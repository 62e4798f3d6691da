"""The training loop, readable top to bottom; the two objectives differ only in a loss callable."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from sonify.data.audio import pcm
from sonify.data.stream import Batch, CropStream
from sonify.models.heads import SoundModel
from sonify.models.probes import Probes
from sonify.runtime.errors import SonifyError
from sonify.training.adam import Adam
from sonify.training.augment import augment, mixup
from sonify.training.backgrounds import recordings
from sonify.training.losses import classification_loss, nt_xent
from sonify.training.ranks import ALONE, Ranks, Share
from sonify.training.recipe import Recipe
from sonify.training.resume import Saver, Snapshot, generator_states, set_generator_states
from sonify.training.schedule import learning_rate

LossOf = Callable[[Batch], Tensor]


@dataclass(frozen=True, eq=False)
class Epoch:
    """The outcome of one pass over the clips.

    losses, rates: (step,) of all steps so far, the losses where the model is.
    """

    epoch: int
    step: int
    loss: float
    learning_rate: float
    losses: Tensor
    rates: np.ndarray


def train(
    model: SoundModel | Probes,
    stream: CropStream,
    recipe: Recipe,
    rng: np.random.Generator,
    *,
    freeze_encoder: bool = False,
    device: torch.device | str = "cpu",
    saver: Saver | None = None,
    ranks: Ranks = ALONE,
) -> Iterator[Epoch]:
    """Train `model` in place, yielding after every epoch.

    `freeze_encoder` trains the head alone (fconly). Order and crops are the stream's, augmentation
    is drawn from `rng`. With a `saver` the training goes on from its checkpoint, if it has one, and
    yields the epochs that are left. Other `ranks` train with this process, each on its part of the
    stream, and go on from where the first one does; all end with the same weights.

    Raises SonifyError when fewer than two clips are long enough, clips of the multiclass objective
    have several labels, or the loss or a weight stops being finite.
    """
    if recipe.objective == "multiclass" and not stream.stored.single_label:
        raise SonifyError(
            f"clips of {stream.stored.dataset} have several labels or none, and the multiclass "
            "objective needs one each: set objective to multilabel"
        )
    if len(stream.used) < 2:
        raise SonifyError(
            f"{len(stream.used)} of {len(stream.stored)} clips are long enough to train on: "
            "shorten crop_s"
        )
    model.to(device).train()
    model.encoder.requires_grad_(not freeze_encoder)
    trained = [p for p in model.parameters() if p.requires_grad]
    optimiser = Adam(trained, recipe.weight_decay)
    at_once = None if freeze_encoder else recipe.crops_at_once  # a frozen one keeps no maps
    share = Share(ranks, stream.size, torch.device(device))
    loss_of = _loss(model, recipe, rng, share, at_once)

    apart = freeze_encoder and recipe.fconly_learning_rate is not None
    key = "fconly_learning_rate" if apart else "learning_rate"
    peak = getattr(recipe, key)
    steps, total = stream.steps, recipe.epochs * stream.steps
    warmup = round(recipe.warmup_epochs * steps)
    rates = np.array([learning_rate(step, total, warmup, peak) for step in range(total)])
    state = Ongoing(model, optimiser, rng, torch.zeros(total, device=device))
    if saver:
        saver.parts["training"] = state
        saver.restore()
    ranks.agree(state)
    for epoch in range(state.step // steps + 1, recipe.epochs + 1):
        for batch in stream.epoch(epoch, first=state.step % steps):
            if saver and saver.due:
                state.check(steps, key, saver)
                saver.write(f"at step {state.step} of {total}")
            rate = rates[state.step].item()
            loss = loss_of(batch)
            loss.backward()
            ranks.add_gradients(trained)
            optimiser.step(rate)
            state.add(loss)
        state.check(steps, key, saver)  # one wait for the device per epoch
        losses, rated = state.losses[: state.step], rates[: state.step]
        loss = losses[-steps:].cpu().double().mean()
        yield Epoch(epoch, state.step, loss.item(), rated[-1].item(), losses, rated)
    model.encoder.requires_grad_(True)
    model.eval()


@dataclass
class Ongoing:
    """Everything that changes while a model is trained.

    losses: (step,) of all steps, of which `step` have been made; rng: what augmentation is drawn
    from. Order and crops of clips depend on no state.
    """

    model: nn.Module
    optimiser: Adam
    rng: np.random.Generator
    losses: Tensor
    step: int = 0
    checked: int = 0

    def add(self, loss: Tensor) -> None:
        """Count a step with its loss."""
        self.losses[self.step] = loss.detach()
        self.step += 1

    def check(self, steps: int, key: str, saver: Saver | None) -> None:
        """Raise SonifyError, naming step and last checkpoint, if a loss or a weight is not finite.

        `key` names the setting of the recipe to lower in that case. Called before every checkpoint,
        so that none has such weights, whose own loss is that of the next step.
        """
        bad = (~self.losses[self.checked : self.step].isfinite()).nonzero().flatten().tolist()
        finite = torch.stack([p.isfinite().all() for p in self.optimiser.parameters]).all()
        if bad or not finite:
            step = self.checked + bad[0] + 1 if bad else self.step
            loss = f"the loss is {self.losses[step - 1].item()} at"
            what = loss if bad else "weights are not finite after"
            last = saver.file if saver and saver.file.is_file() else None
            good = f" (the last checkpoint before that is {last})" if last else ""
            where = f"step {step}, in epoch {(step - 1) // steps + 1}"
            raise SonifyError(f"{what} {where}: lower {key}{good}")
        self.checked = self.step

    def snapshot(self) -> Snapshot:
        """Return all of it: tensors by name, position and generator as facts."""
        torch_states = generator_states(self.losses.device)
        tensors = self._live() | {f"generator.{k}": v for k, v in torch_states.items()}
        tensors["losses"] = self.losses[: self.step]
        return Snapshot(tensors, {"step": self.step, "rng": self.rng.bit_generator.state})

    @torch.no_grad()
    def restore(self, snapshot: Snapshot) -> None:
        """Take it on, without moving a tensor in memory."""
        saved, self.step = snapshot.tensors, snapshot.facts["step"]
        for name, tensor in self._live().items():
            tensor.copy_(saved[name])
        self.losses[: self.step] = saved["losses"].to(self.losses.device)
        self.checked = self.step
        self.rng.bit_generator.state = snapshot.facts["rng"]
        states = {k.partition(".")[2]: v for k, v in saved.items() if k.startswith("generator.")}
        set_generator_states(states, self.losses.device)

    def _live(self) -> dict[str, Tensor]:
        model = {f"model.{name}": tensor for name, tensor in self.model.state_dict().items()}
        return model | {f"optimiser.{name}": t for name, t in self.optimiser.state.items()}


def _loss(
    model: SoundModel | Probes,
    recipe: Recipe,
    rng: np.random.Generator,
    share: Share,
    at_once: int | None,
) -> LossOf:
    """The loss of a batch under the recipe: two views and NT-Xent, or one crop and its labels.

    Of a batch that ranks share, it is that of the whole on each of them, and so are random numbers.
    """
    augmentation = recipe.augmentation
    folder = augmentation.background_folder if augmentation.background_snr_db else None
    noises = recordings(Path(folder)) if folder else None
    half = torch.autocast(share.device.type, torch.bfloat16, enabled=recipe.precision == "bfloat16")

    def views(batch: Batch) -> list[Tensor]:
        # Half the bytes to move: samples become float32 in [-1, 1] where they are computed with.
        crops = share.whole(batch.crops).float().div_(pcm.PEAK)
        return [augment(x, augmentation, rng, noises) for x in crops.unbind(1)]

    def labelled(batch: Batch) -> Tensor:
        (x,) = views(batch)
        y = share.whole(batch.targets).float()
        if recipe.mixup_alpha is not None:
            x, y = mixup(x, y, recipe.mixup_alpha, rng, recipe.mixup_targets)
        with half:
            logits = share.outputs(model, x, at_once)
        return classification_loss(logits, y, recipe.objective)

    temperature = recipe.temperature
    if recipe.objective != "contrastive" or temperature is None:
        return labelled

    def contrastive(batch: Batch) -> Tensor:
        with half:
            one, other = share.outputs(model, torch.cat(views(batch)), at_once).chunk(2)
        return nt_xent(one, other, temperature, recipe.negatives_within)

    return contrastive
