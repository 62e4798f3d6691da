"""What a corpus is written with: audio and tables as bytes, and ids that look like real ones."""

import csv
import io
from collections.abc import Iterable, Sequence

import numpy as np
import soundfile

from sonify.runtime.seeds import generator, seed_for

# Ids are told apart by their first five characters, in an alphabet without case, so that they stay
# apart on disks that ignore it. The factors spread neighbours (their share of the modulus is near
# the golden ratio) and are coprime to it, so that every number has an id of its own.
_CASELESS = "-_0123456789abcdefghijklmnopqrstuvwxyz"
_YOUTUBE = "-_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_ID_COUNT, _ID_FACTOR = 38**5, 48_969_433
_NAME_COUNT, _NAME_FACTOR = 999_983, 618_029  # a prime: Freesound ids have up to six digits


def wav(pcm: np.ndarray, rate_hz: int) -> bytes:
    """A mono 16-bit WAV file of (time,) int16."""
    return _encoded(pcm, rate_hz, "WAV")


def flac(pcm: np.ndarray, rate_hz: int) -> bytes:
    """A mono 16-bit FLAC file of (time,) int16."""
    return _encoded(pcm, rate_hz, "FLAC")


def table(rows: Iterable[Sequence[object]]) -> bytes:
    """A comma-separated file that quotes only the fields that need it."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


def quoted(text: str) -> str:
    """A field in double quotes, its own quotes doubled."""
    return '"' + text.replace('"', '""') + '"'


def youtube_id(seed: int, number: int) -> str:
    """Eleven characters as of a video, one of 26 million in any letter case for each number.

    Two leading characters in 38 are `-` or `_`, in every run of about that many numbers.
    """
    place = (number * _ID_FACTOR + seed_for("synthesis", seed, "audioset", "ids")) % _ID_COUNT
    rng = generator("synthesis", seed, "audioset", "id", number)
    head = ""
    for _ in range(5):
        # Remainders are put in front, so that the leading character is the best spread one.
        place, digit = divmod(place, 38)
        head = _CASELESS[digit] + head
    head = "".join(c.upper() if rng.uniform() < 0.5 else c for c in head)
    return head + "".join(_YOUTUBE[i] for i in rng.integers(0, len(_YOUTUBE), 6))


def freesound_id(seed: int, number: int) -> str:
    """A whole number as of a Freesound recording, another for each `number` below a million."""
    place = number * _NAME_FACTOR + seed_for("synthesis", seed, "fsd50k", "ids")
    return str(place % _NAME_COUNT + 1)


def _encoded(pcm: np.ndarray, rate_hz: int, form: str) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, pcm, rate_hz, format=form, subtype="PCM_16")
    return buffer.getvalue()
