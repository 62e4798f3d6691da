"""Recordings harvested from published shards: decoded once, kept small, prepared later.

A corpus root may hold `harvest/<split>/<shard>.parquet` (contract `harvest`) in place of audio
files. Each row is what preparation makes of one recording, as lossless FLAC: about half the size
of the samples and a thirtieth of a 48 kHz original. Its place is written `<file>#<row>`.
"""

import io
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import soundfile
import soxr

from sonify.contracts import tables
from sonify.contracts.audio_format import RATE_HZ
from sonify.data.audio.decoding import UnusableAudio, too_long
from sonify.data.audio.pcm import DTYPE
from sonify.data.audio.samples import Limits, Recording, prepared, too_short
from sonify.runtime.errors import SonifyError

FOLDER = "harvest"
# Small groups, so that one recording costs little to reach; the file's index stays small as well.
ROWS_PER_GROUP = 16
# Far longer than AudioSet's 10 s, to bound the memory; preparation applies its own limits again.
LIMITS = Limits(min_samples=1, max_s=600.0)
# Raised when `row` or preparation makes other samples of the same recording.
VERSION = 1
_PLACE = re.compile(rf"({FOLDER}/.+\.parquet)#(\d+)")


def made_with() -> dict[str, str | int]:
    """What else than the recordings decides what a harvest holds, by name."""
    return {"rate_hz": RATE_HZ, "soxr": soxr.__version__, "harvest_version": VERSION}


def row(shard_row: int, clip_id: str, audio: bytes) -> dict:
    """One row of contract `harvest` from an audio file in memory.

    Audio that cannot be used gives a row without samples that says why (`reason`, `detail`).
    """
    found = {"shard_row": shard_row, "clip_id": clip_id, "reason": "", "detail": "", "flac": b""}
    try:
        recording = prepared(io.BytesIO(audio), LIMITS)
    except UnusableAudio as error:
        return found | {"reason": error.reason, "detail": error.detail}
    flac = io.BytesIO()
    soundfile.write(flac, recording.pcm, RATE_HZ, format="FLAC", subtype="PCM_16")
    return found | recording.facts | {"flac": flac.getvalue()}


def write(groups: Iterable[list[dict]], path: Path) -> None:
    """Write groups of rows, in order, as one harvest file: whole or not at all."""
    schema = tables.contract("harvest").schema
    frames = (pa.Table.from_pylist(group, schema=schema) for group in groups)
    # FLAC does not compress any further.
    tables.write_parts(frames, path, "harvest", compression="none", use_dictionary=False)


def places(root: Path, split: str) -> dict[str, str]:
    """Id -> place of every recording harvested for `split`, usable or not; ids keep their case.

    Of several with one id, a usable one counts, and then the last.
    Raises SonifyError naming a file that is not a harvest file.
    """
    found: dict[str, str] = {}
    unusable: dict[str, str] = {}
    for file in sorted((Path(root) / FOLDER / split).glob("*.parquet")):
        for shard_row, clip_id, reason in _columns(file, "shard_row", "clip_id", "reason"):
            (unusable if reason else found)[clip_id] = f"{FOLDER}/{split}/{file.name}#{shard_row}"
    return unusable | found


def recording(root: Path, path: str, limits: Limits) -> Recording:
    """The recording at `path` below `root`, ready to store: a harvested one or an audio file.

    Raises UnusableAudio as `sonify.data.audio.samples.prepared` does; a harvested recording that
    was of no use has the reason it was given then. Raises SonifyError for a broken harvest file.
    """
    place = _PLACE.fullmatch(path)
    if place is None:
        return prepared(Path(root) / path, limits)
    file, shard_row = Path(root) / place[1], int(place[2])
    found = _group(file, shard_row // ROWS_PER_GROUP).slice(shard_row % ROWS_PER_GROUP, 1)
    if found["shard_row"].to_pylist() != [shard_row]:
        raise _broken(file, f"row {shard_row} is not in its place")
    (kept,) = found.to_pylist()
    if kept["reason"]:
        raise UnusableAudio(kept["reason"], kept["detail"])
    if kept["source_samples"] > int(limits.max_s * kept["source_rate"]):
        raise too_long(limits.max_s)
    if kept["n_samples"] < limits.min_samples:
        raise too_short(kept["n_samples"], limits.min_samples)
    try:
        pcm, _ = soundfile.read(io.BytesIO(kept["flac"]), dtype="int16")
    except soundfile.LibsndfileError as error:
        raise _broken(file, f"row {shard_row} is no FLAC that can be decoded") from error
    if len(pcm) != kept["n_samples"]:
        raise _broken(file, f"row {shard_row} has {len(pcm)} of {kept['n_samples']} samples")
    described = ("gain", "source_rate", "source_samples", "channels")
    return Recording(pcm.astype(DTYPE), **{name: kept[name] for name in described})


def reading_order(path: str) -> tuple[str, int]:
    """Sorts the paths of a listing so that harvest files are read from start to end."""
    place = _PLACE.fullmatch(path)
    return (place[1], int(place[2])) if place else (path, 0)


def _columns(file: Path, *names: str) -> Iterator[tuple]:
    try:
        table = pq.read_table(file, columns=list(names), partitioning=None)
        return zip(*(table[name].to_pylist() for name in names), strict=True)
    except (pa.ArrowInvalid, KeyError) as error:
        raise _broken(file, str(error)) from error


@lru_cache(maxsize=16)
def _group(file: Path, number: int) -> pa.Table:
    """A row group; the last few are kept, since recordings are read in order by several threads."""
    try:
        with pq.ParquetFile(file) as parquet:
            return parquet.read_row_group(number)
    except (OSError, pa.ArrowInvalid) as error:
        raise _broken(file, str(error)) from error


def _broken(file: Path, problem: str) -> SonifyError:
    return SonifyError(f"{file}: {problem}: delete it and download again")
