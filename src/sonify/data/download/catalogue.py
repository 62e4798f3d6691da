"""What there is to download: files, sizes, checksums (catalogue.toml), and what of it is lacking.

Standard library only, and no network: the workflow imports this while it is parsed.
"""

import json
import os
import tomllib
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

CATALOGUE = Path(__file__).with_name("catalogue.toml")
RECEIPT = ".downloads.json"  # in the corpus root: the archives that are unpacked and checked


@dataclass(frozen=True)
class RemoteFile:
    """A published file: its name, address, size in bytes and checksum ("md5:..", "sha256:..")."""

    name: str
    url: str
    n_bytes: int
    checksum: str


@dataclass(frozen=True)
class Archive:
    """Files that are unpacked together: one, or the parts of a split zip, its .zip last.

    splits: those it is needed for, all if empty. unpacked_bytes: disk that its members take.
    counts: pattern to number of files, or list to number of rows. folders: the only ones that may
    stand in the corpus root, any if empty.
    """

    files: tuple[RemoteFile, ...]
    unpacked_bytes: int
    splits: tuple[str, ...] = ()
    counts: dict[str, int] = field(default_factory=dict)
    folders: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Name of the file that stands for the archive."""
        return self.files[-1].name

    @property
    def n_bytes(self) -> int:
        """Bytes of all its files."""
        return sum(file.n_bytes for file in self.files)

    def held_bytes(self, keep_archives: bool) -> int:
        """Bytes of its files that are on disk at one time: with `keep_archives` all of them.

        Without, parts come and go: the last, which holds the directory, and two that a member may
        lie on.
        """
        sizes = [file.n_bytes for file in self.files]
        return sum(sizes) if keep_archives else sum([*sorted(sizes[:-1])[-2:], sizes[-1]])


def archives(dataset: str, splits: Iterable[str], base_url: str | None = None) -> list[Archive]:
    """The archives of `dataset` that hold `splits`; `base_url` replaces the published address."""
    entry = _catalogue()[dataset]
    address = f"{base_url.rstrip('/')}/{{name}}" if base_url else entry["url"]
    found = []
    for given in entry["archives"]:
        files = tuple(RemoteFile(url=address.format(name=f["name"]), **f) for f in given["files"])
        rest: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in given.items()}
        archive = Archive(**rest | {"files": files})
        if not archive.splits or set(archive.splits) & set(splits):
            found.append(archive)
    return found


def classes(dataset: str) -> int:
    """Return how many classes the published list of classes has."""
    return _catalogue()[dataset]["classes"]


def receipt(root: Path) -> dict[str, list[dict[str, Any]]]:
    """The files of each archive that is unpacked and checked in `root`, by the archive's name."""
    try:
        return json.loads((Path(root) / RECEIPT).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}


def write_receipt(root: Path, name: str, files: Iterable[RemoteFile]) -> None:
    """Note, as the last act, that the archive `name`, made of `files`, is complete in `root`."""
    os.sync()  # the disk must hold what the receipt says is there
    rows = receipt(root) | {name: [asdict(file) for file in files]}
    partial = Path(root) / f"{RECEIPT}.partial"
    partial.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    partial.replace(Path(root) / RECEIPT)


def has(root: Path, archive: Archive) -> bool:
    """Whether the receipt in `root` names this very archive, wherever it was fetched from."""
    had = [(row["name"], row["checksum"]) for row in receipt(root).get(archive.name, [])]
    return had == [(file.name, file.checksum) for file in archive.files]


def shard_list(root: Path, split: str) -> Path:
    """Where the published shards of a split of AudioSet are noted, beside what is harvested."""
    return Path(root) / "harvest" / split / "shards.json"


def pending_bytes(
    dataset: str, root: Path, splits: Iterable[str], backend: str | None = None
) -> int | None:
    """Bytes to download for `splits` of `dataset` that `root` does not hold.

    backend: where AudioSet's audio is from. None if that is youtube, which states no sizes, and
    there is something to download.
    """
    if backend == "youtube":
        return 0 if set(splits) <= receipt(root).keys() else None
    entry = _catalogue()[dataset]
    if "archives" not in entry:
        return sum(_pending_shards(root, split, entry["download_bytes"]) for split in splits)
    lacking = (a for a in archives(dataset, splits) if not has(root, a))
    return sum(archive.n_bytes for archive in lacking)


def _pending_shards(root: Path, split: str, about: dict[str, int]) -> int:
    """Bytes of the shards of a split that are not harvested; `about` as long as none is listed."""
    note = shard_list(root, split)
    if not note.is_file():
        return about[split]
    shards = json.loads(note.read_text(encoding="utf-8"))["shards"]
    return sum(n for _, path, n, _ in shards if not note.with_name(Path(path).name).is_file())


def disk_bytes(wanted: list[Archive], keep_archives: bool) -> int:
    """Disk that archives take at most while they are downloaded and unpacked.

    One archive is unpacked after the other: what is not kept is needed for the largest alone.
    """
    held = [archive.held_bytes(keep_archives) for archive in wanted]
    unpacked = sum(archive.unpacked_bytes for archive in wanted)
    return unpacked + (sum(held) if keep_archives else max(held, default=0))


def in_words(n_bytes: int | None) -> str:
    """A number of bytes for a reader: "24.7 GB"; "size unknown" for None."""
    if n_bytes is None:
        return "size unknown"
    for unit, name in ((10**12, "TB"), (10**9, "GB"), (10**6, "MB")):
        if n_bytes >= unit:
            return f"{n_bytes / unit:.3g} {name}"
    return f"{n_bytes / 1000:.3g} kB"


def _catalogue() -> dict[str, Any]:
    return tomllib.loads(CATALOGUE.read_text(encoding="utf-8"))
