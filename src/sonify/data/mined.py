"""The clips that are mined, and the part of each that is mined, shown and heard."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from sonify.contracts import tables
from sonify.contracts.audio_format import RATE_HZ
from sonify.data.clips import Clips
from sonify.runtime.errors import SonifyError
from sonify.runtime.guesses import hint

REASON = "excluded_label"
_KEY = "sonification.mining.exclude_labels"


def mined(
    parts: Iterable[Clips], exclude_labels: Sequence[str] = (), crop_s: float | None = None
) -> Iterator[Clips]:
    """Yield what is mined of each part: clips without the excluded labels, cut to their centre.

    Clips longer than `crop_s` seconds lose as much on either side; None keeps them whole. A part of
    which nothing is left is passed over. Raises SonifyError for a label that the dataset does not
    have.
    """
    for clips in parts:
        check_labels(clips.dataset, clips.classes, exclude_labels)
        excluded = [c for c, name in enumerate(clips.classes) if name in set(exclude_labels)]
        kept = np.flatnonzero(~clips.targets[:, excluded].any(axis=1))
        if not len(kept):
            continue
        lengths = clips.lengths[kept]
        cut = lengths if crop_s is None else np.minimum(lengths, round(crop_s * RATE_HZ))
        yield replace(
            clips,
            ids=[clips.ids[i] for i in kept],
            splits=[clips.splits[i] for i in kept],
            targets=clips.targets[kept],
            lengths=cut,
            offsets=clips.offsets[kept] + (lengths - cut) // 2,  # as `centre` does
        )


def centre(x: np.ndarray, n_samples: int) -> np.ndarray:
    """Return the `n_samples` samples at the centre of x, (time,), a view; all of a shorter x.

    What `mined` cuts is the centre of the stored clip: 40,000 of 80,000 samples begin at 20,000.
    """
    start = max(0, (len(x) - n_samples) // 2)
    return x[start : start + n_samples]


def centres(parts: Iterable[Clips], lengths: pd.Series) -> dict[str, np.ndarray]:
    """Return the samples of mined clips, (time,) int16, by clip_id.

    lengths: n_samples of their rows of top_activations, indexed by clip_id. Raises SonifyError for
    a clip that is not in `parts` or too short.
    """
    wanted = lengths[~lengths.index.duplicated()].to_dict()
    found = {
        clip: centre(clips.pcm(i), wanted[clip]).copy()  # a view would keep the whole part
        for clips in parts
        for i, clip in enumerate(clips.ids)
        if clip in wanted
    }
    if missing := wanted.keys() - found.keys():
        raise SonifyError(f"clip {min(missing)} was mined but is not in the split: mine it again")
    for clip, samples in found.items():
        if len(samples) != wanted[clip]:
            raise SonifyError(
                f"clip {clip} was mined with {wanted[clip]} samples and has {len(samples)} now: "
                "mine it again"
            )
    return found


def left_out(files: Iterable[Path], exclude_labels: Sequence[str]) -> pd.DataFrame:
    """Return the clips of stored parts that are not mined: columns of contract left_out but for the
    model's.
    """
    excluded, rows = set(exclude_labels), []
    for file in files:
        columns = ["dataset", "split", "clip_id", "labels"]
        with tables.damage_named(file), tables.opened(file) as part:
            stored = part.read(columns)
        for row in stored.to_pylist():
            found = [label for label in row.pop("labels") if label in excluded]
            if found:
                rows.append({**row, "reason": REASON, "detail": "; ".join(found)})
    return pd.DataFrame(rows, columns=["dataset", "split", "clip_id", "reason", "detail"])


def check_labels(dataset: str, labels: Sequence[str], excluded: Iterable[str]) -> None:
    """Raise SonifyError, with a guess at what was meant, for an excluded label that is none."""
    for name in excluded:
        if name not in labels:
            guess = hint(name, labels, "name labels of its vocabulary")
            raise SonifyError(f"{_KEY} has {name!r}, which is not a label of {dataset}: {guess}")
