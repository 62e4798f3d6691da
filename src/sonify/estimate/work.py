"""Count a job's work in units that a device has rates for: `seconds = sum of amount * rate`.

Five kinds of runs through a network have three units each: a call of the library (a step of
training, a batch of clips), a floating-point operation and a value of a feature map. The others
count what processors do besides.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from sonify.estimate.network import Cost

# Training everything; training a classifier on a frozen encoder; a forward pass; one that yields
# all feature maps, unpooled; sonifying.
Kind = Literal["train", "frozen", "forward", "maps", "sonify"]
KINDS: tuple[Kind, ...] = ("train", "frozen", "forward", "maps", "sonify")

UNITS = {
    "start": "of a job: its interpreter, settings and tables",
    "process": "job that starts before the interpreter that jobs are forked from is ready",
    "network": "network that a job builds, loads or traces, with the modules that this needs",
    "first_step": "first step of a job that trains everything, beyond a later one",
    "synthesised_s": "second of audio that is synthesised, at 44.1 kHz",
    "synthesised_clip": "clip that is synthesised",
    "decoded_s": "second of 48 kHz FLAC that is decoded while it is downloaded",
    "prepared_s": "second of audio that is prepared, at 44.1 kHz",
    "prepared_clip": "clip that is prepared",
    "score": "score of a clip and class that metrics and their resamples are computed from",
    "ranking": "class whose clips are ranked by a set of scores, however few they are",
    "ranked": "clip that mining ranks, for one filter",
    "spectra_s": "second of a sonification whose coherence is computed",
    "sound_s": "second of a sonification whose coherence and spectrum are described",
    "peaks_s": "second of a sonification whose peaks of coherence are computed",
    "described": "sonification that is described in a table",
    "kept_s": "second of a sonification that is encoded and stored",
    "shown_s": "second of a sonification that the gallery shows",
    "gathered": "table of one job that is gathered, or set in a table of results",
    "drawn": "figure or page",
}


@dataclass(frozen=True)
class Work:
    """Amounts by unit; operations of the network apart, since they are shown."""

    amounts: Mapping[str, float] = field(default_factory=dict)

    def __add__(self, other: "Work") -> "Work":
        amounts = dict(self.amounts)
        for unit, amount in other.amounts.items():
            amounts[unit] = amounts.get(unit, 0.0) + amount
        return Work(amounts)

    def __mul__(self, times: float) -> "Work":
        return Work({unit: amount * times for unit, amount in self.amounts.items()})

    @property
    def flops(self) -> float:
        """Floating-point operations of all kinds."""
        return sum(n for unit, n in self.amounts.items() if unit.endswith("_flop"))

    def seconds(self, rates: Mapping[str, float]) -> float:
        """Return how long it takes at `rates`, seconds per unit. KeyError for a unit they lack."""
        return sum(amount * rates[unit] for unit, amount in self.amounts.items() if amount)


def run(kind: Kind, calls: float, cost: Cost) -> Work:
    """Return the work of runs through a network."""
    return Work({f"{kind}_call": calls, f"{kind}_flop": cost.flops, f"{kind}_value": cost.values})


def other(**amounts: float) -> Work:
    """Return work in other units."""
    if unknown := amounts.keys() - UNITS.keys():
        raise KeyError(f"no unit named {', '.join(sorted(unknown))}")
    return Work(amounts)


def all_units() -> list[str]:
    """Return every unit that a device states."""
    return [f"{kind}_{part}" for kind in KINDS for part in ("call", "flop", "value")] + [*UNITS]
