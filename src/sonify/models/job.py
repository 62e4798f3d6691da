"""Jobs that run one trained model over the clips of one split."""

import argparse
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec
import pandas as pd
import torch

from sonify.contracts import tables
from sonify.data.clips import Clips, part_sizes, parts
from sonify.data.kept import Kept
from sonify.models import checkpoint
from sonify.models.checkpoint import ModelCard
from sonify.models.device import pick_device
from sonify.models.heads import SoundModel
from sonify.models.settings import JobSettings
from sonify.runtime.errors import SonifyError
from sonify.runtime.jobs import named_file, parser
from sonify.runtime.progress import Progress
from sonify.runtime.unfinished import Unfinished

S = TypeVar("S", bound=JobSettings)


@dataclass(frozen=True)
class ModelJob(Generic[S]):
    """A loaded model and the stored parts of the split to run it on.

    folder: of the trained model; data: of the prepared dataset; sizes: clips of each part of the
    split; inputs: further input files by name; work: for what a killed job goes on from, made with
    the state `code` of the code.
    """

    settings: S
    model: SoundModel
    card: ModelCard
    device: torch.device
    folder: Path
    data: Path
    sizes: dict[Path, int]
    inputs: Mapping[str, Path]
    work: Path = Path("unfinished")
    code: str = ""

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

    def kept(self) -> Kept:
        """Return the parts of its work that the job keeps; none where the split has one part."""
        if len(self.sizes) == 1:
            return Kept()
        settings = msgspec.to_builtins(self.settings)
        files = [*self.sizes, *self.inputs.values()]
        facts = [(str(f), f.stat().st_size, f.stat().st_mtime_ns) for f in files]
        identity = {
            **{"code": self.code, "configuration": settings, "clips or tables": facts},
            "weights": checkpoint.digest(self.model),
            "torch or device": [torch.__version__, self.device.type],
        }
        return Kept(Unfinished(self.work, identity).place)

    def discard_work(self) -> None:
        """Delete what a killed job would have gone on from: the job is done."""
        shutil.rmtree(self.work, ignore_errors=True)

    def named(self, verb: str) -> str:
        """The name of the job on the console."""
        return f"{verb} {self.card.model}"

    def progress(self, verb: str, total: int | None = None, unit: str = "clips") -> Progress:
        """A progress bar over the clips, or over `total` units."""
        return Progress(self.n_clips if total is None else total, self.named(verb), unit=unit)


def model_options(description: str | None, settings: type[JobSettings]) -> argparse.ArgumentParser:
    """The options of such a script: --model, --data, --settings, --threads, --out, --work, --code,
    and --input for further input files by name.
    """
    options = parser(description, msgspec.json.Decoder(settings).decode)
    options.add_argument("--model", type=Path, required=True, help="folder of the trained model")
    options.add_argument("--data", type=Path, required=True, help="folder of the prepared dataset")
    options.add_argument("--input", type=named_file, nargs="*", default=[], help="NAME=FILE ...")
    options.add_argument("--work", type=Path, help="folder for unfinished work")
    options.add_argument("--code", default="", help="hash of the job's code")
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
    work = args.work or args.out[0].with_name(f"unfinished-{args.out[0].stem}")
    place = args.model, args.data, sizes, inputs, work, args.code
    return ModelJob(settings, model, card, device, *place)
