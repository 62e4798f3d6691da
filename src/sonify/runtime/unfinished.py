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
        self.identity = {name: _digest(value) for name, value in identity.items()}
        self.place = folder / _digest(self.identity)
        if not self.place.is_dir():
            for other in sorted(folder.glob(f"*/{FACTS}")):
                self._tell(other)
        self.place.mkdir(parents=True, exist_ok=True)
        write_whole(self.place / FACTS, json.dumps(self.identity).encode())

    def discard(self) -> None:
        """Delete the folder: the job is finished, and what was set aside is replaced by it."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _tell(self, other: Path) -> None:
        try:
            then = json.loads(other.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return
        names = [name for name, now in self.identity.items() if then.get(name) != now]
        sys.stderr.write(
            f"{other.parent} was begun with other {' and '.join(names)}: it is set aside, to go on "
            "from if these come back, and deleted once this job is finished\n"
        )
        sys.stderr.flush()


def _digest(value: object) -> str:
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
