"""The catalogue of published files (catalogue.toml), and the part of it still to be downloaded.

Standard library only, without network access: the workflow imports this while it is parsed.
"""

import json
import os
import tomllib
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from sonify.data.corpora.roots import HARVEST
from sonify.runtime.folders import write_whole

CATALOGUE = Path(__file__).with_name("catalogue.toml")
RECEIPT = ".downloads.json"  # in the corpus root: archives that are unpacked and verified


@dataclass(frozen=True)
class RemoteFile:
    """A published file: its name, URL, size in bytes and checksum ("md5:..." or "sha256:...")."""

    name: str
    url: str
    n_bytes: int
    checksum: str


@dataclass(frozen=True)
class Archive:
    """An archive: a single file, or the parts of a split zip with the .zip last.

    splits: the splits that need it, all if empty. unpacked_bytes: disk space of its members.
    counts: expected number of files for a pattern, or of rows for a list. folders: the only folders
    allowed in the corpus root, any if empty.
    """

    files: tuple[RemoteFile, ...]
    unpacked_bytes: int
    splits: tuple[str, ...] = ()
    counts: dict[str, int] = field(default_factory=dict)
    folders: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The name of its last file, which identifies the archive."""
        return self.files[-1].name

    @property
    def n_bytes(self) -> int:
        """The total size of its files in bytes."""
        return sum(file.n_bytes for file in self.files)

    def held_bytes(self, keep_archives: bool) -> int:
        """The maximum disk space, in bytes, that its files occupy at one time.

        With `keep_archives` that is all of them. Without, parts are deleted once unpacked: the last
        one is kept for its directory, and two more because a member may span them.
        """
        sizes = [file.n_bytes for file in self.files]
        return sum(sizes) if keep_archives else sum([*sorted(sizes[:-1])[-2:], sizes[-1]])


def archives(dataset: str, splits: Iterable[str], base_url: str | None = None) -> list[Archive]:
    """The archives of `dataset` that hold `splits`; `base_url` replaces the published URL."""
    entry = _catalogue()[dataset]
    address = f"{base_url.rstrip('/')}/{{name}}" if base_url else entry["url"]
    needed = []
    for given in entry["archives"]:
        files = tuple(RemoteFile(url=address.format(name=f["name"]), **f) for f in given["files"])
        rest: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in given.items()}
        archive = Archive(**rest | {"files": files})
        if not archive.splits or set(archive.splits) & set(splits):
            needed.append(archive)
    return needed


def classes(dataset: str) -> int:
    """The number of classes in the published class list."""
    return _catalogue()[dataset]["classes"]


def receipt(root: Path) -> dict[str, list[dict[str, Any]]]:
    """Read the files of each archive unpacked and verified in `root`, keyed by archive name."""
    try:
        return json.loads((Path(root) / RECEIPT).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}


def write_receipt(root: Path, name: str, files: Iterable[RemoteFile]) -> None:
    """Record, as the final step, that the archive `name` of `files` is complete in `root`."""
    os.sync()  # flush to disk the data that the receipt vouches for
    rows = receipt(root) | {name: [asdict(file) for file in files]}
    write_whole(Path(root) / RECEIPT, json.dumps(rows, indent=1).encode())


def has(root: Path, archive: Archive) -> bool:
    """Return True if the receipt in `root` lists this very archive, whatever its source."""
    had = [(row["name"], row["checksum"]) for row in receipt(root).get(archive.name, [])]
    return had == [(file.name, file.checksum) for file in archive.files]


def shard_list(root: Path, split: str) -> Path:
    """The path of the shard list of an AudioSet split, stored next to the harvested shards."""
    return Path(root) / HARVEST / split / "shards.json"


def pending_bytes(
    dataset: str, root: Path, splits: Iterable[str], backend: str | None = None
) -> int | None:
    """The number of bytes of `splits` of `dataset` still to be downloaded to `root`.

    backend: source of AudioSet's audio. None if that is youtube, which states no sizes, and
    anything remains to be downloaded.
    """
    if backend == "youtube":
        return 0 if set(splits) <= receipt(root).keys() else None
    entry = _catalogue()[dataset]
    if "archives" not in entry:
        return sum(_pending_shards(root, split, entry["download_bytes"]) for split in splits)
    pending = (a for a in archives(dataset, splits) if not has(root, a))
    return sum(archive.n_bytes for archive in pending)


def _pending_shards(root: Path, split: str, about: dict[str, int]) -> int:
    """Bytes of a split's shards still to be harvested; the estimate `about` if not listed yet."""
    note = shard_list(root, split)
    if not note.is_file():
        return about[split]
    shards = json.loads(note.read_text(encoding="utf-8"))["shards"]
    return sum(n for _, path, n, _ in shards if not note.with_name(Path(path).name).is_file())


def disk_bytes(wanted: list[Archive], keep_archives: bool) -> int:
    """The peak disk usage, in bytes, while archives are downloaded and unpacked.

    Archives are processed one at a time: unless they are kept, only the largest counts.
    """
    held = [archive.held_bytes(keep_archives) for archive in wanted]
    unpacked = sum(archive.unpacked_bytes for archive in wanted)
    return unpacked + (sum(held) if keep_archives else max(held, default=0))


def in_words(n_bytes: int | None) -> str:
    """Format a number of bytes for readers, such as "24.7 GB"; "size unknown" for None."""
    if n_bytes is None:
        return "size unknown"
    for unit, name in ((10**12, "TB"), (10**9, "GB"), (10**6, "MB")):
        if n_bytes >= unit:
            return f"{n_bytes / unit:.3g} {name}"
    return f"{n_bytes / 1000:.3g} kB"


def _catalogue() -> dict[str, Any]:
    return tomllib.loads(CATALOGUE.read_text(encoding="utf-8"))
