"""Random crops of stored clips, batch after batch, for training on more than memory holds.

Order. An epoch reads all row groups in a random order and draws clips through a shuffle buffer: it
is filled with the first `shuffle_clips` clips, then each clip drawn, uniformly among those in the
buffer, makes room for the next one read; at the end the buffer is drawn empty. So:

- When the buffer holds all clips, every order of them is equally likely.
- Else a clip waits for 1 to any number of draws, geometrically, `shuffle_clips` on average. With
  x = batch_size / shuffle_clips, two clips of one row group share a batch with probability
  1 - (1 - exp(-x)) / x, near x / 2 (uniform: batch_size / clips), and the chance of two clips read
  d clips apart falls as exp(-d / shuffle_clips). How far apart they are read is new in every epoch:
  any two clips of a dataset can meet, and all pairs out of different row groups of one size are
  equally likely to.

Reproducibility. Order and crops are functions of (names, epoch, clip) alone: the number of threads
that read ahead changes nothing, and `ranks` processes share out the rows of each batch, rank r
taking rows r, r + ranks, ..., so that together they see what a single process does. Augmentation
is the caller's; what it draws for a batch it must draw for the whole of it, on every rank.

Memory. Only crops are kept, as int16: those of shuffle_clips clips, of a few row groups on their
way, and of the batches in use, whatever the size of the dataset.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sonify.data.audio.pcm import DTYPE
from sonify.data.stored import RowGroup, StoredClips
from sonify.runtime.prefetch import AHEAD, in_order
from sonify.runtime.seeds import generator


@dataclass(frozen=True)
class Cutting:
    """What is cut out of each clip: `views` crops of `samples` samples.

    starts(lengths, rng) draws where, (clip, view), for clips of these lengths, (clip,), which are
    at least `shortest` samples; clips shorter than that are left out.
    """

    samples: int
    views: int
    shortest: int
    starts: Callable[[np.ndarray, np.random.Generator], np.ndarray]


@dataclass(frozen=True, eq=False)
class Batch:
    """Crops of different clips.

    clips: (clip,) positions in the stored clips; crops: (clip, view, time) int16, 32767 at full
    scale; targets: (clip, class) uint8.
    """

    clips: np.ndarray
    crops: np.ndarray
    targets: np.ndarray


@dataclass(frozen=True, eq=False)
class CropStream:
    """Epochs of batches of `batch_size` clips (all of them if they are fewer).

    names: what the random draws are named after; workers: threads that read ahead (0: none);
    rank, ranks: which share of every batch to give. The rest is told above.
    """

    stored: StoredClips
    cutting: Cutting
    names: tuple[str | int, ...]
    batch_size: int
    shuffle_clips: int
    workers: int = 1
    rank: int = 0
    ranks: int = 1

    @cached_property
    def used(self) -> np.ndarray:
        """Positions of the clips that are long enough, (clip,)."""
        return np.flatnonzero(self.stored.lengths >= self.cutting.shortest)

    @property
    def steps(self) -> int:
        """Batches of an epoch. All are equal in size: odd clips wait, others in every epoch."""
        return len(self.used) // self._size if len(self.used) else 0

    @property
    def _size(self) -> int:
        return min(self.batch_size, len(self.used))

    def order(self, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        """The row groups, (group,), and the clips used, (clip,), as an epoch comes to them."""
        rng = generator(*self.names, "order", epoch)
        firsts = np.array([group.first for group in self.stored.groups])
        groups = rng.permutation(len(firsts))
        turns = np.argsort(groups)  # when each group is read
        owner = np.searchsorted(firsts, self.used, side="right") - 1
        read = self.used[np.argsort(turns[owner], kind="stable")]
        return groups, shuffled(read, self.shuffle_clips, rng)

    def epoch(self, epoch: int) -> Iterator[Batch]:
        """The batches of one epoch, or this rank's rows of them.

        Raises SonifyError naming the part that cannot be read.
        """
        groups, drawn = self.order(epoch)
        batches = drawn[: self.steps * self._size].reshape(self.steps, self._size)
        batches = batches[:, self.rank :: self.ranks]
        wanted = np.zeros(len(self.stored), dtype=bool)
        wanted[batches] = True
        free = list(range(min(batches.size, self._most_held)))
        pool = np.empty((len(free), self.cutting.views, self.cutting.samples), DTYPE)
        row_of: dict[int, int] = {}  # of the pool, by clip

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
        for batch in batches:
            crops = np.empty((len(batch), *pool.shape[1:]), pool.dtype)
            for crop, clip in zip(crops, batch.tolist(), strict=True):
                while clip not in row_of:
                    row_of.update(next(ready))
                row = row_of.pop(clip)
                crop[:] = pool[row]
                free.append(row)  # used next: of the pool, only what is needed is ever touched
            yield Batch(batch, crops, self.stored.targets(batch))

    @property
    def _most_held(self) -> int:
        """Clips whose crops can wait in memory at once: in the buffer, and on the way to it."""
        largest = max(group.last - group.first for group in self.stored.groups)
        return self.shuffle_clips + (AHEAD * self.workers + 2) * largest

    def _starts(self, epoch: int, group: RowGroup) -> np.ndarray:
        """Where the crops of every clip of a row group begin, (clip, view)."""
        lengths = self.stored.lengths[group.first : group.last].astype(np.int64)
        fits = lengths >= self.cutting.shortest
        starts = np.zeros((len(lengths), self.cutting.views), dtype=np.int64)
        rng = generator(*self.names, "crops", epoch, group.first)
        starts[fits] = self.cutting.starts(lengths[fits], rng)
        return starts


def shuffled(read: np.ndarray, buffer: int, rng: np.random.Generator) -> np.ndarray:
    """`read`, (clip,), in the order in which a shuffle buffer of `buffer` clips gives it out."""
    held, arriving = read[:buffer].copy(), read[buffer:]
    drawn = np.empty_like(read)
    for turn, slot in enumerate(rng.integers(0, max(1, len(held)), len(arriving))):
        drawn[turn] = held[slot]
        held[slot] = arriving[turn]
    drawn[len(arriving) :] = rng.permutation(held)
    return drawn
