"""Jobs that run one trained model over the clips of one split."""

import argparse
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec
import pandas as pd
import torch

from sonify.contracts import tables
from sonify.data.clips import Clips, Part, part_sizes, parts
from sonify.data.kept import Kept
from sonify.data.shares import Work, add_options
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
    split; inputs: further input files by name; work: for what a killed job goes on from, made with
    the state `code` of the code. share: (i, n) of a job that makes the i-th of n shares of the
    parts; shares: the folders in which such jobs have left them, for the job that merges.
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
    share: tuple[int, int] | None = None
    shares: Sequence[Path] = ()

    @property
    def n_clips(self) -> int:
        """Clips of the split, or of this share of it."""
        first, step = (self.share[0] - 1, self.share[1]) if self.share else (0, 1)
        return sum(list(self.sizes.values())[first::step])

    @property
    def running(self) -> dict[str, Any]:
        """Keywords for whatever runs it: the device, and the samples of a batch."""
        return {"device": self.device, "max_samples": self.settings.batch_samples}

    def parts(self) -> Iterator[Clips]:
        """The clips, one stored part at a time, so that memory never holds the split."""
        return parts(self.data, [self.settings.split])

    def share_of(self, number: int) -> int:
        """About how many of a number of things are this share's; all of them without shares."""
        return number // self.share[1] if self.share else number

    def stored(self) -> list[Part]:
        """All parts of the split, none of them read."""
        return [Part(file, n) for file, n in self.sizes.items()]

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
        """Return the parts of its work that the job keeps, or that its shares have left.

        None are kept where the split has one part. Raises SonifyError for shares that were made
        with something else.
        """
        alone = not (self.share or self.shares)
        return Kept() if alone and len(self.sizes) == 1 else self._work().kept()

    def hand_over(self, folder: Path) -> None:
        """Move what this share has made to `folder`: its job is done."""
        self._work().hand_over(folder)

    def discard_work(self) -> None:
        """Delete what a killed job would have gone on from: the job is done."""
        shutil.rmtree(self.work, ignore_errors=True)

    def _work(self) -> Work:
        files = [*self.sizes, *self.inputs.values()]
        identity = {
            "code": self.code,
            "configuration": msgspec.to_builtins(self.settings),
            "clips or tables": [(str(f), f.stat().st_size, f.stat().st_mtime_ns) for f in files],
            "weights": checkpoint.digest(self.model),
            "torch or device": [torch.__version__, self.device.type],
        }
        return Work(self.work, identity, self.share, self.shares)

    def named(self, verb: str) -> str:
        """The name of the job on the console."""
        return f"{verb} {self.card.model}"

    def progress(self, verb: str, total: int | None = None, unit: str = "clips") -> Progress:
        """A progress bar over the clips, or over `total` units."""
        return Progress(self.n_clips if total is None else total, self.named(verb), unit=unit)


def model_options(description: str | None, settings: type[JobSettings]) -> argparse.ArgumentParser:
    """The options of such a script: --model, --data, --settings, --threads, --out, --work, --code,
    and --input for further input files by name; --scatter and --gather for work that several share.
    """
    options = parser(description, msgspec.json.Decoder(settings).decode)
    options.add_argument("--model", type=Path, required=True, help="folder of the trained model")
    options.add_argument("--data", type=Path, required=True, help="folder of the prepared dataset")
    options.add_argument("--input", type=named_file, nargs="*", default=[], help="NAME=FILE ...")
    options.add_argument("--out", type=Path, nargs="+", required=True, help="tables to write")
    return add_options(options)


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
    share = (args.scatter[0], args.scatter[1]) if args.scatter else None
    return ModelJob(settings, model, card, device, *place, share, args.gather)
