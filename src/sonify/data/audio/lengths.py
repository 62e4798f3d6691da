"""The length of a recording where its header does not give it, or gives it wrongly.

libsndfile stops where the header says. That is an estimate in an MP3 file without a frame count, a
leftover in files that a recorder did not close, and the first of several streams in an Ogg file.
Here frames are counted, and libsndfile is given the same file with the length that was found.
"""

import io
import struct
from typing import BinaryIO

from sonify.data.audio import containers
from sonify.data.audio.splicing import spliced

_FLAC_TAIL = 1 << 17  # bytes, more than any frame has
_FLAC_BLOCKS = {1: 192, **{c: 576 << (c - 2) for c in range(2, 6)}}
_FLAC_BLOCKS |= {c: 256 << (c - 8) for c in range(8, 16)}
_FLAC_STREAMINFO = 42  # bytes of a file up to the end of the first block


def unclosed(file: BinaryIO) -> BinaryIO | None:
    """Return the file with the size of its samples filled in, where its header leaves it at 0.

    None for any other file, including one with nothing after its header.
    """
    end = file.seek(0, 2)
    file.seek(0)
    head = file.read(4)
    place = containers.samples_at(file, head, end)
    if place is None or not 0 <= place.size <= place.before:
        return None
    if containers.only_chunks(file, head, place.at + place.size, end):
        return None
    file.seek(0)
    header = bytearray(file.read(place.at))
    code = struct.Struct(place.size_format)
    whole = end - place.at + place.own
    if whole >= 1 << (8 * code.size - 1):
        return None
    code.pack_into(header, place.size_at, whole)
    return spliced(bytes(header), file, place.at)


def flac(file: BinaryIO) -> BinaryIO | None:
    """The FLAC file with the number of samples that its last frame gives; None where its header
    gives that, or more, as a truncated file's does."""
    file.seek(0)
    header = bytearray(file.read(_FLAC_STREAMINFO))
    if header[:4] != b"fLaC" or len(header) < _FLAC_STREAMINFO:
        return None
    held = int.from_bytes(header[18:26], "big")  # rate 20, channels 3, bits 5, samples 36
    block = int.from_bytes(header[8:10], "big")
    end = file.seek(0, 2)
    at = file.seek(max(_FLAC_STREAMINFO, end - _FLAC_TAIL))
    last = _last_flac_sample(file.read(end - at), block)
    if last is None or last <= held & (1 << 36) - 1:
        return None
    header[18:26] = (held >> 36 << 36 | last).to_bytes(8, "big")
    return spliced(bytes(header), file, _FLAC_STREAMINFO)


def ogg_streams(file: BinaryIO) -> list[BinaryIO]:
    """The streams of an Ogg file that follow each other, one or several."""
    end = file.seek(0, 2)
    starts, at, opening = [], 0, False
    while at + 27 <= end:
        file.seek(at)
        head = file.read(27)
        if head[:4] != b"OggS":
            break
        first = bool(head[5] & 2)
        if first and not opening:
            starts.append(at)
        opening = first
        at += 27 + head[26] + sum(file.read(head[26]))
    if len(starts) < 2:
        return [file]
    parts = []
    for start, stop in zip(starts, [*starts[1:], end], strict=True):
        file.seek(start)
        parts.append(io.BytesIO(file.read(stop - start)))
    return list(parts)


def _last_flac_sample(tail: bytes, block: int) -> int | None:
    """The number of samples up to the end of the last frame that begins in `tail`."""
    at = len(tail)
    while (at := tail.rfind(b"\xff", 0, at)) >= 0:
        if tail[at + 1 : at + 2] in (b"\xf8", b"\xf9"):
            last = _flac_frame_end(tail[at : at + 16], block)
            if last is not None:
                return last
    return None


def _flac_frame_end(head: bytes, block: int) -> int | None:
    """The sample after the last of the frame with this header; None if it is no header."""
    if len(head) < 6 or head[3] & 1:
        return None
    size_code, rate_code = head[2] >> 4, head[2] & 15
    n = 1
    if head[4] >= 0x80:
        n = 8 - (head[4] ^ 0xFF).bit_length()
        if n < 2 or n > 7:
            return None
    number = head[4] if n == 1 else head[4] & (0x7F >> n)
    for byte in head[5 : 4 + n]:
        number = number << 6 | byte & 63
    at = 4 + n
    extra = {6: 1, 7: 2}.get(size_code, 0)
    size = _FLAC_BLOCKS.get(size_code, int.from_bytes(head[at : at + extra], "big") + 1)
    at += extra + {12: 1, 13: 2, 14: 2}.get(rate_code, 0)
    if size_code == 0 or rate_code == 15 or at >= len(head) or _crc8(head[:at]) != head[at]:
        return None
    return (number if head[1] & 1 else number * block) + size


def _crc8(content: bytes) -> int:
    crc = 0
    for byte in content:
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1 ^ 7) & 0xFF if crc & 0x80 else crc << 1
    return crc
