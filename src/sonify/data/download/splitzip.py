"""Read zip archives that are split into parts (`zip -s`), without an external program.

Concatenating the parts does not help: each entry of the central directory counts its offset from
the start of the part in which the entry's data begins. Here the parts appear as one seekable file,
followed by a directory rewritten as for a single archive. The standard `zipfile` reads that and
checks every member's CRC. A part is requested only when a byte of it is read.
"""

import io
import struct
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import accumulate
from pathlib import Path

from sonify.runtime.errors import SonifyError

# Records of the format, named as in APPNOTE 4.3.
_END = struct.Struct("<4s4H2LH")  # this disk, directory's disk, entries here, in all, size, offset
_END64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR64 = struct.Struct("<4sLQL")  # disk and offset of END64, number of disks
_ENTRY = struct.Struct("<4s6H3L5H2L")
_EXTRA = struct.Struct("<2H")
_NONE16, _NONE32 = 0xFFFF, 0xFFFFFFFF  # "see the ZIP64 record"
_ZIP64 = 1  # id of that record among the extra fields
_BUFFER = 1 << 20
# Exceptions that zipfile and struct raise for damaged records.
UNREADABLE = (
    zipfile.BadZipFile,
    struct.error,
    NotImplementedError,
    IndexError,
    UnicodeDecodeError,
)


class ArchiveError(SonifyError):
    """An archive that is damaged or rejected; the message is one sentence with a remedy."""


class Parts(io.RawIOBase):
    """Concatenated files, followed by `tail`, as one seekable file.

    sizes: bytes of each file; part: returns the path of file i, called when it is first read.
    """

    def __init__(self, sizes: Sequence[int], part: Callable[[int], Path]) -> None:
        self.starts = [0, *accumulate(sizes)]
        self.part = part
        self.tail = b""
        self._at = 0
        self._index: int | None = None
        self._open: io.BufferedReader | None = None

    @property
    def size(self) -> int:
        """The total size of the files in bytes, without the tail."""
        return self.starts[-1]

    def index(self, offset: int) -> int:
        """The index of the file that holds the byte at `offset`."""
        return next(i for i, end in enumerate(self.starts[1:]) if offset < end)

    def readable(self) -> bool:
        """True."""
        return True

    def seekable(self) -> bool:
        """True."""
        return True

    def tell(self) -> int:
        """The offset of the next byte."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to a byte, as in any file."""
        base = (0, self._at, self.size + len(self.tail))[whence]
        if base + offset < 0:
            raise OSError(f"cannot seek to byte {base + offset} of an archive")
        self._at = base + offset
        return self._at

    def readinto(self, buffer) -> int:
        """Fill the buffer from the current file, possibly only in part."""
        if self._at >= self.size:
            block = self.tail[self._at - self.size :][: len(buffer)]
        else:
            i = self.index(self._at)
            if i != self._index:
                self._shut()
                self._open, self._index = self.part(i).open("rb"), i
            assert self._open is not None
            self._open.seek(self._at - self.starts[i])
            block = self._open.read(min(len(buffer), self.starts[i + 1] - self._at))
        buffer[: len(block)] = block
        self._at += len(block)
        return len(block)

    def _shut(self) -> None:
        if self._open is not None:
            self._open.close()
        self._open = self._index = None

    def close(self) -> None:
        """Close this object and the part that is open."""
        self._shut()
        super().close()


@contextmanager
def open_split(
    sizes: Sequence[int], part: Callable[[int], Path]
) -> Iterator[tuple[zipfile.ZipFile, Parts]]:
    """Open the archive whose parts have `sizes` bytes: yields a ZipFile and its parts.

    part: returns the path of part i (the last is the .zip), called when it is first read, so that
    parts can be fetched and deleted while members are read in storage order.
    Raises ArchiveError if the directory does not match an archive with these parts.
    """
    with Parts(sizes, part) as parts:
        try:
            parts.tail = _single_disk(parts)
            archive = zipfile.ZipFile(io.BufferedReader(parts, _BUFFER))
        except UNREADABLE as error:
            raise _damaged(parts, f"its directory cannot be read ({error})") from error
        with archive:
            yield archive, parts


