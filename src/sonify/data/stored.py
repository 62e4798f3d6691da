"""Random access to prepared clips on disk: only their lengths and labels are held in memory.

Parts are written uncompressed, so the samples of a row group are stored as a contiguous run of
(uint32 byte count, samples) pairs, clip after clip, up to the end of the column. A crop is read
directly from there, at a third of the cost of decoding whole clips. The byte count before each
clip's samples verifies the computed position; if it disagrees (compressed parts, several pages),
Arrow decodes the row group instead.
"""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from sonify.contracts import tables
from sonify.data.audio.pcm import samples
from sonify.data.clips import (
    broken,
    check_start,
    cut,
    label_indices,
    multi_hot,
    part_sizes,
    pcm_arrays,
)
from sonify.runtime.errors import SonifyError


@dataclass(frozen=True, eq=False)
class RowGroup:
    """Row group `number` of the part `file`, which holds clips `first` to `last` (exclusive).

    identity: fingerprint of the file when it was indexed; end: byte offset at which the samples of
    the row group end.
    """

    file: Path
    identity: tuple[int, ...]
    number: int
    first: int
    last: int
    end: int


@dataclass(frozen=True, eq=False)
class StoredClips:
    """Prepared splits of one dataset, left on disk; memory holds about 20 bytes per clip.

    A clip is identified by its position, 0 to len() - 1, ordered by split (as requested), part and
    clip_id.
    classes: labels in the order of score vectors; groups: the row groups, in the order of clips.
    lengths: (clip,) int32, in samples; labels: for each clip a list of positions in `classes`.
    verified: files and numbers of the row groups whose checksums have been compared.
    """

    dataset: str
    classes: list[str]
    groups: list[RowGroup]
    lengths: np.ndarray
    labels: pa.ListArray
    verified: set[tuple[Path, int]] = field(default_factory=set)

    def __len__(self) -> int:
        """The number of clips."""
        return len(self.lengths)

    @property
    def identity(self) -> list[Any]:
        """Identify these clips, as far as possible without reading them, in JSON of a few words.

        Their lengths and labels, and the files' names, sizes and times of modification.
        """
        files = {group.file: group.identity[1:] for group in self.groups}
        digest = hashlib.sha256(self.lengths.tobytes())
        digest.update(pc.list_value_length(self.labels).to_numpy().tobytes())
        digest.update(self.labels.flatten().to_numpy().tobytes())
        named = [(file.parent.name, file.name, *facts) for file, facts in files.items()]
        return [self.dataset, self.classes, digest.hexdigest(), named]

    @property
    def single_label(self) -> bool:
        """True if every clip has exactly one label."""
        return set(pc.list_value_length(self.labels).to_numpy().tolist()) == {1}

    def targets(self, clips: np.ndarray) -> np.ndarray:
        """Targets of the clips at these positions: (clip, class) uint8, 1 where labelled."""
        return multi_hot(self.labels.take(pa.array(clips)), len(self.classes))

    def read(
        self, group: RowGroup, clips: np.ndarray, starts: np.ndarray, out: Sequence[np.ndarray]
    ) -> None:
        """Read crops of clips of one row group into `out`, (view, time) int16 for each clip.

        clips: (clip,) positions, all in `group`; starts: (clip, view) first sample of each crop.
        Clips shorter than a crop are repeated (see `clips.cut`). Raises SonifyError, naming the
        part, if it is missing or has changed since it was indexed.
        """
        try:
            self._verify(group)
            if not self._read_in_place(group, clips, starts, out):
                self._decode(group, clips, starts, out)
        except (OSError, pa.ArrowInvalid, IndexError) as error:
            why = getattr(error, "strerror", None) or error
            raise SonifyError(f"{group.file}: {why}: prepare {self.dataset} again") from error

    def _verify(self, group: RowGroup) -> None:
        """Compare the pages of a row group with their checksums, the first time that it is read.

        Raises OSError if they differ. Crops read in place know no page.
        """
        place = group.file, group.number
        if place not in self.verified:
            if _identity(group.file.stat()) != group.identity:
                raise self._changed(group)
            with tables.opened(group.file) as part:
                part.read_row_group(group.number, columns=["pcm"])
            self.verified.add(place)

    def _changed(self, group: RowGroup) -> SonifyError:
        return SonifyError(
            f"{group.file}: the file was changed while it was in use: prepare {self.dataset} again"
        )

    def _read_in_place(
        self, group: RowGroup, clips: np.ndarray, starts: np.ndarray, out: Sequence[np.ndarray]
    ) -> bool:
        """Read from uncompressed pages; return False, `out` partly overwritten, if they are not."""
        sizes = 2 * self.lengths[group.first : group.last].astype(np.int64)
        begins = group.end - np.cumsum((sizes + 4)[::-1])[::-1]
        with group.file.open("rb", buffering=0) as file:
            source = file.fileno()
            if _identity(os.fstat(source)) != group.identity:
                raise self._changed(group)
            if begins[0] < 0:
                return False
            for at, row_starts, rows in zip(
                (clips - group.first).tolist(), starts, out, strict=True
            ):
                size, begin = int(sizes[at]), int(begins[at])
                if os.pread(source, 4, begin) != size.to_bytes(4, "little"):
                    return False
                for start, row in zip(row_starts.tolist(), rows, strict=True):
                    if size < row.nbytes:
                        x = samples(os.pread(source, size, begin + 4))
                        row[:] = cut(x, start, len(row))
                    else:
                        check_start(size // 2, start, len(row))
                        if os.preadv(source, [row], begin + 4 + 2 * start) != row.nbytes:
                            return False
        return True

    def _decode(
        self, group: RowGroup, clips: np.ndarray, starts: np.ndarray, out: Sequence[np.ndarray]
    ) -> None:
        """Decode the row group with Arrow, whatever its encoding."""
        with pq.ParquetFile(group.file, page_checksum_verification=True) as part:
            pcm = part.read_row_group(group.number, columns=["pcm"])["pcm"]
        lengths = pc.binary_length(pcm).to_numpy() // 2
        if not np.array_equal(lengths, self.lengths[group.first : group.last]):
            raise SonifyError(
                f"{group.file}: the lengths of its clips contradict n_samples: prepare "
                f"{self.dataset} again"
            )
        whole = pcm_arrays(pcm)
        for clip, row_starts, rows in zip(clips, starts, out, strict=True):
            for start, row in zip(row_starts, rows, strict=True):
                row[:] = cut(whole[clip - group.first], int(start), len(row))


def stored(folder: Path, splits: Sequence[str]) -> StoredClips:
    """Index the prepared `splits` of the dataset in `folder` (results/data/<corpus>).

    Reads only labels and lengths. Raises SonifyError, naming the file and the remedy, for a split
    that was not prepared, a corrupt part, a label outside the vocabulary, or splits without any
    usable clip.
    """
    vocabulary = tables.read(Path(folder) / "vocabulary.parquet", "vocabulary")
    classes = list(vocabulary["label"])
    groups, lengths, labels, first = [], [], [], 0
    for file in part_sizes(folder, splits):
        identity, rows, sizes, ends = _index(file)
        lengths.append(rows["n_samples"].to_numpy().astype(np.int32))
        labels.append(label_indices(rows, file, classes))
        for number, (size, end) in enumerate(zip(sizes, ends, strict=True)):
            groups.append(RowGroup(file, identity, number, first, first + size, end))
            first += size
    return StoredClips(
        dataset=str(vocabulary["dataset"].iloc[0]),
        classes=classes,
        groups=groups,
        lengths=np.concatenate(lengths),
        labels=pa.concat_arrays(labels),
    )


def clip_ids(folder: Path, splits: Sequence[str]) -> list[str]:
    """Names of the clips that `stored` indexes, by their positions; raises SonifyError likewise."""
    names: list[str] = []
    for file in part_sizes(folder, splits):
        try:
            names += pq.read_table(file, columns=["clip_id"], partitioning=None)[0].to_pylist()
        except (OSError, ValueError, KeyError) as error:
            raise broken(file, error) from error
    return names


def _identity(status: os.stat_result) -> tuple[int, ...]:
    """Distinguish a file from another that later replaces it under the same name."""
    return status.st_ino, status.st_size, status.st_mtime_ns


def _index(file: Path) -> tuple[tuple[int, ...], pa.Table, list[int], list[int]]:
    """The identity of a part, its lengths and labels, and the number of clips and the end of the
    samples of each row group."""
    try:
        identity = _identity(file.stat())  # before opening, so that a later change is noticed
        with pq.ParquetFile(file, page_checksum_verification=True) as part:
            footer = part.metadata
            columns = [footer.schema.column(i).path for i in range(footer.num_columns)]
            pcm = columns.index("pcm")
            sizes, ends = [], []
            for number in range(footer.num_row_groups):
                group = footer.row_group(number)
                samples = group.column(pcm)
                sizes.append(group.num_rows)
                ends.append(samples.data_page_offset + samples.total_compressed_size)
            rows = part.read(["n_samples", "labels"]).select(["n_samples", "labels"])
            return identity, rows, sizes, ends
    except (OSError, ValueError, KeyError) as error:
        raise broken(file, error) from error
