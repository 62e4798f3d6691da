"""Unfinished work of a job on disk, for the same command to go on from.

A folder under the job's own, which Snakemake does not know and so does not delete with the outputs
of a job that failed. Within it each fingerprint has its own place: what was begun with other code,
settings, clips or weights is never gone on from, and is there for who goes back to them.
"""

import hashlib
import json
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from sonify.runtime.folders import write_whole

FACTS = "identity.json"


class Unfinished:
    """The place in `folder` of a job that is what `identity` says, part by part in words.

    Two jobs with the same words and values are the same. Says in one sentence what else is there
    and why it is set aside.
    """

    def __init__(self, folder: Path, identity: Mapping[str, object]) -> None:
        self.folder = folder
        self.identity = _digests(identity)
        self.place = folder / _digest(self.identity)
        if not self.place.is_dir():
            for other in sorted(folder.glob(f"*/{FACTS}")):
                _tell(other.parent, identity)
        self.place.mkdir(parents=True, exist_ok=True)
        write_whole(self.place / FACTS, json.dumps(self.identity).encode())

    def discard(self) -> None:
        """Delete the folder: the job is finished, and what was set aside is replaced by it."""
        shutil.rmtree(self.folder, ignore_errors=True)


def differences(place: Path, identity: Mapping[str, object]) -> list[str] | None:
    """Return which words of `identity` have other values in what was made at `place`.

    None where that says nothing of itself.
    """
    try:
        then = json.loads((place / FACTS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return [name for name, now in _digests(identity).items() if then.get(name) != now]


def _tell(place: Path, identity: Mapping[str, object]) -> None:
    if names := differences(place, identity):
        sys.stderr.write(
            f"{place} was started with other {' and '.join(names)}: it is set aside, to be resumed "
            "if these come back, and deleted once this job is finished\n"
        )
        sys.stderr.flush()


def _digests(identity: Mapping[str, object]) -> dict[str, str]:
    return {name: _digest(value) for name, value in identity.items()}


def _digest(value: object) -> str:
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
