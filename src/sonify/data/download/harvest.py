"""Compact copies of recordings from published shards, decoded once for later preparation.

A corpus root may hold `harvest/<split>/<shard>.parquet` (contract `harvest`) instead of audio
files. Each row holds one prepared recording as lossless FLAC: about half the size of its samples
and a thirtieth of a 48 kHz original. It is addressed as `<file>#<row>`.
"""

import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
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
_NAMED = rf"(?P<file>{FOLDER}/.+\.parquet)#(?P<row>\d+)"
_PLACE = re.compile(_NAMED)


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


class Places(Mapping[str, str]):
    """The places of recordings by clip id; holds a number for each, since there are millions.

    files: the harvest files, as places name them.
    """

    def __init__(self, files: Sequence[str]) -> None:
        self.files = files
        self._found: dict[str, int] = {}

    def add(self, clip_id: str, file: int, row: int, usable: bool) -> None:
        """Add a recording in the file of this position, unless a usable one would give way."""
        if usable or not self._found.get(clip_id, 0) & 1:
            self._found[clip_id] = file << 33 | row << 1 | usable

    def __getitem__(self, clip_id: str) -> str:
        found = self._found[clip_id]
        return f"{self.files[found >> 33]}#{found >> 1 & 0xFFFFFFFF}"

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)


def places(root: Path, split: str) -> Places:
    """Map ids to places for all recordings harvested for `split`, usable or not.

    If several recordings have one id, the last usable one counts, or else the last. Ids are
    case-sensitive. Raises SonifyError naming a file that is not a harvest file.
    """
    files = sorted((Path(root) / FOLDER / split).glob("*.parquet"))
    found = Places([f"{FOLDER}/{split}/{file.name}" for file in files])
    for number, file in enumerate(files):
        for shard_row, clip_id, reason in _columns(file, "shard_row", "clip_id", "reason"):
            found.add(clip_id, number, shard_row, not reason)
    return found


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


def reading_order(paths: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Return the order of the paths of a listing in which harvest files are read from start to end.

    Positions, int64: by file, then by row. Other paths stand among them, by name.
    """
    found = pc.extract_regex(paths, f"^{_NAMED}$")
    file, row = (pc.struct_field(found, name) for name in ("file", "row"))
    rows = pc.fill_null(row.cast(pa.int64()), 0)
    keys = pa.table({"file": pc.coalesce(file, paths), "row": rows})
    order = [("file", "ascending"), ("row", "ascending")]
    return pc.sort_indices(keys, sort_keys=order).cast(pa.int64())


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
