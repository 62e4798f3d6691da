"""What scripts share that run one trained model over the clips of one split."""

from dataclasses import dataclass
from pathlib import Path

import torch

from sonify.data.clips import Clips, load
from sonify.jobs import parser
from sonify.models import checkpoint
from sonify.models.checkpoint import ModelCard
from sonify.models.device import pick_device
from sonify.models.heads import SoundModel
from sonify.progress import Progress


@dataclass(frozen=True)
class ModelJob:
    """A loaded model, the clips to run it on, and where the result goes."""

    settings: dict
    model: SoundModel
    card: ModelCard
    clips: Clips
    device: torch.device
    top: Path | None
    out: Path

    @property
    def running(self) -> dict:
        """How to run it, as keywords: the device, and the samples of a batch."""
        return {"device": self.device, "max_samples": self.settings["batch_samples"]}

    def named(self, verb: str) -> str:
        """What the job is called on the console."""
        return f"{verb} {self.card.model}"

    def progress(self, verb: str, total: int | None = None, unit: str = "clips") -> Progress:
        """A progress bar over the clips, or over `total` units."""
        return Progress(len(self.clips) if total is None else total, self.named(verb), unit=unit)


def model_job(description: str | None, with_top: bool = False) -> ModelJob:
    """Read the options of a script (--model, --data, --settings, --threads, --out) and load.

    `with_top` asks for the model's top activations as well (--top). Raises ValueError for a model
    or a split that is not there.
    """
    options = parser(description)
    options.add_argument("--model", type=Path, required=True, help="folder of the trained model")
    options.add_argument("--data", type=Path, required=True, help="folder of the prepared dataset")
    if with_top:
        options.add_argument("--top", type=Path, required=True, help="the model's top activations")
    options.add_argument("--out", type=Path, required=True, help="table to write")
    args = options.parse_args()
    device = pick_device(args.settings["device"], args.threads)
    model, card = checkpoint.load(args.model, device)
    clips = load(args.data, [args.settings["split"]])
    top = args.top if with_top else None
    return ModelJob(args.settings, model, card, clips, device, top, args.out)
