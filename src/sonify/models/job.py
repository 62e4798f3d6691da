"""Jobs that run one trained model over the clips of one split."""

import argparse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec
import pandas as pd
import torch

from sonify.contracts import tables
from sonify.data.clips import Clips, part_sizes, parts
from sonify.models import checkpoint
from sonify.models.checkpoint import ModelCard
from sonify.models.device import pick_device
from sonify.models.heads import SoundModel
from sonify.models.settings import JobSettings
from sonify.runtime.errors import SonifyError
from sonify.runtime.jobs import named_file, parser
from sonify.runtime.progress import Progress

S = TypeVar("S", bound=JobSettings)


@dataclass(frozen=True)
class ModelJob(Generic[S]):
    """A loaded model and the stored parts of the split to run it on.

    folder: of the trained model; data: of the prepared dataset; sizes: clips of each part of the
    split; inputs: further input files by name.
    """

    settings: S
    model: SoundModel
    card: ModelCard
    device: torch.device
    folder: Path
    data: Path
    sizes: dict[Path, int]
    inputs: Mapping[str, Path]

    @property
    def n_clips(self) -> int:
        """Clips of the split."""
        return sum(self.sizes.values())

    @property
    def running(self) -> dict[str, Any]:
        """Keywords for whatever runs it: the device, and the samples of a batch."""
        return {"device": self.device, "max_samples": self.settings.batch_samples}

    def parts(self) -> Iterator[Clips]:
        """The clips, one stored part at a time, so that memory never holds the split."""
        return parts(self.data, [self.settings.split])

    def table(self, name: str) -> pd.DataFrame:
        """The input table called `name`; raises SonifyError, naming it, for another model's."""
        file = self.inputs[name]
        table = tables.read(file, name)
        others = sorted(set(table["model"]) - {self.card.model})
        if others:
            raise SonifyError(
                f"{file} is that of {others[0]}, not of {self.card.model}: delete it and rerun the "
                "stage that makes it"
            )
        return table

    def named(self, verb: str) -> str:
        """The name of the job on the console."""
        return f"{verb} {self.card.model}"

    def progress(self, verb: str, total: int | None = None, unit: str = "clips") -> Progress:
        """A progress bar over the clips, or over `total` units."""
        return Progress(self.n_clips if total is None else total, self.named(verb), unit=unit)


def model_options(description: str | None, settings: type[JobSettings]) -> argparse.ArgumentParser:
    """The options of such a script: --model, --data, --settings, --threads, --out, and --input for
    further input files by name.
    """
    options = parser(description, msgspec.json.Decoder(settings).decode)
    options.add_argument("--model", type=Path, required=True, help="folder of the trained model")
    options.add_argument("--data", type=Path, required=True, help="folder of the prepared dataset")
    options.add_argument("--input", type=named_file, nargs="*", default=[], help="NAME=FILE ...")
    options.add_argument("--out", type=Path, nargs="+", required=True, help="tables to write")
    return options


def model_job(args: argparse.Namespace) -> ModelJob:
    """Load the model and look up the parts that `model_options` names.

    Raises SonifyError for a model that does not exist, or a split that does not exist or has no
    usable clip.
    """
    settings: JobSettings = args.settings
    device = pick_device(settings.device, args.threads)
    model, card = checkpoint.load(args.model, device)
    sizes = part_sizes(args.data, [settings.split])
    inputs = dict(args.input)
    return ModelJob(settings, model, card, device, args.model, args.data, sizes, inputs)
