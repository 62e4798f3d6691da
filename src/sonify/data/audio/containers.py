"""Detect truncated audio files from their headers, without decoding them.

libsndfile silently reads a truncated WAV file as a shorter one; this compares the length that the
header promises with the bytes that are there.
"""

import struct
from typing import BinaryIO, NamedTuple

# Placeholder sizes left by writers to a pipe, which cannot know the length: no promise.
_UNKNOWN_FROM = 0x7FFF0000
_OGG_PAGE = 65307  # maximum page size in bytes
_LAST_PAGE = 4
# Magic numbers of formats that libsndfile cannot read: (offset, bytes, name).
_FOREIGN = (
    (4, b"ftyp", "MPEG-4 audio"),
    (0, b"\x1a\x45\xdf\xa3", "Matroska or WebM audio"),
    (0, b"\x30\x26\xb2\x75", "Windows Media audio"),
    (0, b"\xff\xf1", "AAC audio"),
    (0, b"\xff\xf9", "AAC audio"),
    (0, b"OggS", "this Ogg audio"),
)


class _Chunks(NamedTuple):
    """A chunked file format: byte order, offset of the first chunk, length of a chunk name, struct
    format of a chunk size, name of the chunk that holds the samples, alignment, and whether sizes
    include the chunk's own header."""

    order: str
    start: int
    name: int
    size: str
    samples: bytes
    align: int
    whole: bool = False


_WAVE = _Chunks("<", 12, 4, "I", b"data", 2)
_FORMS = {
    b"RIFF": _WAVE,
    b"RF64": _WAVE,
    b"BW64": _WAVE,
    b"RIFX": _WAVE._replace(order=">"),
    b"FORM": _Chunks(">", 12, 4, "I", b"SSND", 2),
    b"caff": _Chunks(">", 8, 4, "q", b"data", 1),
    b"riff": _Chunks("<", 40, 16, "Q", b"data", 8, whole=True),
}


def foreign(head: bytes) -> str | None:
    """The name of a format that libsndfile cannot read, given its first 12 bytes; else None."""
    names = (name for at, magic, name in _FOREIGN if head[at : at + len(magic)] == magic)
    return next(names, None)


def shortfall(file: BinaryIO) -> str | None:
    """Describe, as a clause, what a truncated file is missing; None if nothing is known to be.

    Counts bytes of samples for all variants of WAV, AIFF, W64, CAF and AU, and checks the last page
    of Ogg. In other formats truncation shows up, if at all, during decoding.
    """
    end = file.seek(0, 2)
    file.seek(0)
    head = file.read(12)
    if head[:4] == b"OggS":
        return None if _ogg_is_complete(file, end) else "the file ends before its last Ogg page"
    promise = _au(head) if head[:4] == b".snd" else _chunks(file, head[:4], end)
    if promise is None:
        return None
    at, size = promise
    if size <= end - at or size >= _UNKNOWN_FROM > end:
        return None
    return f"{max(0, end - at)} of the {size} bytes of samples that its header promises are there"


def _au(head: bytes) -> tuple[int, int] | None:
    return struct.unpack(">II", head[4:12]) if len(head) == 12 else None


def _chunks(file: BinaryIO, form: bytes, end: int) -> tuple[int, int] | None:
    """The offset of the samples, and the number of bytes that the header promises."""
    if form not in _FORMS:
        return None
    kind = _FORMS[form]
    head = struct.Struct(f"{kind.order}{kind.name}s{kind.size}")
    at, long_size = kind.start, None
    while at + head.size <= end:
        file.seek(at)
        name, size = head.unpack(file.read(head.size))
        if kind.whole:
            size -= head.size
        at += head.size
        if name[:4] == b"ds64" and size >= 16:
            sizes = file.read(16)
            if len(sizes) < 16:
                return None
            long_size = struct.unpack("<Q", sizes[8:])[0]
        if name[:4] == kind.samples:
            return at, size if long_size is None or size != 0xFFFFFFFF else long_size
        if size < 0:
            return None
        at += -(-size // kind.align) * kind.align
    return None


def _ogg_is_complete(file: BinaryIO, end: int) -> bool:
    """Return True if the last page is complete and marked as the last."""
    file.seek(max(0, end - _OGG_PAGE))
    tail = file.read()
    at = tail.rfind(b"OggS")
    page = tail[at:]
    if at < 0 or len(page) < 27:
        return False
    lacing = page[27 : 27 + page[26]]
    whole = len(lacing) == page[26] and len(page) >= 27 + page[26] + sum(lacing)
    return whole and bool(page[5] & _LAST_PAGE)