def _single_disk(parts: Parts) -> bytes:
    """The directory rewritten as for an unsplit archive, to follow the parts."""
    n, size, offset = _end(parts)
    directory = io.BytesIO(_read(parts, offset, size))
    entries = b"".join(_entry(directory, parts) for _ in range(n))
    end64 = _END64.pack(b"PK\6\6", _END64.size - 12, 45, 45, 0, 0, n, n, len(entries), parts.size)
    locator = _LOCATOR64.pack(b"PK\6\7", 0, parts.size + len(entries), 1)
    end = _END.pack(b"PK\5\6", 0, 0, _NONE16, _NONE16, _NONE32, _NONE32, 0)
    return entries + end64 + locator + end


def _end(parts: Parts) -> tuple[int, int, int]:
    """The number of entries in the directory, its size, and its offset in the joined file."""
    # The record usually ends the file, but a comment of up to 65,535 bytes may follow it.
    for longest in (_END.size, _END.size + _NONE16):
        begin = max(parts.size - longest, 0)
        last = _read(parts, begin, parts.size - begin)
        at = last.rfind(b"PK\5\6")
        if at >= 0:
            break
    else:
        raise _damaged(parts, "it has no end record")
    _, disk, first_disk, _, n, size, offset, _ = _END.unpack_from(last, at)
    locator = begin + at - _LOCATOR64.size
    if locator >= 0 and _read(parts, locator, 4) == b"PK\6\7":
        _, disk64, offset64, disks = _LOCATOR64.unpack(_read(parts, locator, _LOCATOR64.size))
        place = parts.starts[disk64] + offset64
        fields = _END64.unpack(_read(parts, place, _END64.size))
        disk, first_disk, n, size, offset = disks - 1, fields[5], *fields[7:]
    if disk != len(parts.starts) - 2:
        raise _damaged(parts, f"it has {disk + 1} parts where {len(parts.starts) - 1} are listed")
    return n, size, parts.starts[first_disk] + offset


def _entry(directory: io.BytesIO, parts: Parts) -> bytes:
    """Rewrite the next entry with its offset counted from the first part, always in ZIP64 form."""
    fields = list(_ENTRY.unpack(directory.read(_ENTRY.size)))
    packed, unpacked, name, extra, comment, disk = fields[8:14]
    offset = fields[16]
    if fields[0] != b"PK\1\2":
        raise _damaged(parts, "its directory is corrupt")
    name = directory.read(name)
    others, zip64 = _extra_fields(directory.read(extra))
    comment = directory.read(comment)
    wide = io.BytesIO(zip64)
    if unpacked == _NONE32:
        unpacked = int.from_bytes(wide.read(8), "little")
    if packed == _NONE32:
        packed = int.from_bytes(wide.read(8), "little")
    if offset == _NONE32:
        offset = int.from_bytes(wide.read(8), "little")
    if disk == _NONE16:
        disk = int.from_bytes(wide.read(4), "little")
    offset += parts.starts[disk]
    others += _EXTRA.pack(_ZIP64, 24) + struct.pack("<3Q", unpacked, packed, offset)
    fields[8:10] = _NONE32, _NONE32
    fields[11], fields[13], fields[16] = len(others), 0, _NONE32
    return _ENTRY.pack(*fields) + name + others + comment


def _extra_fields(extra: bytes) -> tuple[bytes, bytes]:
    """Separate the extra fields into all but the ZIP64 one, and the content of that one."""
    others, zip64 = b"", b""
    while len(extra) >= _EXTRA.size:
        kind, length = _EXTRA.unpack_from(extra)
        whole, extra = extra[: 4 + length], extra[4 + length :]
        if kind == _ZIP64:
            zip64 = whole[4:]
        else:
            others += whole
    return others, zip64


def _read(parts: Parts, offset: int, size: int) -> bytes:
    parts.seek(offset)
    block = b""
    while len(block) < size and (more := parts.read(size - len(block))):
        block += more
    return block


def _damaged(parts: Parts, why: str) -> ArchiveError:
    name = parts.part(len(parts.starts) - 2)
    return ArchiveError(
        f"{name} is not the last part of the listed zip archive: {why}: delete it and run again"
    )
