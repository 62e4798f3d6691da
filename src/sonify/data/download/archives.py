"""Download datasets published as archives: fetch, unpack, verify counts, record as complete.

Archives are kept in a hidden folder of the corpus root. After any interruption the next run resumes
where this one stopped, be it within a part, an archive or the dataset.
"""

import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import requests

from sonify.data.corpora.registry import DATASETS
from sonify.data.download import catalogue
from sonify.data.download.catalogue import Archive
from sonify.data.download.fetch import fetch, open_session
from sonify.data.download.splitzip import ArchiveError, open_split
from sonify.data.download.unpack import Target, unpack_tar, unpack_zip
from sonify.runtime.errors import SonifyError

HIDDEN = ".archives"  # corpus readers skip hidden folders
SCRATCH = "unpacking.partial"  # in HIDDEN: the member being written


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

    progress: called with the bytes downloaded by this call and a note on the current step.
    Raises SonifyError if disk space runs short, a file is unavailable or not the published one, or
    the unpacked corpus does not match the catalogue.
    """
    wanted = catalogue.archives(dataset, splits, base_url)
    pending = [a for a in wanted if not (catalogue.has(root, a) and not _faults(root, a))]
    if pending:
        _check_disk(root, pending, keep_archives)
        faults = [fault for a in pending for fault in _faults(root, a, unfinished=True)]
        _refuse(root, "before its download", faults)
    root.mkdir(parents=True, exist_ok=True)
    # Readers also expect the folders of splits that are not in use.
    for name in DATASETS[dataset].folders:
        (root / name).mkdir(exist_ok=True)
    with open_session() as session:
        done = 0
        for archive in pending:
            job = _Job(archive, root, keep_archives, session, progress, done)
            job.run()
            done = job.done
    if not keep_archives:
        _clear(root / HIDDEN, {file.name for archive in wanted for file in archive.files})


class _Job:
    """The download of one archive into the corpus."""

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
        self.dropped = 0  # number of leading parts already unpacked and deleted

    def run(self) -> None:
        """Fetch and unpack the archive, verify its counts, and record it as complete."""
        self.folder.mkdir(exist_ok=True)
        scratch = self.folder / SCRATCH
        name = str(self.folder / self.archive.name)
        target = Target(name, self.root, scratch, self.archive.folders)
        for n, _ in enumerate(self._unpacked(target), start=1):
            self.progress(self.done, f"{n} files of {self.archive.name}")
        faults = _faults(self.root, self.archive)
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
        """The path of part i, fetched and verified on first use."""
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
        """Delete the parts before part i, which are fully unpacked."""
        for j in range(self.dropped, i):
            self.ready.pop(j, None)
            (self.folder / self.archive.files[j].name).unlink(missing_ok=True)
        self.dropped = max(self.dropped, i)


def _clear(hidden: Path, names: set[str]) -> None:
    """Delete archives, except partial downloads of files not in `names`: others may resume them."""
    for file in hidden.iterdir() if hidden.is_dir() else ():
        archive, beginning, _ = file.name.partition(".partial")
        if not beginning or archive in names or file.name == SCRATCH:
            file.unlink()
    with suppress(OSError):  # not empty, or absent
        hidden.rmdir()


def _check_disk(root: Path, pending: list[Archive], keep: bool) -> None:
    """Raise SonifyError if the disk lacks room for what is still to be downloaded and unpacked."""
    own = {file.name for archive in pending for file in archive.files}
    here = [f for f in root.glob(f"{HIDDEN}/*") if f.name.removesuffix(".partial") in own]
    here += [f for archive in pending for pattern in archive.counts for f in root.glob(pattern)]
    present = sum(file.stat().st_size for file in here)
    needed = catalogue.disk_bytes(pending, keep) - present
    place = next(folder for folder in (root, *root.absolute().parents) if folder.is_dir())
    free = shutil.disk_usage(place).free
    if needed > free:
        raise SonifyError(
            f"{root} needs {catalogue.in_words(needed)} more disk space, but only "
            f"{catalogue.in_words(free)} are free: make room, or set the dataset's path to "
            "another disk"
        )


def _faults(root: Path, archive: Archive, *, unfinished: bool = False) -> list[str]:
    """List deviations from the catalogue as clauses: wrong counts of files or rows, and stray
    folders, which a reader would take for classes.

    unfinished: tolerate files that are still missing.
    """
    faults = []
    for pattern, expected in archive.counts.items():
        present = _count(root, pattern)
        if present > expected or (present < expected and not unfinished):
            faults.append(f"{pattern} has {present} where {expected} are published")
    folders = root.iterdir() if archive.folders and root.is_dir() else ()
    names = sorted(f.name for f in folders if f.is_dir() and not f.name.startswith("."))
    faults += [
        f"its folder {name} is not a word of the dataset"
        for name in names
        if name not in archive.folders
    ]
    return faults


def _count(root: Path, pattern: str) -> int:
    """Count the files that match a pattern, or the rows of a list."""
    if "*" in pattern:
        return sum(1 for _ in root.glob(pattern))
    file = root / pattern
    lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
    return max(sum(1 for line in lines if line) - pattern.endswith(".csv"), 0)


def _refuse(root: Path, when: str, faults: list[str]) -> None:
    if faults:
        raise ArchiveError(
            f"{root} is not the published corpus {when}: {'; '.join(faults)}: move anything that "
            "is not part of it elsewhere and run again"
        )
