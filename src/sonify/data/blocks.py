"""Listed clips one by one, prepared or rejected; in blocks, which several jobs may share."""

import hashlib
import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from sonify.contracts.audio_format import RATE_HZ
from sonify.data.audio.samples import Limits, UnusableAudio, repeated, unscaled
from sonify.data.corpora.listing import Listing, Provenance
from sonify.data.corpora.registry import DATASETS
from sonify.data.download import harvest
from sonify.data.kept import Kept
from sonify.runtime.errors import SonifyError, printable
from sonify.runtime.prefetch import in_order

_AT_ONCE = 4_096  # rows of a listing


class Rejection(NamedTuple):
    """A listed clip that cannot be used, and why: one row of problems."""

    split: str
    clip_id: str
    path: str
    reason: str
    detail: str


Prepared = dict[str, Any] | Rejection  # a row of contracts `clips` and `manifest`, or a rejection


class Preparation(NamedTuple):
    """The job's settings for preparing clips; `prepare.prepare` explains them."""

    min_samples: int
    max_s: float
    clips_per_part: int
    min_duration_s: float | None = None
    peak_scaling: bool = True

    @property
    def shortest(self) -> int:
        """Samples to which shorter clips are repeated."""
        return round((self.min_duration_s or 0) * RATE_HZ)

    def clip(self, dataset: str, root: Path, row: Any) -> Prepared:
        """Prepare one clip, a row of the listing."""
        least = 1 if self.shortest >= self.min_samples else self.min_samples
        try:
            recording = harvest.recording(root, row.path, Limits(least, self.max_s))
            recording = recording if self.peak_scaling else unscaled(recording)
            recording = repeated(recording, self.shortest)
        except UnusableAudio as error:
            detail = f"{printable(row.path)}: {error.detail}."
            return Rejection(row.split, row.clip_id, row.path, error.reason, detail)
        return {
            "dataset": dataset,
            "split": row.split,
            "clip_id": row.clip_id,
            "labels": list(row.labels),
            "path": row.path,
            **{name: getattr(row, name) for name in Provenance._fields},
            **recording.facts,
            "digest": hashlib.sha256(pcm := recording.pcm.tobytes()).hexdigest()[:16],
            "pcm": pcm,
        }


def prepared(
    listing: Listing,
    split: str,
    root: Path,
    how: Preparation,
    workers: int,
    kept: Kept | None = None,
) -> Iterator[Prepared]:
    """Prepare the clips of one split in the order of clip_id, or in the listing's own.

    With `kept` in blocks of `clips_per_part` listed clips: those that it has are not prepared
    again, and those that it does not own are left out.
    """
    if how.clips_per_part < 1 or workers < 1:
        raise SonifyError(
            f"clips_per_part ({how.clips_per_part}) and workers ({workers}) must be 1 or more"
        )
    clips = listing.clips
    order = np.flatnonzero(clips["split"] == split)
    if not listing.own_order:
        order = order[clips["clip_id"].array.take(order).argsort()]
    make = partial(how.clip, listing.dataset, Path(root))
    if kept is None:
        yield from in_order(make, _rows(clips, order), workers)
        return
    for number, first in enumerate(range(0, len(order), how.clips_per_part)):
        if kept.owns(number):
            own = order[first : first + how.clips_per_part]
            block = partial(_packed, make, clips, own, workers)
            yield from _unpacked(kept.arrays(f"{split}-{number:05d}", block))


def share(
    listing: Listing,
    root: Path,
    *,
    workers: int,
    kept: Kept,
    progress: Callable[[int, int], None],
    **settings: Any,
) -> None:
    """Prepare the blocks that `kept` owns, of all splits, and keep them there.

    settings: those of `prepare.prepare`. `progress(done, total)` counts clips approximately.
    """
    done, how = 0, Preparation(**settings)
    for split in DATASETS[listing.dataset].splits:
        for _ in prepared(listing, split, root, how, workers, kept):
            done += kept.step
            progress(min(done, listing.listed), listing.listed)


def identity(listing: Listing, code: str, settings: dict[str, Any], held: str) -> dict[str, object]:
    """Return what blocks depend on, in words (`data.shares.Work`); held: a hash of the corpus'
    files, which tells of recordings that were replaced by others of their names."""
    listed = hashlib.sha256()
    for row in _rows(listing.clips, np.arange(len(listing.clips))):
        listed.update(repr(tuple(row)).encode(errors="surrogateescape"))
    lists = listed.hexdigest()
    return {"code": code, "configuration": settings, "lists": lists, "recordings": held}


def _rows(clips: pd.DataFrame, order: np.ndarray) -> Iterator[Any]:
    """Yield the rows of a listing at these positions; only some at a time are Python's objects."""
    for first in range(0, len(order), _AT_ONCE):
        yield from clips.iloc[order[first : first + _AT_ONCE]].itertuples(index=False)


def _packed(
    make: Callable[[Any], Prepared], clips: pd.DataFrame, order: np.ndarray, workers: int
) -> dict[str, np.ndarray]:
    """All samples end to end, and all else in words, clip by clip."""
    pcm, facts = [], []
    for one in in_order(make, _rows(clips, order), workers):
        if isinstance(one, dict):
            pcm.append(one.pop("pcm"))
        facts.append(json.dumps(one, default=lambda value: value.item()))
    return {
        "bytes": np.array([len(each) for each in pcm], np.int64),
        "pcm": np.frombuffer(b"".join(pcm), np.uint8),
        "facts": np.array(facts, str),
    }


def _unpacked(block: dict[str, np.ndarray]) -> Iterator[Prepared]:
    ends = iter(np.cumsum(block["bytes"]).tolist())
    begin, pcm = 0, block["pcm"].tobytes()
    for text in block["facts"].tolist():
        one = json.loads(text)
        if isinstance(one, list):
            yield Rejection(*one)
        else:
            end = next(ends)
            yield {**one, "pcm": pcm[begin:end]}
            begin = end
