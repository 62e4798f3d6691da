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
_TAGS = (b"ID3", b"TAG", b"APETAGEX")  # appended by programs that tag music
_PADDING = 4096  # bytes at the end of a file that are not looked at
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
    format of a chunk size, name of the chunk that holds the samples, alignment, whether sizes
    include the chunk's own header, and bytes of that chunk before the samples."""

    order: str
    start: int
    name: int
    size: str
    samples: bytes
    align: int
    whole: bool = False
    before: int = 0


_WAVE = _Chunks("<", 12, 4, "I", b"data", 2)
_FORMS = {
    b"RIFF": _WAVE,
    b"RF64": _WAVE,
    b"BW64": _WAVE,
    b"RIFX": _WAVE._replace(order=">"),
    b"FORM": _Chunks(">", 12, 4, "I", b"SSND", 2, before=8),
    b"caff": _Chunks(">", 8, 4, "q", b"data", 1, before=4),
    b"riff": _Chunks("<", 40, 16, "Q", b"data", 8, whole=True),
}


def foreign(head: bytes) -> str | None:
    """The name of a format that libsndfile cannot read, given its first 12 bytes; else None."""
    names = (name for at, magic, name in _FOREIGN if head[at : at + len(magic)] == magic)
    return next(names, None)


class Samples(NamedTuple):
    """The place of the samples by a header: the first byte of their chunk and its number of bytes,
    then where that number is written, in which struct format, how much more it is there, and how
    many of the bytes come before the samples."""

    at: int
    size: int
    size_at: int
    size_format: str
    own: int = 0
    before: int = 0


def shortfall(file: BinaryIO) -> str | None:
    """Describe, as a clause, what a truncated file is missing; None if nothing is known to be.

    Counts bytes of samples for all variants of WAV, AIFF, W64, CAF and AU, and checks the last page
    of Ogg. In other formats truncation shows up, if at all, during decoding. Bytes after the
    samples that do not form a chunk count as sound: they were written after the header.
    """
    end = file.seek(0, 2)
    file.seek(0)
    head = file.read(4)
    if head == b"OggS":
        return None if _ogg_is_complete(file, end) else "the file ends before its last Ogg page"
    place = samples_at(file, head, end)
    if place is None:
        return None
    at, size = place.at, place.size
    if size > end - at:
        if size >= _UNKNOWN_FROM > end:
            return None
        return (
            f"{max(0, end - at)} of the {size} bytes of samples that its header promises are there"
        )
    if size > place.before and not only_chunks(file, head, at + size, end):
        behind = end - at - size
        return f"{behind} bytes behind the {size} that its header promises are in no chunk"
    return None


def samples_at(file: BinaryIO, form: bytes, end: int) -> Samples | None:
    """Find the samples of a file that begins with `form`; None if its header does not say."""
    if form == b".snd":
        file.seek(4)
        place = file.read(8)
        if len(place) < 8:
            return None
        at, size = struct.unpack(">II", place)
        return Samples(at, size, 8, ">I")
    return _chunks(file, form, end)


def only_chunks(file: BinaryIO, form: bytes, at: int, end: int) -> bool:
    """Return True if from byte `at` on there is nothing but chunks, tags and padding.

    Chunks have names of printable letters; what is less than a page is taken for padding too.
    """
    kind = _FORMS.get(form)
    while end - at > _PADDING:
        file.seek(at)
        name = file.read(16)
        if kind is None or not any(name):
            return kind is not None
        printable = name.startswith(_TAGS) or all(
            32 <= letter < 127 for letter in name[: min(kind.name, 4)]
        )
        if not printable and at % 2:
            at += 1
            continue
        return printable
    return True


def _chunks(file: BinaryIO, form: bytes, end: int) -> Samples | None:
    if form not in _FORMS:
        return None
    kind = _FORMS[form]
    head = struct.Struct(f"{kind.order}{kind.name}s{kind.size}")
    at, long_size = kind.start, None
    while at + head.size <= end:
        file.seek(at)
        name, size = head.unpack(file.read(head.size))
        own = head.size if kind.whole else 0
        size -= own
        at += head.size
        if name[:4] == b"ds64" and size >= 16:
            sizes = file.read(16)
            if len(sizes) < 16:
                return None
            long_size = (struct.unpack("<Q", sizes[8:])[0], at + 8)
        if name[:4] == kind.samples:
            if long_size is not None and size == 0xFFFFFFFF:
                return Samples(at, *long_size, "<Q")
            written = struct.calcsize(kind.size)
            return Samples(at, size, at - written, kind.order + kind.size, own, kind.before)
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
