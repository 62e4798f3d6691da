"""The declared half of docs/fidelity.md: how far we follow the paper's text and its authors' code.

The table is fidelity.yaml, beside this module; `sonify.config.fidelity` reads the values of its
keys from the configurations. No job imports this module.
"""

from functools import cache
from pathlib import Path
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

FILE = Path(__file__).with_suffix(".yaml")
FILES = ("paper", "authors")  # the configurations that follow text and code


class Setting(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The value of a configuration key by the paper's text and by the authors' code, if they say.

    ours is the value, with a reason, where paper.yaml or authors.yaml has another one, or neither
    text nor code has any. ours holds in both files, or by file: {paper: ..., authors: ...}.
    """

    text: Any | UnsetType = UNSET
    code: Any | UnsetType = UNSET
    ours: Any | UnsetType = UNSET
    reason: str = ""

    @property
    def values(self) -> dict[str, Any]:
        """Return the values given, by source: text, code."""
        found = {"text": self.text, "code": self.code}
        return {source: value for source, value in found.items() if value is not UNSET}

    @property
    def implied(self) -> dict[str, Any]:
        """The values that text and code imply, by file: text before code, and code before text."""
        known = list(self.values.values())
        return {"paper": known[0], "authors": known[-1]} if known else {}

    @property
    def own(self) -> dict[str, Any]:
        """The values that are ours, by file."""
        if self.ours is UNSET:
            return {}
        by_file = isinstance(self.ours, dict) and self.ours and set(self.ours) <= set(FILES)
        return self.ours if by_file else dict.fromkeys(FILES, self.ours)


class Topic(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A topic on which text, code and Sonify could differ; text is empty where it is silent."""

    topic: str
    code: str
    text: str = ""
    keys: dict[str, Setting] = {}
    note: str = ""


class Fault(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An error in the authors' code, and the key that reproduces it or a note why none does."""

    error: str
    effect: str
    keys: dict[str, Setting] = {}
    note: str = ""


class Fidelity(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole table."""

    topics: tuple[Topic, ...]
    errors: tuple[Fault, ...]


@cache
def fidelity() -> Fidelity:
    """Return the table as declared. Raises msgspec.ValidationError for a field that is unknown."""
    return msgspec.yaml.decode(FILE.read_bytes(), type=Fidelity)
