"""Trained models on disk: weights without pickle, and the plain facts that rebuild the model."""

import hashlib
import json
import re
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load as from_bytes
from safetensors.torch import save as as_bytes
from torch import nn

from sonify.models.cnn import CNN12, Architecture
from sonify.models.heads import SoundModel
from sonify.runtime import seals
from sonify.runtime.errors import SonifyError
from sonify.runtime.folders import write_whole

WEIGHTS = "model.safetensors"
CARD = "model.json"
KEPT = "checkpoints"  # folder of the weights on the way there
DIGESTS = "sha256"  # key of the card, by file
_MODEL = re.compile(r".+-s\d+")  # names of folders that training writes


@dataclass(frozen=True)
class ModelCard:
    """The description stored with a checkpoint: key columns of result rows, and its provenance."""

    run: str
    seed: int
    dataset: str
    regime: str
    finetune: str
    architecture: Architecture
    architecture_name: str
    head: str
    outputs: int
    classes: tuple[str, ...] = ()
    clips_used: int = 0
    clips_too_short: int = 0
    recipe: dict = field(default_factory=dict)
    selection: dict = field(default_factory=dict)

    @property
    def model(self) -> str:
        """Name of the model in paths and tables."""
        return f"{self.run}-s{self.seed}"

    @property
    def keys(self) -> dict[str, str | int]:
        """Key columns of result rows; the caller adds `dataset`, which is the data measured on."""
        return {
            "model": self.model,
            "run": self.run,
            "regime": self.regime,
            "finetune": self.finetune,
            "architecture": self.architecture_name,
            "seed": self.seed,
        }


def build(card: ModelCard) -> SoundModel:
    """A model of the card's architecture and head with fresh weights (torch's global seed)."""
    return SoundModel(CNN12(card.architecture), card.head, card.outputs)


def save(folder: str | Path, model: SoundModel, card: ModelCard) -> None:
    """Write model.safetensors and model.json into `folder`, each whole or not at all.

    The latter has digests of all weights there, those on the way included, and of itself.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    _save_weights(folder / WEIGHTS, model)
    files = [folder / WEIGHTS, *sorted((folder / KEPT).glob("epoch-*.safetensors"))]
    digests = {f.relative_to(folder).as_posix(): _digest(f.read_bytes()) for f in files}
    facts = json.loads(json.dumps({**asdict(card), DIGESTS: digests}))  # as it will be read
    facts[DIGESTS][CARD] = seals.card_digest(facts)
    text = json.dumps(facts, indent=2, sort_keys=True) + "\n"
    write_whole(folder / CARD, text.encode())


def load(folder: str | Path, device: str | torch.device = "cpu") -> tuple[SoundModel, ModelCard]:
    """Load the model saved in `folder`, in evaluation mode on `device`, and its card.

    Raises SonifyError naming the folder when a file is missing, damaged or another model's, or the
    weights do not fit the card.

    >>> from sonify.api import load_checkpoint
    >>> model, card = load_checkpoint(folder)  # such as results/models/contrastive-s0
    >>> card.regime, card.architecture.width
    ('contrastive', 0.0625)
    """
    return _load(Path(folder), WEIGHTS, device)


def checkpoint_writer(folder: str | Path) -> Callable[[int, SoundModel], None]:
    """Return a function that writes the weights after an epoch (0: the initial ones) atomically.

    They go into the checkpoints of the model in `folder`; those of an earlier training are removed
    at once.
    """
    folder = Path(folder)
    shutil.rmtree(folder / KEPT, ignore_errors=True)
    (folder / KEPT).mkdir(parents=True)
    return lambda epoch, model: _save_weights(folder / _kept_name(epoch), model)


def save_kept(folder: Path, epoch: int, model: nn.Module) -> Path:
    """Write the weights after an epoch into the checkpoints in `folder`, and return their file."""
    file = folder / _kept_name(epoch)
    file.parent.mkdir(parents=True, exist_ok=True)
    _save_weights(file, model)
    return file


def kept(folder: str | Path) -> list[int]:
    """Epochs whose weights were kept of the model in `folder`, in order.

    Raises SonifyError when nothing says so.
    """
    if not (Path(folder) / KEPT).is_dir():
        raise SonifyError(f"{folder} has no {KEPT}: train it again with this version")
    files = (Path(folder) / KEPT).glob("epoch-*.safetensors")
    return sorted(int(file.stem.removeprefix("epoch-")) for file in files)


def load_kept(
    folder: str | Path, epoch: int, device: str | torch.device = "cpu"
) -> tuple[SoundModel, ModelCard]:
    """As `load`, with the weights after `epoch`; raises SonifyError for one that was not kept."""
    epochs = kept(folder)
    if epoch not in epochs:
        raise SonifyError(
            f"{folder} keeps no weights of epoch {epoch} (kept: {epochs or 'none'}): name one of "
            "these, or raise checkpoints in its recipe and train again"
        )
    return _load(Path(folder), _kept_name(epoch), device)


def _kept_name(epoch: int) -> str:
    return f"{KEPT}/epoch-{epoch:04d}.safetensors"


def digest(module: nn.Module) -> str:
    """A fingerprint of the names and values of all weights of `module`."""
    found = hashlib.sha256()
    for name, tensor in module.state_dict().items():
        found.update(name.encode())
        found.update(tensor.detach().cpu().contiguous().numpy().data)
    return found.hexdigest()


def _save_weights(file: Path, model: nn.Module) -> None:
    state = model.state_dict()
    weights = {name: tensor.detach().cpu().contiguous() for name, tensor in state.items()}
    # Not by safetensors' own writer, whose files are for their owner alone.
    write_whole(file, seals.seal_bytes(as_bytes(weights, {seals.KEY: seals.note()})))


def _load(folder: Path, weights: str, device: str | torch.device) -> tuple[SoundModel, ModelCard]:
    for name in (CARD, weights):
        if not (folder / name).is_file():
            raise SonifyError(f"{folder} has no {name}: point at a folder written by training")
    try:
        facts = json.loads((folder / CARD).read_text(encoding="utf-8"))
        digests = facts.get(DIGESTS, {})
        if digests.get(CARD) != seals.card_digest(facts):
            raise TypeError(f"{CARD} is not as training wrote it")
        del facts[DIGESTS]
        facts["architecture"] = Architecture(**facts["architecture"])
        facts["classes"] = tuple(facts["classes"])
        card = ModelCard(**facts)
        if _MODEL.fullmatch(folder.name) and folder.name != card.model:
            raise TypeError(f"{CARD} is that of {card.model}")
        content = (folder / weights).read_bytes()
        if digests.get(weights) != _digest(content):
            raise TypeError(
                f"{weights} is damaged or another model's: its digest is not the card's"
            )
        model = build(card)
        model.load_state_dict(from_bytes(content))
    except (
        *(TypeError, KeyError, AttributeError, RuntimeError, SafetensorError),
        *(UnicodeDecodeError, json.JSONDecodeError),
    ) as error:
        raise SonifyError(
            f"{folder} holds no readable model ({error}): train it again with this version"
        ) from error
    return model.to(device).eval(), card


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
