"""The frames of an MP3 file, counted.

Without a frame count in front (Xing, Info), libsndfile estimates the length from the size of the
first frame, and stops there.
"""

import struct
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from sonify.data.audio.splicing import spliced

_READ = 1 << 16  # bytes looked at together
_MPEG_RATES = (44100, 48000, 32000)  # Hz, of version 1; halved in 2, quartered in 2.5
# Kilobits per second by (version 1, layer) and by index, from 1.
_MPEG_KBPS = {
    (True, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}


class Mpeg(NamedTuple):
    """A frame of MPEG audio: its bytes and samples, and what all frames of a stream share."""

    size: int
    samples: int
    rate: int
    kind: int  # bits of version, layer and sampling rate
    side: int  # bytes of side information


def counted(file: BinaryIO, longest: float) -> tuple[BinaryIO | None, int]:
    """An MP3 file with its number of frames written in front, and the samples in its frames,
    without those that its own header says the encoder has added.

    The file is None where its own header has that number, or a larger one, as a truncated file's
    does. Counting stops beyond `longest` seconds. Without any frame (None, 0).
    """
    file.seek(0)
    found = frames(file)
    first = next(found, None)
    if first is None:
        return None, 0
    at, frame = first
    promised, is_header = _frame_count(file, at, frame)
    start = at + frame.size if is_header else at
    count = 0 if is_header else 1
    for _ in found:
        count += 1
        if count * frame.samples > (longest + 1) * frame.rate:
            break
    samples = count * frame.samples
    if promised is not None and count <= promised + 1:
        return None, max(samples - _trimmed(file, at, frame), 0)
    head = _counted_header(file, at, frame, count)
    return spliced(head, file, start) if head else None, samples


def frames(file: BinaryIO) -> Iterator[tuple[int, Mpeg]]:
    """Yield offset and frame of each whole MPEG frame, over tags and damaged bytes."""
    end = file.seek(0, 2)
    at, kind = _after_tag(file), None
    while at + 4 <= end:
        file.seek(at)
        frame = _mpeg(file.read(4))
        if frame is None or (kind is not None and frame.kind != kind):
            found = _next_frame(file, at + 1, kind)
            if found is None:
                return
            at = found
            continue
        if at + frame.size > end:
            return
        kind = frame.kind
        yield at, frame
        at += frame.size


def _next_frame(file: BinaryIO, at: int, kind: int | None) -> int | None:
    """The offset of the next frame that another one follows."""
    file.seek(at)
    window = file.read(_READ)
    while len(window) >= 4:
        for i in range(len(window) - 3):
            if window[i] != 0xFF or window[i + 1] < 0xE0:
                continue
            frame = _mpeg(window[i : i + 4])
            if frame is None or (kind is not None and frame.kind != kind):
                continue
            file.seek(at + i + frame.size)
            after = _mpeg(file.read(4))
            if after is not None and after.kind == frame.kind:
                return at + i
        at += len(window) - 3
        file.seek(at)
        window = file.read(_READ)
    return None


def _after_tag(file: BinaryIO) -> int:
    """The offset behind the ID3v2 tag, 0 without one."""
    file.seek(0)
    tag = file.read(10)
    if tag[:3] != b"ID3" or len(tag) < 10:
        return 0
    return 10 + sum(
        (byte & 127) << shift for byte, shift in zip(tag[6:], (21, 14, 7, 0), strict=True)
    )


def _mpeg(head: bytes) -> Mpeg | None:
    """The frame with these first four bytes; None if they begin none of known length."""
    bits = int.from_bytes(head, "big")
    version, layer, index, rate = (
        bits >> 19 & 3,
        4 - (bits >> 17 & 3),
        bits >> 12 & 15,
        bits >> 10 & 3,
    )
    if len(head) < 4 or bits >> 21 != 0x7FF or version == 1 or layer == 4 or rate == 3:
        return None
    if index in (0, 15):
        return None
    one = version == 3
    hertz = _MPEG_RATES[rate] >> (0 if one else 1 if version == 2 else 2)
    kbps, padded = _MPEG_KBPS[one, layer][index - 1], bits >> 9 & 1
    samples = 384 if layer == 1 else 1152 if layer == 2 or one else 576
    if layer == 1:
        size = (12_000 * kbps // hertz + padded) * 4
    else:
        size = samples // 8 * 1000 * kbps // hertz + padded
    mono = bits >> 6 & 3 == 3
    side = (17 if mono else 32) if one else (9 if mono else 17)
    return Mpeg(size, samples, hertz, bits >> 10 & 3 | bits >> 17 & 15 << 2, side)


def _frame_count(file: BinaryIO, at: int, frame: Mpeg) -> tuple[int | None, bool]:
    """The number of frames that the first frame promises, and whether it is a header, not sound."""
    file.seek(at)
    content = file.read(frame.size)
    xing = content[4 + frame.side : 16 + frame.side]
    if xing[:4] in (b"Xing", b"Info"):
        held = len(xing) == 12 and xing[7] & 1
        return (int.from_bytes(xing[8:12], "big") or None) if held else None, True
    return None, content[36:40] == b"VBRI"


def _trimmed(file: BinaryIO, at: int, frame: Mpeg) -> int:
    """The samples before and after the sound that decoders leave out, by the header's LAME tag.

    Up to three frames, a fifth of a second at 8 kHz.
    """
    file.seek(at + 4 + frame.side)
    xing = file.read(min(frame.size - 4 - frame.side, 156))
    flags = xing[7] if len(xing) > 7 else 0
    tag = 8 + sum(size for bit, size in enumerate((4, 4, 100, 4)) if flags >> bit & 1)
    both = int.from_bytes(xing[tag + 21 : tag + 24], "big")
    return (both >> 12) + (both & 0xFFF)


def _counted_header(file: BinaryIO, at: int, frame: Mpeg, count: int) -> bytes | None:
    """A frame with the number of frames in it, as encoders write first; None where none may be."""
    file.seek(at)
    head = bytearray(file.read(4))
    if head[1] >> 1 & 3 != 1:  # only layer III has them
        return None
    head[1] |= 1  # no checksum
    head[2] = head[2] & 0x0C | 0x90  # 128 or 80 kbit/s, no padding
    made = _mpeg(bytes(head))
    if made is None:
        return None
    content = bytes(head) + bytes(made.side) + b"Xing" + struct.pack(">II", 1, count)
    return content.ljust(made.size, b"\0")
