"""Compact copies of recordings from published shards, decoded once for later preparation.

A corpus root may hold `harvest/<split>/<shard>.parquet` (contract `harvest`) instead of audio
files. Each row holds one prepared recording as lossless FLAC: about half the size of its samples
and a thirtieth of a 48 kHz original. It is addressed as `<file>#<row>`.
"""

import io
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path

import pyarrow as pa
import soundfile
import soxr

from sonify.contracts import tables
from sonify.contracts.audio_format import RATE_HZ
from sonify.data.audio.decoding import UnusableAudio, too_long
from sonify.data.audio.pcm import DTYPE
from sonify.data.audio.samples import Limits, Recording, prepared, too_short
from sonify.runtime.errors import SonifyError

FOLDER = "harvest"
# Small groups make single recordings cheap to read; the file's index remains small as well.
ROWS_PER_GROUP = 16
# Much longer than AudioSet's 10 s, only to bound memory; preparation applies its own limits.
LIMITS = Limits(min_samples=1, max_s=600.0)
# Incremented if `row` or preparation yields different samples for the same recording.
VERSION = 1
_PLACE = re.compile(rf"({FOLDER}/.+\.parquet)#(\d+)")


def provenance() -> dict[str, str | int]:
    """The settings and versions, by name, that determine a harvest besides the recordings."""
    return {"rate_hz": RATE_HZ, "soxr": soxr.__version__, "harvest_version": VERSION}


def row(shard_row: int, clip_id: str, audio: bytes) -> dict:
    """Make one row of contract `harvest` from an audio file in memory.

    Unusable audio gives a row without samples that states why (`reason`, `detail`).
    """
    empty = {"shard_row": shard_row, "clip_id": clip_id, "reason": "", "detail": "", "flac": b""}
    try:
        recording = prepared(io.BytesIO(audio), LIMITS)
    except UnusableAudio as error:
        return empty | {"reason": error.reason, "detail": error.detail}
    flac = io.BytesIO()
    soundfile.write(flac, recording.pcm, RATE_HZ, format="FLAC", subtype="PCM_16")
    return empty | recording.facts | {"flac": flac.getvalue()}


def write(groups: Iterable[list[dict]], path: Path) -> None:
    """Write groups of rows, in order, to one harvest file atomically."""
    schema = tables.contract("harvest").schema
    frames = (pa.Table.from_pylist(group, schema=schema) for group in groups)
    # FLAC does not compress further.
    tables.write_parts(frames, path, "harvest", compression="none", use_dictionary=False)


def places(root: Path, split: str) -> dict[str, str]:
    """Map ids to places for all recordings harvested for `split`, usable or not.

    If several recordings have one id, the last usable one counts, or else the last. Ids are
    case-sensitive. Raises SonifyError naming a file that is not a harvest file.
    """
    usable: dict[str, str] = {}
    unusable: dict[str, str] = {}
    for file in sorted((Path(root) / FOLDER / split).glob("*.parquet")):
        for shard_row, clip_id, reason in _columns(file, "shard_row", "clip_id", "reason"):
            (unusable if reason else usable)[clip_id] = f"{FOLDER}/{split}/{file.name}#{shard_row}"
    return unusable | usable


def recording(root: Path, path: str, limits: Limits) -> Recording:
    """Return the recording at `path` below `root`, harvested or an audio file, ready to store.

    Raises UnusableAudio as `sonify.data.audio.samples.prepared` does, with the reason recorded at
    harvest time for harvested recordings. Raises SonifyError for a corrupt harvest file.
    """
    place = _PLACE.fullmatch(path)
    if place is None:
        return prepared(Path(root) / path, limits)
    file, shard_row = Path(root) / place[1], int(place[2])
    rows = _group(file, shard_row // ROWS_PER_GROUP).slice(shard_row % ROWS_PER_GROUP, 1)
    if rows["shard_row"].to_pylist() != [shard_row]:
        raise _broken(file, f"row {shard_row} is not in its place")
    (kept,) = rows.to_pylist()
    if kept["reason"]:
        raise UnusableAudio(kept["reason"], kept["detail"])
    if kept["source_samples"] > int(limits.max_s * kept["source_rate"]):
        raise too_long(limits.max_s)
    if kept["n_samples"] < limits.min_samples:
        raise too_short(kept["n_samples"], limits.min_samples)
    try:
        pcm, _ = soundfile.read(io.BytesIO(kept["flac"]), dtype="int16")
    except soundfile.LibsndfileError as error:
        raise _broken(file, f"row {shard_row} cannot be decoded as FLAC") from error
    if len(pcm) != kept["n_samples"]:
        raise _broken(file, f"row {shard_row} has {len(pcm)} of {kept['n_samples']} samples")
    described = ("gain", "source_rate", "source_samples", "channels")
    return Recording(pcm.astype(DTYPE), **{name: kept[name] for name in described})


def reading_order(path: str) -> tuple[str, int]:
    """Sort key for the paths of a listing, so that harvest files are read from start to end."""
    place = _PLACE.fullmatch(path)
    return (place[1], int(place[2])) if place else (path, 0)


def _columns(file: Path, *names: str) -> Iterator[tuple]:
    try:
        with tables.opened(file) as part:
            table = part.read(list(names))
        return zip(*(table[name].to_pylist() for name in names), strict=True)
    except (OSError, pa.ArrowInvalid, KeyError) as error:
        raise _broken(file, str(error)) from error


@lru_cache(maxsize=16)
def _group(file: Path, number: int) -> pa.Table:
    """Read a row group; recent ones stay cached, as several threads read recordings in order."""
    try:
        with tables.opened(file) as parquet:
            return parquet.read_row_group(number)
    except (OSError, pa.ArrowInvalid) as error:
        raise _broken(file, str(error)) from error


def _broken(file: Path, problem: str) -> SonifyError:
    return SonifyError(f"{file}: {problem}: delete it and download again")
