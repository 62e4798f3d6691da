"""The root folder of a corpus: its fingerprint, who made it, and the files below it.

Standard library only: the workflow imports this while it is parsed.
"""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from sonify.runtime.errors import SonifyError

# Reading a size takes 6 us, a name 1 us: this many take a second, the two million files of AudioSet
# would take 12 s, and far longer over a network.
SIZED_FILES = 200_000
# A corpus with this file at its root was made by sonify.data.synthesis: what its ids would name in
# the public dataset is not what it holds.
SYNTHESISED = "SYNTHESISED.txt"


def synthesised(root: Path) -> bool:
    """Return True if the corpus at `root` was made here: its ids are nobody's recordings."""
    return (Path(root) / SYNTHESISED).is_file()


def names_hash(root: Path) -> str:
    """Return a short hash of the names of all files below `root`, to notice clips that come or go,
    and of their sizes where there are at most SIZED_FILES, to notice clips that are replaced.

    Not of times, so that a copy of a corpus counts as the same.
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
    """Yield (folder relative to `root`, file name) of every file below it, in the order of names.

    Hidden files and folders, and folders named in `skipped`, are left out. Linked folders are
    followed, each folder once; with `once`, raises SonifyError for one that is met again.
    """
    visited = set()
    for folder, folders, files in os.walk(root, followlinks=True):
        status = Path(folder).stat()
        if (status.st_dev, status.st_ino) in visited:
            if once:
                raise SonifyError(f"{folder} leads to a folder listed already: remove the link")
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
