"""Checkpoints that a killed training goes on from, exactly as if it had not been killed.

A checkpoint holds everything that changes while a model is trained: weights, the optimiser's
moments, all losses so far (whose number is the position in the schedule and in the data) and the
states of all generators. It is written between two steps, whole or not at all. Writing takes at
most `SHARE` of the time of a training, and when the job receives SIGTERM it is written at
once, that is after the step being computed.
"""

import hashlib
import json
import shutil
import signal
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from sonify.models.checkpoint import KEPT, save_kept
from sonify.runtime.folders import whole_folder, write_whole
from sonify.runtime.jobs import say
from sonify.runtime.unfinished import Unfinished

EVERY_S = 10.0  # seconds between checkpoints, where these are cheap
SHARE = 0.01  # of the time of a training, at most, is spent on them
_FACTS, _DIGEST = "facts", "sha256"  # keys of the file's header


@dataclass(frozen=True)
class Snapshot:
    """A state as tensors by name, and plain facts that JSON can hold."""

    tensors: Mapping[str, Tensor]
    facts: Any = None


class Part(Protocol):
    """Something that changes while a model is trained."""

    def snapshot(self) -> Snapshot:
        """Return its state as it is now."""

    def restore(self, snapshot: Snapshot) -> None:
        """Take on a state that `snapshot` returned."""


@dataclass
class Saver:
    """The checkpoint of one training, in `folder`, which holds nothing else.

    `parts` are what it consists of, `name` tells it from those of other trainings of one job. As a
    context, it notes SIGTERM instead of dying of it. `code` is a hash of the code; `every_s` and
    `share` bound how often checkpoints are written. `written` counts them, `spent_s` is the time
    that they took.
    """

    folder: Path
    code: str = ""
    every_s: float = EVERY_S
    share: float = SHARE
    clock: Callable[[], float] = time.monotonic
    parts: dict[str, Part] = field(default_factory=dict)
    name: str = "state"
    written: int = 0
    spent_s: float = 0.0
    _told: bool = field(default=False, init=False)

    def begin(self, identity: Mapping[str, object]) -> None:
        """Look for what was left of a training that is what `identity` says, in words by name."""
        self._unfinished = Unfinished(self.folder, {"code": self.code, **identity})
        self.place = self._unfinished.place
        self._kept: dict[str, str] = {}
        self._cost_s, self._last = 0.0, self.clock()

    def __enter__(self) -> Self:
        self._before: Any = None
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGTERM, self._tell)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: object, trace: TracebackType | None
    ) -> None:
        if self._before is not None:
            signal.signal(signal.SIGTERM, self._before)

    def _tell(self, *_: object) -> None:
        self._told = True

    @property
    def due(self) -> bool:
        """True when it is time for a checkpoint."""
        pause = max(self.every_s, self._cost_s / self.share)
        return self._told or self.clock() - self._last >= pause

    def write(self, where: str) -> None:
        """Write a checkpoint; `where` says how far the training is.

        Raises SystemExit, with the status that shells give SIGTERM, if that was the reason.
        """
        begun = self.clock()
        tensors, facts = {}, {"kept": self._kept, "parts": {}}
        for name, part in self.parts.items():
            snapshot = part.snapshot()
            facts["parts"][name] = snapshot.facts
            for key, tensor in snapshot.tensors.items():
                tensors[f"{name}/{key}"] = tensor.detach().cpu().contiguous()
        text = json.dumps(facts)
        header = {_FACTS: text, _DIGEST: _digest(tensors, text)}
        write_whole(self.file, save(tensors, header), sync=True)
        self._last = self.clock()
        self._cost_s = self._last - begun
        self.written += 1
        self.spent_s += self._cost_s
        if self._told:
            say(f"ended by SIGTERM {where}: the same command resumes from there")
            raise SystemExit(128 + signal.SIGTERM)

    def restore(self) -> bool:
        """Give all parts the state of the last checkpoint; False if there is none.

        A checkpoint that is damaged, or whose kept weights are, is set aside with a sentence.
        """
        if not self.file.is_file():
            return False
        try:
            tensors, facts = _read(self.file)
            for name, digest in facts["kept"].items():
                if hashlib.sha256((self.place / KEPT / name).read_bytes()).hexdigest() != digest:
                    raise ValueError(f"{KEPT}/{name} is not as it was written")
        except (SafetensorError, ValueError, KeyError, FileNotFoundError) as error:
            why = error
        else:
            for name, part in self.parts.items():
                own = {k.partition("/")[2]: v for k, v in tensors.items() if _of(k) == name}
                part.restore(Snapshot(own, facts["parts"][name]))
            self._kept = facts["kept"]
            return True
        aside = self.file.with_name(f"damaged-{self.file.name}")
        self.file.replace(aside)
        say(
            f"{self.file} is damaged ({why}): it is set aside as {aside.name}, and the training "
            "starts over"
        )
        return False

    def keep(self, epoch: int, model: nn.Module) -> None:
        """Keep the weights of `model` after an epoch, for `deliver`."""
        file = save_kept(self.place, epoch, model)
        self._kept[file.name] = hashlib.sha256(file.read_bytes()).hexdigest()

    def deliver(self, folder: Path) -> None:
        """Copy the weights that were kept into the folder of the model, and no others."""
        with whole_folder(folder / KEPT) as kept:
            for name in self._kept:
                shutil.copyfile(self.place / KEPT / name, kept / name)

    def discard(self) -> None:
        """Delete all of this, for the model is there."""
        self._unfinished.discard()

    @property
    def file(self) -> Path:
        """The checkpoint, once there is one."""
        return self.place / f"{self.name}.safetensors"


def generator_states(device: torch.device) -> dict[str, Tensor]:
    """The states of torch's global generators that a training on `device` draws from."""
    states = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        states["cuda"] = torch.cuda.get_rng_state(device)
    if device.type == "mps":
        states["mps"] = torch.mps.get_rng_state()
    return states


def set_generator_states(states: Mapping[str, Tensor], device: torch.device) -> None:
    """Give torch's global generators the states that `generator_states` returned."""
    torch.set_rng_state(states["cpu"])
    if device.type == "cuda":
        torch.cuda.set_rng_state(states["cuda"], device)
    if device.type == "mps":
        torch.mps.set_rng_state(states["mps"])


def _of(key: str) -> str:
    return key.partition("/")[0]


def _read(file: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors and facts of a checkpoint; raises ValueError unless they are as written."""
    content = file.read_bytes()
    tensors = load(content)
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])["__metadata__"]
    if _digest(tensors, header[_FACTS]) != header[_DIGEST]:
        raise ValueError("its digest is another")
    return tensors, json.loads(header[_FACTS])


def _digest(tensors: Mapping[str, Tensor], facts: str) -> str:
    digest = hashlib.sha256(facts.encode())
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(tensors[name].numpy().data)
    return digest.hexdigest()
