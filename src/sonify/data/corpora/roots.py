"""The root directory of a corpus: its fingerprint, its origin, and the files below it.

Standard library only: the workflow imports this while it is parsed.
"""

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath

from sonify.runtime.errors import SonifyError

# Reading a size takes 6 us, a name 1 us. This many sizes take a second; those of AudioSet's two
# million files would take 12 s, and far longer over a network.
SIZED_FILES = 200_000
# Formats that libsndfile reads, best first, then others. These are indexed too, so that files that
# cannot be decoded are reported as unreadable rather than missing.
AUDIO = (
    ".wav", ".flac", ".aiff", ".aif", ".w64", ".rf64", ".caf", ".au", ".ogg", ".oga", ".opus",
    ".mp3", ".m4a", ".mp4", ".webm", ".mkv", ".mka", ".aac", ".wma",
)  # fmt: skip
# What Windows, macOS and file servers put beside files, besides hidden files; in lower case.
LITTER = frozenset((
    "thumbs.db", "ehthumbs.db", "desktop.ini", "@eadir", "@__thumb", "#recycle", "$recycle.bin",
    "system volume information", "__macosx", "lost+found", "icon\r",
))  # fmt: skip
# Marks the root of a corpus made by sonify.data.synthesis, whose ids do not refer to recordings of
# the public dataset.
SYNTHESISED = "SYNTHESISED.txt"
# Folder below the root of what was harvested from published shards (sonify.data.download.harvest).
HARVEST = "harvest"

Place = tuple[PurePosixPath, str]  # the folder of a file, relative to a root, and the file's name


def synthesised(root: Path) -> bool:
    """Return True if the corpus at `root` is synthetic, so that its ids name no real recordings."""
    return (Path(root) / SYNTHESISED).is_file()


def names_hash(root: Path, files: Callable[[Path], Iterable[Place]] | None = None) -> str:
    """Return a short hash of the names of the files that `files` finds at `root`, in its order, to
    detect added or removed clips; of all that `walk` finds without it.

    With at most SIZED_FILES files it covers sizes and times of modification too, to detect replaced
    clips: many have one length. Linked folders and files count as what they lead to.
    """
    found = list((files or walk)(root))
    sized = len(found) <= SIZED_FILES
    digest = hashlib.sha256()
    for folder, name in found:
        state = _state(Path(root, folder, name)) if sized else ""
        entry = f"{folder}\0{name}\0{state}\0"
        digest.update(entry.encode("utf-8", "surrogateescape"))
    return digest.hexdigest()[:16]


def present(root: Path, names: Iterable[str]) -> Iterator[Place]:
    """Yield the place of each of these files, given by their paths, that there is at `root`."""
    for path in map(PurePosixPath, names):
        if (root / path).is_file():
            yield path.parent, path.name


def within(root: Path, folder: str) -> Iterator[Place]:
    """Yield the place of each file in one folder below `root`, without those in its folders, sorted
    by name; nothing of a folder that cannot be read, of which the reader of the corpus tells."""
    with suppress(OSError):
        names = sorted(entry.name for entry in (root / folder).iterdir())
        yield from ((PurePosixPath(folder), name) for name in names if not is_litter(name))


def walk(root: Path, skipped: frozenset[str] = frozenset(), once: bool = False) -> Iterator[Place]:
    """Yield (folder relative to `root`, file name) for every file below it, sorted by name.

    Skips what file managers and file servers leave behind (`is_litter`), and folders named in
    `skipped`. Follows symbolic links, visiting each folder once; with `once`, raises SonifyError if
    a link leads to a folder visited before.
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
        folders[:] = sorted(f for f in folders if f not in skipped and not is_litter(f))
        place = PurePosixPath(Path(folder).relative_to(root).as_posix())
        yield from ((place, name) for name in sorted(files) if not is_litter(name))


def an_audio_file(root: Path) -> str | None:
    """One audio file below `root`, relative to it; None if there is none."""
    found = (str(folder / name) for folder, name in walk(root) if name.lower().endswith(AUDIO))
    return next(found, None)


def is_litter(name: str) -> bool:
    """Return True for a hidden file or folder, and for those that systems make by themselves."""
    return name.startswith(".") or name.lower() in LITTER


def _state(file: Path) -> str:
    try:
        status = file.stat()
    except OSError:  # a dangling link
        return ""
    return f"{status.st_size} {int(status.st_mtime)}"
