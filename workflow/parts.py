"""The files of which a folder of clips or of kept weights consists, as the file beside it says."""

import json
from functools import cache
from pathlib import Path

from sonify.contracts import tables
from sonify.runtime import seals
from sonify.runtime.errors import SonifyError


def parts_of(folder: Path) -> list[Path]:
    """Return the files that a folder of clips or of kept weights must have."""
    manifest, card = folder.parent / seals.MANIFEST, folder.parent / seals.CARD
    if manifest.is_file():
        state = manifest.stat()
        named = _named(manifest, state.st_mtime_ns, state.st_size)
        parts = [part for part in named if part.startswith(f"{folder.name}/")]
        return sorted(folder.parent / part for part in parts) or [folder / "part-00000.parquet"]
    digests = json.loads(card.read_text(encoding="utf-8")).get("sha256", {})
    return sorted(folder.parent / name for name in digests if name.startswith(f"{folder.name}/"))


@cache
def _named(manifest: Path, *state: int) -> list[str]:
    """The parts of all splits, read once as long as the manifest's state is the same: each split is
    asked for at every start, and by `make verify` three times."""
    with tables.damage_named(manifest):
        return tables.scanned(manifest, columns=["part"])["part"].unique().to_pylist()


def lost_part(path: Path) -> Path | None:
    """Return a file that is missing in such a folder; None for all other results.

    None, too, where the file beside it cannot be read, which its readers say by name.
    """
    if not path.is_dir() or seals.has_receipt(path):
        return None
    try:
        return next((part for part in parts_of(path) if not part.is_file()), None)
    except (SonifyError, OSError, ValueError):
        return None
