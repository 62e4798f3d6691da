"""Helpers for writing corpora: audio files and tables as bytes, and realistic ids."""

import csv
import io
import wave
from collections.abc import Iterable, Sequence

import numpy as np
import soundfile

from sonify.runtime.seeds import generator, seed_for

# The first five characters of an id, in a caseless alphabet, make it unique even on disks that
# ignore case. The factors spread consecutive numbers (their ratio to the modulus is near the golden
# ratio) and are coprime to the modulus, so that every number has its own id.
_CASELESS = "-_0123456789abcdefghijklmnopqrstuvwxyz"
_YOUTUBE = "-_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_ID_COUNT, _ID_FACTOR = 38**5, 48_969_433
_NAME_COUNT, _NAME_FACTOR = 999_983, 618_029  # prime; Freesound ids have up to six digits

Seeds = tuple[int, int]  # of a corpus: that of its configuration, and that of the runs it is for


def wav(pcm: np.ndarray, rate_hz: int) -> bytes:
    """Encode samples, (time,) int16, as a mono 16-bit WAV file."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(pcm.itemsize)
        file.setframerate(rate_hz)
        file.writeframes(pcm.astype("<i2").tobytes())
    return buffer.getvalue()


def flac(pcm: np.ndarray, rate_hz: int) -> bytes:
    """Encode samples, (time,) int16, as a mono 16-bit FLAC file."""
    buffer = io.BytesIO()
    soundfile.write(buffer, pcm, rate_hz, format="FLAC", subtype="PCM_16")
    return buffer.getvalue()


def table(rows: Iterable[Sequence[object]]) -> bytes:
    """Encode rows as CSV, quoting only the fields that need it."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


def quoted(text: str) -> str:
    """Put a field in double quotes, doubling the quotes that it contains."""
    return '"' + text.replace('"', '""') + '"'


def youtube_id(seeds: Seeds, number: int) -> str:
    """An id of eleven characters like a video's, distinct for every number even if case is ignored.

    Two corpora share one with a probability of 1e-12 at most. Two in 38 ids begin with `-` or `_`,
    evenly spread over the numbers.
    """
    place = (number * _ID_FACTOR + seed_for("synthesis", *seeds, "audioset", "ids")) % _ID_COUNT
    rng = generator("synthesis", *seeds, "audioset", "id", number)
    head = ""
    for _ in range(5):
        # Digits are prepended, so that the leading character is the most evenly spread.
        place, digit = divmod(place, 38)
        head = _CASELESS[digit] + head
    head = "".join(c.upper() if rng.uniform() < 0.5 else c for c in head)
    return head + "".join(_YOUTUBE[i] for i in rng.integers(0, len(_YOUTUBE), 6))


def freesound_id(seeds: Seeds, number: int) -> str:
    """An id like a Freesound recording's, unique for each `number` below 999,983.

    Six digits are drawn; what stands before them is the runs' seed, counted from 1, so that the
    corpora of a dataset share no id.
    """
    place = number * _NAME_FACTOR + seed_for("synthesis", *seeds, "fsd50k", "ids")
    return f"{seeds[1] + 1}{place % _NAME_COUNT:06d}"
