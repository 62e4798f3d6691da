"""Devices: how many seconds each unit of work takes, measured or stated with its source."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sonify.estimate.work import KINDS, all_units
from sonify.runtime.errors import SonifyError

FILE = Path(__file__).with_name("devices.toml")


@dataclass(frozen=True)
class Device:
    """A device that jobs run on.

    rates: seconds per unit (`estimate.work`). source: where they are from, a sentence. hosts: jobs
    that need no GPU and run beside one that does; 0 where all share the device. gpu: it is one.
    """

    name: str
    rates: Mapping[str, float]
    source: str
    hosts: int = 0

    @property
    def gpu(self) -> bool:
        """Tell whether it is a GPU, whose memory is its own."""
        return self.hosts > 0


def names() -> list[str]:
    """Return the devices that there are."""
    return list(_known())


def named(name: str) -> Device:
    """Return the device called `name`; raises SonifyError naming those there are."""
    known = _known()
    if name not in known:
        raise SonifyError(
            f"there is no device {name!r}: name one of {', '.join(known)}, or leave "
            "--device out to calibrate this machine"
        )
    entry = known[name]
    if "like" not in entry:
        return Device(name, entry["rates"], entry["source"], entry.get("hosts", 0))
    other = named(entry["like"])
    scaled = dict(other.rates)
    for kind in KINDS:
        scaled[f"{kind}_flop"] /= entry["arithmetic"]
        scaled[f"{kind}_value"] /= entry["bandwidth"]
    return Device(name, scaled, entry["source"], entry.get("hosts", other.hosts))


def _known() -> dict[str, dict[str, Any]]:
    return tomllib.loads(FILE.read_text(encoding="utf-8"))


def complete(rates: Mapping[str, float]) -> bool:
    """Tell whether rates of every unit are there and nothing else."""
    return set(rates) == set(all_units())
