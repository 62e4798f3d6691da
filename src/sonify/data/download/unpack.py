"""Unpack zip and tar.gz archives atomically, trusting nothing that the archive claims.

A member is written under a temporary name and renamed once complete, so every file in the corpus is
a complete one.
"""

import copy
import gzip
import re
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from sonify.data.download.splitzip import UNREADABLE, ArchiveError
from sonify.runtime.errors import named

BLOCK_BYTES = 1 << 20
_BROKEN = (*UNREADABLE, tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile)


class Target:
    """The destination of an archive, and the member names seen so far.

    name: the archive, for messages; root: the destination folder; scratch: the temporary file on
    the same disk for the member being written; folders: the only folders allowed in the root, any
    if empty.
    """

    def __init__(self, name: str, root: Path, scratch: Path, folders: tuple[str, ...] = ()) -> None:
        self.name = name
        self.root = root
        self.scratch = scratch
        self.folders = folders
        self.names: set[str] = set()
        self.folded: dict[str, str] = {}  # case-folded name -> first name that folds to it

    def place(self, member: str) -> Path:
        """The path of the member of that name.

        Raises ArchiveError for a name that leads out of the root, occurs twice, or differs from
        another only in case on a disk that ignores case.
        """
        parts = [part for part in member.split("/") if part not in ("", ".")]
        outside = member.startswith("/") or re.match(r"[A-Za-z]:", member)
        if outside or not parts or ".." in parts or re.search(r"[\\\0]", member):
            raise self.refusal(f"its member {member!r} leads out of the folder")
        if self.folders and len(parts) > 1 and parts[0] not in self.folders:
            raise self.refusal(
                f"its folder {parts[0]!r} is not in the published corpus of "
                f"{len(self.folders)} folders"
            )
        path = self.root.joinpath(*parts)
        name = "/".join(parts)
        if name in self.names:
            raise self.refusal(f"it has two members {name!r}")
        self.names.add(name)
        twin = self.folded.setdefault(name.casefold(), name)
        if twin != name and path.exists() and path.samefile(self.root / twin):
            raise self.refusal(f"{twin!r} and {name!r} differ in case, which this disk ignores")
        return path

    def write(self, path: Path, source: IO[bytes], size: int) -> None:
        """Copy a member of `size` bytes to `path`; raises ArchiveError if its length differs."""
        path.parent.mkdir(parents=True, exist_ok=True)
        done = 0
        with named(path, self.scratch), self.scratch.open("wb") as file:
            while block := source.read(BLOCK_BYTES):
                done += len(block)
                if done > size:
                    break
                file.write(block)
        if done != size:
            more = "more" if done > size else "fewer"
            raise self.refusal(
                f"its member {path.name!r} has {more} than the {size} bytes declared"
            )
        self.scratch.replace(path)

    def refusal(self, why: str) -> ArchiveError:
        """The error that explains why the archive is rejected."""
        return ArchiveError(
            f"{self.name}: {why}, so unpacking stopped: delete it and fetch it from the published "
            "source"
        )


def unpack_zip(archive: zipfile.ZipFile, target: Target) -> Iterator[zipfile.ZipInfo]:
    """Unpack every file of `archive` in storage order, yielding each one when done.

    An existing file with the member's size and CRC is kept, and its data is not read from the
    archive. Raises ArchiveError for a damaged, hostile or encrypted member.
    """
    for info in sorted(archive.infolist(), key=lambda member: member.header_offset):
        kind = stat.S_IFMT(info.external_attr >> 16)
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR) or info.flag_bits & 1:
            raise target.refusal(f"its member {info.filename!r} is a link, special or encrypted")
        if info.is_dir():
            continue
        path = target.place(info.filename)
        if not (
            path.is_file() and path.stat().st_size == info.file_size and _crc(path) == info.CRC
        ):
            # zipfile stops at the declared size: allow one more byte, to detect surplus data.
            longer = copy.copy(info)
            longer.file_size += 1
            try:
                with archive.open(longer) as source:
                    target.write(path, source, info.file_size)
            except _BROKEN as error:
                raise target.refusal(
                    f"its member {info.filename!r} is damaged ({error})"
                ) from error
        yield info


def unpack_tar(archive: Path, target: Target) -> Iterator[str]:
    """Unpack every file of a tar.gz as `unpack_zip` does, yielding the name of each when done.

    Files are always rewritten, because a tar has no checksums to compare them with.
    """
    try:
        with gzip.open(archive) as stream:
            with tarfile.open(fileobj=stream, mode="r|") as members:
                for member in members:
                    if member.isdir():
                        continue
                    if not member.isreg() or member.issparse():
                        raise target.refusal(f"its member {member.name!r} is a link or special")
                    path = target.place(member.name)
                    content = members.extractfile(member)
                    assert content is not None, "a regular member has content"
                    target.write(path, content, member.size)
                    yield member.name
            while stream.read(BLOCK_BYTES):  # up to the end, where the checksum is
                pass
    except _BROKEN as error:
        raise target.refusal(f"it is damaged ({error})") from error


def _crc(path: Path) -> int:
    value = 0
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            value = zlib.crc32(block, value)
    return value
