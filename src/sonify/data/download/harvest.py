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
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import soundfile
import soxr

from sonify.contracts import tables
from sonify.contracts.audio_format import RATE_HZ
from sonify.data.audio.decoding import UnusableAudio, too_long
from sonify.data.audio.pcm import DTYPE
from sonify.data.audio.samples import Limits, Recording, prepared, too_short
from sonify.data.corpora.roots import HARVEST
from sonify.data.ids import Ids
from sonify.runtime.errors import SonifyError

# Small groups make single recordings cheap to read; the file's index remains small as well.
ROWS_PER_GROUP = 16
# Much longer than AudioSet's 10 s, only to bound memory; preparation applies its own limits.
LIMITS = Limits(min_samples=1, max_s=600.0)
# Incremented if `row` or preparation yields different samples for the same recording.
VERSION = 1
_AT_ONCE = 65_536  # paths that are taken apart
_NAMED = rf"(?P<file>{HARVEST}/.+\.parquet)#(?P<row>\d+)"
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
    """The places of recordings by clip id, in about 40 bytes for each, since there are millions.

    files: the harvest files, as places name them; tables: their columns shard_row, clip_id and
    reason, file by file.
    """

    def __init__(self, files: Sequence[str], tables: Sequence[pa.Table]) -> None:
        self.files = files
        kind = pa.large_string()
        ids = [chunk for table in tables for chunk in table["clip_id"].cast(kind).chunks]
        self.ids = Ids(pa.chunked_array(ids, kind))
        self.firsts = np.cumsum([0, *map(len, tables)])  # the position where each file begins
        rows = [table["shard_row"].to_numpy() for table in tables]
        self.rows = np.concatenate([*rows, np.empty(0)]).astype(np.int32)
        usable = [pc.equal(table["reason"], "").to_numpy() for table in tables]
        self.usable = np.concatenate([*usable, np.empty(0)]).astype(bool)

    def __getitem__(self, clip_id: str) -> str:
        found = self.ids.at(clip_id)
        if not found:
            raise KeyError(clip_id)
        # The last usable one, or else the last.
        position = max(found, key=lambda at: (self.usable[at], at))
        file = int(np.searchsorted(self.firsts, position, side="right")) - 1
        return f"{self.files[file]}#{self.rows[position]}"

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(self.ids.ids.to_pylist()))

    def __len__(self) -> int:
        return len(self.ids) - sum(1 for _ in self.ids.again())


def places(root: Path, split: str) -> Places:
    """Map ids to places for all recordings harvested for `split`, usable or not.

    If several recordings have one id, the last usable one counts; if none is usable, the last.
    Ids are case-sensitive. Raises SonifyError naming a file that is not a harvest file.
    """
    files = sorted((Path(root) / HARVEST / split).glob("*.parquet"))
    names = [f"{HARVEST}/{split}/{file.name}" for file in files]
    return Places(names, [_columns(file, "shard_row", "clip_id", "reason") for file in files])


def recording(root: Path, path: str, limits: Limits) -> Recording:
    """Return the recording at `path` below `root`, harvested or an audio file, ready to store.

    Raises UnusableAudio as `sonify.data.audio.samples.prepared` does, with the reason recorded at
    harvest time for harvested recordings. Raises SonifyError for a corrupt harvest file.
    """
    place = _PLACE.fullmatch(path)
    if place is None:
        return prepared(Path(root) / path, limits)
    file, shard_row = Path(root) / place[1], int(place[2])
    group, place_in_group = divmod(shard_row, ROWS_PER_GROUP)
    rows = _group(file, group)
    if place_in_group >= len(rows) or rows[place_in_group]["shard_row"] != shard_row:
        raise _broken(file, f"row {shard_row} is not in its place")
    kept = rows[place_in_group]
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


def reading_order(paths: Sequence[str]) -> np.ndarray:
    """Return the order of the paths of a listing in which harvest files are read from start to end.

    Positions, int64: by file, then by row. Other paths stand among them, by name.
    """
    files, rows = [], []
    for first in range(0, len(paths), _AT_ONCE):
        some = pa.array(paths[first : first + _AT_ONCE], pa.large_string())
        found = pc.extract_regex(some, f"^{_NAMED}$")
        files.append(pc.coalesce(pc.struct_field(found, "file"), some).dictionary_encode())
        row = pc.struct_field(found, "row").cast(pa.int64())
        rows.append(pc.fill_null(row, 0).to_numpy())
    if not rows:
        return np.empty(0, np.int64)
    names = pa.chunked_array(files).unify_dictionaries().combine_chunks()
    by_name = pc.rank(names.dictionary).to_numpy()
    return np.lexsort([np.concatenate(rows), by_name[names.indices.to_numpy()]])


def _columns(file: Path, *names: str) -> pa.Table:
    try:
        with tables.opened(file) as part:
            return part.read(list(names))
    except (OSError, pa.ArrowInvalid, KeyError) as error:
        raise _broken(file, str(error)) from error


@lru_cache(maxsize=16)
def _group(file: Path, number: int) -> list[dict[str, Any]]:
    """Read a row group; recent ones stay cached, as several threads read recordings in order."""
    try:
        with tables.opened(file, metadata=_footer(file)) as parquet:
            return parquet.read_row_group(number, use_threads=False).to_pylist()
    except (OSError, pa.ArrowInvalid) as error:
        raise _broken(file, str(error)) from error


@lru_cache(maxsize=4)
def _footer(file: Path) -> pq.FileMetaData:
    """Read the index of a file once for all of its groups: it takes longer than one of them."""
    return pq.read_metadata(file)


def _broken(file: Path, problem: str) -> SonifyError:
    return SonifyError(f"{file}: {problem}: delete it and download again")
