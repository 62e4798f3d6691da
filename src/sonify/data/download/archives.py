"""A dataset published as archives: each fetched, unpacked, counted and then noted as complete.

Archives wait in a hidden folder of the corpus root. Whatever interrupts this, the next call goes
on: with the bytes of a part, the members of an archive, the archives of the dataset.
"""

import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import requests

from sonify.data.download import catalogue
from sonify.data.download.catalogue import Archive
from sonify.data.download.fetch import fetch, open_session
from sonify.data.download.splitzip import ArchiveError, open_split
from sonify.data.download.unpack import Target, unpack_tar, unpack_zip
from sonify.data.layouts.required import required

HIDDEN = ".archives"  # no reader of a corpus looks into hidden folders


def obtain_archives(
    dataset: str,
    root: Path,
    splits: Iterable[str],
    *,
    base_url: str | None,
    keep_archives: bool,
    progress: Callable[[int, str], None],
) -> None:
    """Bring `splits` of an archived dataset to `root`, in its public layout.

    progress: called with the bytes downloaded by this call and what is being done.
    Raises ValueError when the disk is too small, a file cannot be had or is not the published one,
    or the unpacked corpus is not what the catalogue says.
    """
    wanted = catalogue.archives(dataset, splits, base_url)
    pending = [a for a in wanted if not (catalogue.has(root, a) and not _miscounts(root, a))]
    if pending:
        _check_disk(root, wanted, pending, keep_archives)
        _refuse(root, "before its download", [f for a in pending for f in _strays(root, a)])
    root.mkdir(parents=True, exist_ok=True)
    # Readers expect the folders of splits that are not in use, too.
    for name in required(dataset):
        if not name.endswith((".csv", ".txt")):
            (root / name).mkdir(exist_ok=True)
    with open_session() as session:
        done = 0
        for archive in pending:
            job = _Job(archive, root, keep_archives, session, progress, done)
            job.run()
            done = job.done
    if not keep_archives:
        shutil.rmtree(root / HIDDEN, ignore_errors=True)


class _Job:
    """One archive on its way into the corpus."""

    def __init__(
        self,
        archive: Archive,
        root: Path,
        keep: bool,
        session: requests.Session,
        progress: Callable[[int, str], None],
        done: int,
    ) -> None:
        self.archive = archive
        self.root = root
        self.folder = root / HIDDEN
        self.keep = keep
        self.session = session
        self.progress = progress
        self.done = done
        self.ready: dict[int, Path] = {}
        self.dropped = 0  # parts that are unpacked and deleted, from the first

    def run(self) -> None:
        """Fetch, unpack, count, note."""
        self.folder.mkdir(exist_ok=True)
        scratch = self.folder / "unpacking.partial"
        name = str(self.folder / self.archive.name)
        target = Target(name, self.root, scratch, self.archive.folders)
        for n, _ in enumerate(self._unpacked(target), start=1):
            self.progress(self.done, f"{n} files of {self.archive.name}")
        faults = _miscounts(self.root, self.archive) + _strays(self.root, self.archive)
        _refuse(self.root, f"after unpacking {self.archive.name}", faults)
        catalogue.write_receipt(self.root, self.archive.name, self.archive.files)

    def _unpacked(self, target: Target) -> Iterator[object]:
        if not self.archive.name.endswith(".zip"):
            yield from unpack_tar(self._part(0), target)
            return
        sizes = [file.n_bytes for file in self.archive.files]
        with open_split(sizes, self._part) as (members, parts):
            for info in unpack_zip(members, target):
                yield info
                if not self.keep:
                    self._drop_before(parts.index(info.header_offset))

    def _part(self, i: int) -> Path:
        """Part i, fetched and verified if it is not yet."""
        if i not in self.ready:
            file = self.archive.files[i]
            path = self.folder / file.name
            before = self.done
            fetch(
                file.url,
                path,
                size=file.n_bytes,
                checksum=file.checksum,
                progress=lambda done, total: self.progress(before + done, file.name),
                session=self.session,
            )
            self.done = before + file.n_bytes
            self.ready[i] = path
        return self.ready[i]

    def _drop_before(self, i: int) -> None:
        """Delete the parts before part i, from which all is unpacked."""
        for j in range(self.dropped, i):
            self.ready.pop(j, None)
            (self.folder / self.archive.files[j].name).unlink(missing_ok=True)
        self.dropped = max(self.dropped, i)


def _check_disk(root: Path, wanted: list[Archive], pending: list[Archive], keep: bool) -> None:
    """Raise ValueError if what is still to come does not fit beside what is there."""
    own = {file.name for archive in pending for file in archive.files}
    present = sum(
        file.stat().st_size
        for file in (root.rglob("*") if root.is_dir() else ())
        if file.is_file()
        and (file.parent.name != HIDDEN or file.name.removesuffix(".partial") in own)
    )
    present -= sum(archive.unpacked_bytes for archive in wanted if archive not in pending)
    lacking = catalogue.disk_bytes(pending, keep) - max(present, 0)
    place = next(folder for folder in (root, *root.absolute().parents) if folder.is_dir())
    free = shutil.disk_usage(place).free
    if lacking > free:
        raise ValueError(
            f"{root} needs {catalogue.in_words(lacking)} more of disk, of which "
            f"{catalogue.in_words(free)} are free: make room, or set the dataset's path to "
            "another disk"
        )


def _miscounts(root: Path, archive: Archive) -> list[str]:
    """What the catalogue says is there and is not, each as part of a sentence."""
    faults = []
    for pattern, expected in archive.counts.items():
        if "*" in pattern:
            found = sum(1 for _ in root.glob(pattern))
        else:
            file = root / pattern
            lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
            found = max(sum(1 for line in lines if line) - pattern.endswith(".csv"), 0)
        if found != expected:
            faults.append(f"{pattern} has {found} where {expected} are published")
    return faults


def _strays(root: Path, archive: Archive) -> list[str]:
    """Folders that a reader would take for classes, each as part of a sentence."""
    found = root.iterdir() if archive.folders and root.is_dir() else ()
    names = sorted(f.name for f in found if f.is_dir() and not f.name.startswith("."))
    return [
        f"its folder {name} is no word of the dataset"
        for name in names
        if name not in archive.folders
    ]


def _refuse(root: Path, when: str, faults: list[str]) -> None:
    if faults:
        raise ArchiveError(
            f"{root} is not the published corpus {when}: {'; '.join(faults)}: move what is not "
            "part of it away and run again"
        )
