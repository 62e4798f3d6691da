"""Random crops of stored clips in batches, for training on datasets larger than memory.

Order. An epoch reads all row groups in random order and passes clips through a shuffle buffer. The
buffer first fills with `shuffle_clips` clips; then each clip drawn, uniformly from the buffer, is
replaced by the next one read, and at the end the buffer is emptied in random order. Hence:

- If the buffer holds all clips, all orders are equally likely.
- Otherwise the number of draws for which a clip waits is geometric with mean `shuffle_clips`. With
  x = batch_size / shuffle_clips, two clips of one row group share a batch with probability
  1 - (1 - exp(-x)) / x, about x / 2 (uniform: batch_size / clips), and for clips read d clips apart
  that probability decays as exp(-d / shuffle_clips). That distance changes from epoch to epoch: any
  two clips of a dataset can meet, and all pairs from different row groups of one size are equally
  likely to.

Reproducibility. Order and crops depend only on (names, epoch, clip): the number of prefetching
threads changes nothing, and `ranks` processes split the rows of each batch, rank r taking rows r,
r + ranks, ..., so that together they see what a single process would. Augmentation is up to the
caller, who must draw its random numbers for the whole batch on every rank.

Memory. Only crops are held, as int16: those of shuffle_clips clips, of a few row groups being read
and of the batches in use, whatever the size of the dataset.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sonify.data.audio.pcm import DTYPE
from sonify.data.stored import RowGroup, StoredClips
from sonify.runtime.prefetch import AHEAD, in_order
from sonify.runtime.seeds import generator

LOOKED_UP = 1024  # clips whose targets are looked up together


@dataclass(frozen=True)
class Cutting:
    """The cropping of each clip: `views` crops of `samples` samples.

    starts(lengths, rng) draws the first samples, (clip, view), for clips of the given lengths,
    (clip,), of at least `shortest` samples; shorter clips are skipped.
    """

    samples: int
    views: int
    shortest: int
    starts: Callable[[np.ndarray, np.random.Generator], np.ndarray]


@dataclass(frozen=True, eq=False)
class Batch:
    """Crops of different clips.

    clips: (clip,) positions in the stored clips; crops: (clip, view, time) int16, full scale 32767;
    targets: (clip, class) uint8.
    """

    clips: np.ndarray
    crops: np.ndarray
    targets: np.ndarray


@dataclass(frozen=True, eq=False)
class CropStream:
    """Epochs of batches of `batch_size` clips, or of all clips if there are fewer.

    names: name the random generators; workers: prefetching threads (0: none); rank, ranks: the part
    of every batch to yield; held_out: positions of clips that are left out. See the module
    docstring for the order of clips.
    """

    stored: StoredClips
    cutting: Cutting
    names: tuple[str | int, ...]
    batch_size: int
    shuffle_clips: int
    held_out: np.ndarray | None = None
    workers: int = 1
    rank: int = 0
    ranks: int = 1

    @cached_property
    def used(self) -> np.ndarray:
        """Positions of the clips that are long enough and not held out: (clip,)."""
        fits = self.stored.lengths >= self.cutting.shortest
        if self.held_out is not None:
            fits[self.held_out] = False
        return np.flatnonzero(fits)

    @property
    def steps(self) -> int:
        """Batches per epoch, all full: the clips left over differ from epoch to epoch."""
        return len(self.used) // self.size if len(self.used) else 0

    @property
    def size(self) -> int:
        """Clips of every batch, those of all ranks together."""
        return min(self.batch_size, len(self.used))

    def order(self, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        """The row groups, (group,), and the clips, (clip,), in the order of an epoch."""
        rng = generator(*self.names, "order", epoch)
        firsts = np.array([group.first for group in self.stored.groups])
        groups = rng.permutation(len(firsts))
        turns = np.argsort(groups)  # position of each group in the reading order
        owner = np.searchsorted(firsts, self.used, side="right") - 1
        read = self.used[np.argsort(turns[owner], kind="stable")]
        return groups, shuffled(read, self.shuffle_clips, rng)

    def epoch(self, epoch: int, first: int = 0) -> Iterator[Batch]:
        """Yield the batches of one epoch from batch `first` on, or this rank's rows of them.

        What only earlier batches need is not read. Raises SonifyError naming a part that cannot be
        read.
        """
        groups, drawn = self.order(epoch)
        batches = drawn[: self.steps * self.size].reshape(self.steps, self.size)
        batches = batches[first:, self.rank :: self.ranks]
        wanted = np.zeros(len(self.stored), dtype=bool)
        wanted[batches] = True
        free = list(range(min(batches.size, self._most_held)))
        pool = np.empty((len(free), self.cutting.views, self.cutting.samples), DTYPE)
        row_of: dict[int, int] = {}  # clip -> row of the pool

        def reads() -> Iterator[tuple[RowGroup, np.ndarray, list[int]]]:
            for group in (self.stored.groups[i] for i in groups):
                clips = group.first + np.flatnonzero(wanted[group.first : group.last])
                if len(clips):
                    yield group, clips, [free.pop() for _ in clips]

        def read(job: tuple[RowGroup, np.ndarray, list[int]]) -> Iterator[tuple[int, int]]:
            group, clips, rows = job
            starts = self._starts(epoch, group)[clips - group.first]
            self.stored.read(group, clips, starts, [pool[row] for row in rows])
            return zip(clips.tolist(), rows, strict=True)

        ready = in_order(read, reads(), self.workers)
        for batch, targets in zip(batches, self._targets(batches), strict=True):
            crops = np.empty((len(batch), *pool.shape[1:]), pool.dtype)
            for crop, clip in zip(crops, batch.tolist(), strict=True):
                while clip not in row_of:
                    row_of.update(next(ready))
                row = row_of.pop(clip)
                crop[:] = pool[row]
                free.append(row)  # reused first, so that no more of the pool is touched than needed
            yield Batch(batch, crops, targets)

    def _targets(self, batches: np.ndarray) -> Iterator[np.ndarray]:
        """Yield the targets of each batch, (clip, class), out of one look-up for many of them."""
        together = max(1, LOOKED_UP // max(1, batches.shape[1]))
        for first in range(0, len(batches), together):
            some = batches[first : first + together]
            yield from self.stored.targets(some.ravel()).reshape(*some.shape, -1)

    @property
    def _most_held(self) -> int:
        """Maximum number of clips whose crops are in memory: in the buffer and in flight to it."""
        largest = max(group.last - group.first for group in self.stored.groups)
        return self.shuffle_clips + (AHEAD * self.workers + 2) * largest

    def _starts(self, epoch: int, group: RowGroup) -> np.ndarray:
        """The first samples of the crops of every clip in a row group: (clip, view)."""
        lengths = self.stored.lengths[group.first : group.last].astype(np.int64)
        fits = lengths >= self.cutting.shortest
        starts = np.zeros((len(lengths), self.cutting.views), dtype=np.int64)
        rng = generator(*self.names, "crops", epoch, group.first)
        starts[fits] = self.cutting.starts(lengths[fits], rng)
        return starts


def shuffled(read: np.ndarray, buffer: int, rng: np.random.Generator) -> np.ndarray:
    """Reorder `read`, (clip,), as a shuffle buffer of `buffer` clips does."""
    held, arriving = read[:buffer].copy(), read[buffer:]
    drawn = np.empty_like(read)
    for turn, slot in enumerate(rng.integers(0, max(1, len(held)), len(arriving))):
        drawn[turn] = held[slot]
        held[slot] = arriving[turn]
    drawn[len(arriving) :] = rng.permutation(held)
    return drawn
