"""What scripts share that run one trained model over the clips of one split."""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from sonify.data.clips import Clips, part_sizes, parts
from sonify.models import checkpoint
from sonify.models.checkpoint import ModelCard
from sonify.models.device import pick_device
from sonify.models.heads import SoundModel
from sonify.runtime.jobs import parser
from sonify.runtime.progress import Progress


@dataclass(frozen=True)
class ModelJob:
    """A loaded model, the stored parts of the split to run it on with their numbers of clips, and
    where the result goes.
    """

    settings: dict
    model: SoundModel
    card: ModelCard
    device: torch.device
    data: Path
    sizes: dict[Path, int]
    out: Path

    @property
    def n_clips(self) -> int:
        """Clips of the split."""
        return sum(self.sizes.values())

    @property
    def running(self) -> dict:
        """How to run it, as keywords: the device, and the samples of a batch."""
        return {"device": self.device, "max_samples": self.settings["batch_samples"]}

    def parts(self) -> Iterator[Clips]:
        """The clips, one stored part at a time, so that memory never holds the split."""
        return parts(self.data, [self.settings["split"]])

    def named(self, verb: str) -> str:
        """What the job is called on the console."""
        return f"{verb} {self.card.model}"

    def progress(self, verb: str, total: int | None = None, unit: str = "clips") -> Progress:
        """A progress bar over the clips, or over `total` units."""
        return Progress(self.n_clips if total is None else total, self.named(verb), unit=unit)


def model_options(description: str | None) -> argparse.ArgumentParser:
    """The options of such a script: --model, --data, --settings, --threads, --out."""
    options = parser(description)
    options.add_argument("--model", type=Path, required=True, help="folder of the trained model")
    options.add_argument("--data", type=Path, required=True, help="folder of the prepared dataset")
    options.add_argument("--out", type=Path, required=True, help="table to write")
    return options


def model_job(args: argparse.Namespace) -> ModelJob:
    """Load what `model_options` names. Raises SonifyError for a model that is not there, or a split
    that is not there or has no usable clip.
    """
    device = pick_device(args.settings["device"], args.threads)
    model, card = checkpoint.load(args.model, device)
    sizes = part_sizes(args.data, [args.settings["split"]])
    return ModelJob(args.settings, model, card, device, args.data, sizes, args.out)
