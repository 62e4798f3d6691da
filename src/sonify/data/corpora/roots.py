"""The root directory of a corpus: its fingerprint, its origin, and the files below it.

Standard library only: the workflow imports this while it is parsed.
"""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from sonify.runtime.errors import SonifyError

# Reading a size takes 6 us, a name 1 us. This many sizes take a second; those of AudioSet's two
# million files would take 12 s, and far longer over a network.
SIZED_FILES = 200_000
# Marks the root of a corpus made by sonify.data.synthesis, whose ids do not refer to recordings of
# the public dataset.
SYNTHESISED = "SYNTHESISED.txt"


def synthesised(root: Path) -> bool:
    """Return True if the corpus at `root` is synthetic, so that its ids name no real recordings."""
    return (Path(root) / SYNTHESISED).is_file()


def names_hash(root: Path) -> str:
    """Return a short hash of the names of all files below `root`, to detect added or removed clips.

    With at most SIZED_FILES files it covers sizes too, to detect replaced clips. Modification times
    are left out, so that a copy of a corpus counts as the same.
    """
    folders = []
    for folder, subfolders, files in os.walk(root):
        subfolders.sort()
        folders.append((folder, sorted(files)))
    sized = sum(len(files) for _, files in folders) <= SIZED_FILES
    digest = hashlib.sha256()
    for folder, files in folders:
        place = Path(folder).relative_to(root).as_posix()
        sizes = [_size(Path(folder, file)) for file in files] if sized else []
        digest.update("\0".join([place, *files, *sizes, ""]).encode("utf-8", "surrogateescape"))
    return digest.hexdigest()[:16]


def walk(
    root: Path, skipped: frozenset[str] = frozenset(), once: bool = False
) -> Iterator[tuple[PurePosixPath, str]]:
    """Yield (folder relative to `root`, file name) for every file below it, sorted by name.

    Skips hidden files and folders, and folders named in `skipped`. Follows symbolic links, visiting
    each folder once; with `once`, raises SonifyError if a link leads to a folder visited before.
    """
    visited = set()
    for folder, folders, files in os.walk(root, followlinks=True):
        status = Path(folder).stat()
        if (status.st_dev, status.st_ino) in visited:
            if once:
                raise SonifyError(f"{folder} links to a folder already listed: remove the link")
            folders.clear()
            continue
        visited.add((status.st_dev, status.st_ino))
        folders[:] = sorted(f for f in folders if f not in skipped and not f.startswith("."))
        place = PurePosixPath(Path(folder).relative_to(root).as_posix())
        yield from ((place, name) for name in sorted(files) if not name.startswith("."))


def _size(file: Path) -> str:
    try:
        return str(file.stat().st_size)
    except OSError:  # a dangling link
        return ""
