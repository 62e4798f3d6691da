"""Prepared clips where they lie on disk: their lengths and labels in memory, crops read one by one.

Parts are written uncompressed, so that the samples of a row group stand in the file as a run of
(uint32 bytes, samples) pairs, clip after clip, up to the end of the column. A crop is read from
there and nothing else of its clip, which costs a third of decoding whole clips. The length before
each clip's samples says whether they are where the arithmetic has them; where it does not
(compressed parts, several pages), Arrow decodes the row group.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

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
    """Clips `first` to `last` (exclusive) of a dataset: row group `number` of the part `file`.

    identity: of the file, as it was listed; end: its byte at which their samples end.
    """

    file: Path
    identity: tuple[int, ...]
    number: int
    first: int
    last: int
    end: int


@dataclass(frozen=True, eq=False)
class StoredClips:
    """Prepared splits of one dataset, left on disk; memory holds some 20 bytes a clip.

    A clip is known by its position, 0 to len() - 1, in the order (splits as asked for, part,
    clip_id).
    classes: labels in the order of score vectors; groups: the row groups, in the order of clips.
    lengths: (clip,) int32 samples; labels: positions in `classes`, a list for each clip.
    """

    dataset: str
    classes: list[str]
    groups: list[RowGroup]
    lengths: np.ndarray
    labels: pa.ListArray

    def __len__(self) -> int:
        """How many clips there are."""
        return len(self.lengths)

    @property
    def single_label(self) -> bool:
        """True if every clip has exactly one label."""
        return set(pc.list_value_length(self.labels).to_numpy().tolist()) == {1}

    def targets(self, clips: np.ndarray) -> np.ndarray:
        """(clip, class) uint8 of the clips at these positions, 1 where labelled."""
        return multi_hot(self.labels.take(pa.array(clips)), len(self.classes))

    def read(
        self, group: RowGroup, clips: np.ndarray, starts: np.ndarray, out: Sequence[np.ndarray]
    ) -> None:
        """Read crops of clips that all lie in `group` into `out`, for each clip (view, time) int16.

        clips: (clip,) positions; starts: (clip, view) first sample of each crop. Clips shorter
        than a crop are repeated (see `clips.cut`). Raises SonifyError naming the part when it is
        gone, or has changed since it was listed.
        """
        try:
            if not self._read_in_place(group, clips, starts, out):
                self._decode(group, clips, starts, out)
        except (OSError, pa.ArrowInvalid, IndexError) as error:
            why = getattr(error, "strerror", None) or error
            raise SonifyError(f"{group.file}: {why}: prepare {self.dataset} again") from error

    def _read_in_place(
        self, group: RowGroup, clips: np.ndarray, starts: np.ndarray, out: Sequence[np.ndarray]
    ) -> bool:
        """As `read`, of plain pages; False, with `out` in part overwritten, if they are not."""
        sizes = 2 * self.lengths[group.first : group.last].astype(np.int64)
        begins = group.end - np.cumsum((sizes + 4)[::-1])[::-1]
        with group.file.open("rb", buffering=0) as file:
            source = file.fileno()
            if _identity(os.fstat(source)) != group.identity:
                raise SonifyError(
                    f"{group.file}: it was changed after it was listed: "
                    f"prepare {self.dataset} again"
                )
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
        """As `read`, of whatever Arrow can decode."""
        with pq.ParquetFile(group.file) as part:
            pcm = part.read_row_group(group.number, columns=["pcm"])["pcm"]
        lengths = pc.binary_length(pcm).to_numpy() // 2
        if not np.array_equal(lengths, self.lengths[group.first : group.last]):
            raise SonifyError(
                f"{group.file}: its clips have other lengths than n_samples beside them: prepare "
                f"{self.dataset} again"
            )
        whole = pcm_arrays(pcm)
        for clip, row_starts, rows in zip(clips, starts, out, strict=True):
            for start, row in zip(row_starts, rows, strict=True):
                row[:] = cut(whole[clip - group.first], int(start), len(row))


def stored(folder: Path, splits: Sequence[str]) -> StoredClips:
    """The prepared `splits` of the dataset in `folder` (results/data/<dataset>).

    Reads labels and lengths alone. Raises SonifyError naming the file and the remedy for a split
    that was not prepared, a broken part, a label outside the vocabulary, or splits without any
    usable clip.
    """
    vocabulary = tables.read(Path(folder) / "vocabulary.parquet", "vocabulary")
    classes = list(vocabulary["label"])
    groups, lengths, labels, first = [], [], [], 0
    for file in part_sizes(folder, splits):
        identity, rows, sizes, ends = _listed(file)
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


def _identity(status: os.stat_result) -> tuple[int, ...]:
    """What tells a file from one that takes its name later."""
    return status.st_ino, status.st_size, status.st_mtime_ns


def _listed(file: Path) -> tuple[tuple[int, ...], pa.Table, list[int], list[int]]:
    """Which file a part is, its lengths and labels, and of each row group its clips and where its
    samples end."""
    try:
        identity = _identity(file.stat())  # before it is opened: what comes between is noticed
        with pq.ParquetFile(file) as part:
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
