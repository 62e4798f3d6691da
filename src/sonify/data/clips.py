"""Read prepared clips into memory for training and evaluation.

Axes: clip, time (samples at 8 kHz), class. Waveforms are float32 in [-1, 1].
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from sonify.contracts import tables
from sonify.data.audio.pcm import DTYPE, decode
from sonify.runtime.errors import SonifyError


@dataclass(frozen=True, eq=False)
class Clips:
    """Prepared splits of one dataset, held entirely in memory (16 kB per second of audio).

    ids, splits: one per clip, ordered by split (as requested), part and clip_id.
    classes: labels in the order of score vectors; targets: (clip, class) uint8, 1 where labelled.
    lengths: (clip,) int64, in samples; offsets: (clip,) int64, the start of each clip in `samples`.
    samples: (total time,) int16, all clips end to end, full scale 32767.
    """

    dataset: str
    ids: list[str]
    splits: list[str]
    classes: list[str]
    targets: np.ndarray
    lengths: np.ndarray
    offsets: np.ndarray
    samples: np.ndarray

    def __len__(self) -> int:
        """The number of clips."""
        return len(self.ids)

    def waveform(self, i: int) -> np.ndarray:
        """The whole of clip `i`: (time,) float32."""
        return decode(self.pcm(i))

    def pcm(self, i: int) -> np.ndarray:
        """The stored samples of clip `i`: (time,) int16, a view."""
        return self.samples[self.offsets[i] : self.offsets[i] + self.lengths[i]]

    def batch(
        self, indices: Sequence[int] | np.ndarray, starts: Sequence[int], n: int
    ) -> np.ndarray:
        """Crop `n` samples from each clip, beginning at sample `starts`: (clip, time) float32.

        Raises SonifyError as `check_start` does.
        """
        out = np.empty((len(indices), n), dtype=np.float32)
        for row, i, start in zip(out, indices, starts, strict=True):
            row[:] = decode(cut(self.pcm(i), start, n))
        return out

    def whole(self, indices: Sequence[int] | np.ndarray) -> np.ndarray:
        """Whole clips: (clip, time) float32. Raises SonifyError if their lengths differ."""
        lengths = np.unique(self.lengths[np.asarray(indices, dtype=np.int64)])
        if len(lengths) != 1:
            raise SonifyError(
                f"whole clips in a batch must have one length, not {len(lengths)}: batch them with "
                "length_buckets"
            )
        return self.batch(indices, [0] * len(indices), int(lengths[0]))


def cut(x: np.ndarray, start: int, n: int) -> np.ndarray:
    """Crop `n` samples of `x`, (time,), beginning at sample `start`: (n,).

    A clip shorter than `n` is treated as one period of a periodic signal.
    Raises SonifyError as `check_start` does.
    """
    check_start(len(x), start, n)
    return x[start : start + n] if len(x) >= n else np.resize(np.roll(x, -start), n)


def check_start(length: int, start: int, n: int) -> None:
    """Raise SonifyError if a crop of `n` samples cannot begin at sample `start` of its clip.

    It must begin within the `length` samples, and in a clip long enough to hold it also end there.
    """
    last = length - n if length >= n else length - 1
    if not 0 <= start <= last:
        raise SonifyError(
            f"a crop of {n} samples cannot begin at sample {start} of {length}: choose 0 to {last}"
        )


@dataclass(frozen=True)
class Part:
    """A stored part that has not been read: its file and its number of clips."""

    file: Path
    n_clips: int

    def __len__(self) -> int:
        """The number of clips."""
        return self.n_clips

    def load(self) -> Clips:
        """Read it; raises SonifyError as `load` does."""
        return load_part(self.file)


def in_memory(part: Clips | Part) -> Clips:
    """The clips of a part, which are read if they have not been."""
    return part.load() if isinstance(part, Part) else part


def load(folder: Path, splits: Sequence[str]) -> Clips:
    """Load the prepared `splits` of the dataset in `folder` (results/data/<corpus>).

    Raises SonifyError, naming the file and the remedy, for a split that was not prepared, a corrupt
    part, a label outside the vocabulary, or splits without any usable clip.
    """
    return _loaded(Path(folder), list(part_sizes(folder, splits)))


def parts(folder: Path, splits: Sequence[str]) -> Iterator[Clips]:
    """Yield the splits part by part, so that memory holds one part rather than the dataset.

    Skips parts without clips. Raises SonifyError as `load` does, except for an empty split.
    """
    for file in part_files(folder, splits):
        clips = load_part(file)
        if len(clips):
            yield clips


def part_sizes(folder: Path, splits: Sequence[str]) -> dict[Path, int]:
    """The number of clips in each non-empty part, in order; raises SonifyError as `load` does."""
    sizes = {file: _footer(file).num_rows for file in part_files(folder, splits)}
    if not sum(sizes.values()):
        raise SonifyError(
            f"{folder} has no usable clip in {', '.join(splits)}: "
            f"see {Path(folder) / 'rejected.parquet'} for the reasons, then correct the corpus or "
            "name another split"
        )
    return {file: n for file, n in sizes.items() if n}


def load_part(file: Path) -> Clips:
    """Load one of `part_files`; raises SonifyError as `load` does, except for an empty part."""
    return _loaded(file.parents[1], [file])


def part_files(folder: Path, splits: Sequence[str]) -> list[Path]:
    """The files of the prepared `splits`, in order; raises SonifyError if one was not prepared."""
    if len(set(splits)) != len(splits) or not splits:
        raise SonifyError(f"splits {list(splits)}: name at least one, and each only once")
    return [file for split in splits for file in _parts(Path(folder), split)]


def _loaded(folder: Path, files: list[Path]) -> Clips:
    vocabulary = tables.read(folder / "vocabulary.parquet", "vocabulary")
    classes = list(vocabulary["label"])
    # Sizes come first, so that a single buffer is filled part by part and never copied.
    samples = np.empty(sum(_n_samples(file) for file in files), DTYPE)
    ids, owners, targets, counts, filled = [], [], [], [], 0
    for file in files:
        part = _read_part(file)
        pcm = np.concatenate([np.empty(0, DTYPE), *pcm_arrays(part["pcm"])])
        samples[filled : filled + len(pcm)] = pcm
        filled += len(pcm)
        counts.append(part["n_samples"].to_numpy().astype(np.int64))
        targets.append(multi_hot(label_indices(part, file, classes), len(classes)))
        ids += part["clip_id"].to_pylist()
        owners += part["split"].to_pylist()
    lengths = np.concatenate(counts)
    return Clips(
        dataset=str(vocabulary["dataset"].iloc[0]),
        ids=ids,
        splits=owners,
        classes=classes,
        targets=np.concatenate(targets),
        lengths=lengths,
        offsets=np.cumsum(lengths) - lengths,
        samples=samples,
    )


def length_buckets(lengths: np.ndarray, max_samples: int) -> list[np.ndarray]:
    """Group clips into batches that need no padding, shortest clips first.

    Returns the indices of each batch, (clip,). All clips of a batch have one length, and together
    at most `max_samples` samples unless the batch is a single clip. Each index occurs once; clips
    of one length keep their order.
    """
    lengths = np.asarray(lengths)
    order = np.argsort(lengths, kind="stable")
    edges = np.flatnonzero(np.diff(lengths[order])) + 1
    batches = []
    for same in np.split(order, edges) if len(order) else []:
        size = max(1, max_samples // max(1, int(lengths[same[0]])))
        batches += [same[i : i + size] for i in range(0, len(same), size)]
    return batches


def _parts(folder: Path, split: str) -> list[Path]:
    files = sorted((folder / split).glob("part-*.parquet"))
    if not files:
        prepared = sorted({file.parent.name for file in folder.glob("*/part-*.parquet")})
        raise SonifyError(
            f"{folder / split} has no prepared clips (prepared splits: "
            f"{', '.join(prepared) or 'none'}): run the data stage"
        )
    return files


def broken(file: Path, problem: object) -> SonifyError:
    """The error for a corrupt part, naming the file, the problem and the remedy."""
    again = f"prepare its dataset again (--forcerun prepare_{file.parent.parent.name})"
    return SonifyError(f"{file}: {str(problem).rstrip('.')}: {again}")


def _footer(file: Path) -> pq.FileMetaData:
    try:
        return pq.read_metadata(file)
    except (OSError, ValueError) as error:
        raise broken(file, error) from error


def _n_samples(file: Path) -> int:
    try:
        with tables.opened(file) as part:
            column = part.read(["n_samples"])["n_samples"]
    except (OSError, ValueError, KeyError) as error:
        raise broken(file, error) from error
    return int(column.to_numpy().sum())


def _read_part(file: Path) -> pa.Table:
    """Read and check a part, including that each clip has as many samples as its row says."""
    try:
        with tables.opened(file) as stored:
            part = tables.checked(stored.read(), "clips")
    except (OSError, ValueError) as error:
        raise broken(file, error) from error
    stored = pc.binary_length(part["pcm"]).to_numpy() // 2
    wrong = np.flatnonzero(stored != part["n_samples"].to_numpy())
    if len(wrong):
        clip_id = part["clip_id"][int(wrong[0])].as_py()
        held = f"clip {clip_id} has {stored[wrong[0]]} samples"
        raise broken(file, f"{held}, which n_samples contradicts")
    return part


def pcm_arrays(column: pa.ChunkedArray) -> list[np.ndarray]:
    """Views of the samples of each clip in a `pcm` column: (time,) int16 each."""
    return [np.frombuffer(clip.as_buffer(), DTYPE) for clip in column]


def label_indices(part: pa.Table, file: Path, classes: Sequence[str]) -> pa.ListArray:
    """Map the labels of each clip of a part to positions in `classes`, int32.

    Raises SonifyError, naming the file, for a label that is not among them.
    """
    labels = part["labels"].combine_chunks()
    names = labels.flatten()
    indices = pc.index_in(names, value_set=pa.array(classes, pa.string()))
    if indices.null_count:
        label = names.filter(pc.is_null(indices))[0].as_py()
        raise broken(file, f"label {label!r} is not in vocabulary.parquet")
    ends = np.cumsum([0, *pc.list_value_length(labels).to_numpy()])
    return pa.ListArray.from_arrays(pa.array(ends, pa.int32()), indices)


def multi_hot(indices: pa.ListArray, n_classes: int) -> np.ndarray:
    """Convert `label_indices` to multi-hot targets: (clip, class) uint8, 1 where labelled."""
    targets = np.zeros((len(indices), n_classes), dtype=np.uint8)
    targets[pc.list_parent_indices(indices), pc.list_flatten(indices)] = 1
    return targets
