"""Probes of a pretrained encoder: classifiers trained on its first layers (appendix B).

Crops, order, augmentation, mixup and dropout are drawn from the names (run, seed), the weights of a
classifier from these and its layer. So no probe depends on which others a job has.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn

from sonify.data.stored import StoredClips
from sonify.data.stream import CropStream
from sonify.models.cnn import CNN12
from sonify.models.device import pick_precision
from sonify.models.probes import Probes, check_layers, retained_features
from sonify.runtime.errors import SonifyError
from sonify.runtime.seeds import generator, seed_for
from sonify.training.crops import cutting
from sonify.training.loop import train
from sonify.training.recipe import Recipe
from sonify.training.resume import Saver
from sonify.training.settings import Run


@dataclass(frozen=True)
class Probing:
    """The layers that are probed and the training of their classifiers; `run.finetune` is fconly or
    full. Raises SonifyError for another finetuning, or a recipe without labels.
    """

    run: Run
    seed: int
    recipe: Recipe
    layers: tuple[int, ...]

    def __post_init__(self) -> None:
        if self.run.finetune not in ("fconly", "full"):
            raise SonifyError(
                f"run {self.run.name} has finetune {self.run.finetune!r}: "
                "probes are trained fconly or full"
            )
        if self.recipe.objective == "contrastive":
            raise SonifyError(
                f"run {self.run.name} has the contrastive recipe {self.run.recipe}: "
                "probes need labels: name a recipe that trains a classifier"
            )

    @property
    def model(self) -> str:
        """Name of the probes in tables."""
        return f"{self.run.name}-s{self.seed}"

    @property
    def trainings(self) -> list[tuple[int, ...]]:
        """Layers trained together: all while the encoder is frozen, since one forward pass serves
        them; else each by itself, from the pretrained weights.
        """
        if self.run.finetune == "fconly":
            return [self.layers]
        return [(layer,) for layer in self.layers]


def named(layers: tuple[int, ...]) -> str:
    """Name of a training in file names."""
    return "layers-" + "-".join(map(str, layers))


def train_probes(
    probing: Probing,
    encoder: CNN12,
    clips: StoredClips,
    *,
    device: torch.device | str = "cpu",
    progress: Callable[[str], None] | None = None,
    saver: Saver | None = None,
    without: Collection[tuple[int, ...]] = (),
) -> Iterator[Probes]:
    """The trained probes of `encoder`, one after another, in evaluation mode.

    The encoder is left as it was. With a `saver` the training that was killed goes on; those of the
    layers in `without` are left out. `progress` is called after every pass over the clips, with a
    note. Raises SonifyError as `check_layers` and `loop.train` do.
    """
    check_layers(probing.layers, encoder.architecture)
    run, seed = probing.run, probing.seed
    precision = pick_precision(probing.recipe.precision, device)
    recipe = replace(probing.recipe, precision=precision)
    stream = CropStream(
        stored=clips,
        cutting=cutting(recipe),
        names=(run.name, seed),
        batch_size=recipe.batch_size,
        shuffle_clips=recipe.shuffle_clips,
    )
    for layers in probing.trainings:
        if layers in without:
            continue
        heads = {}
        for layer in layers:
            torch.manual_seed(seed_for(run.name, seed, "weights", layer))
            width = retained_features(encoder.architecture, layer)
            heads[layer] = nn.Linear(width, len(clips.classes))
        probes = Probes(encoder, heads)
        rng = generator(run.name, seed, "augmentation")
        torch.manual_seed(seed_for(run.name, seed, "dropout"))
        if saver:
            saver.name = named(layers)
        how: dict[str, Any] = {"freeze_encoder": run.finetune == "fconly", "device": device}
        for epoch in train(probes, stream, recipe, rng, **how, saver=saver):
            if progress:
                progress(f"loss {epoch.loss / len(layers):.3f}")
        yield probes
