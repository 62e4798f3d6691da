"""Coherence of every filter's sonifications with their clips, as in the authors' code."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from sonify.data.audio.pcm import decode
from sonify.data.clips import Clips
from sonify.data.mined import centres
from sonify.evaluation.measurements.scoring import Counter
from sonify.evaluation.metrics.peaks import Peaks, active_fraction, noise_floor, peak_coherence
from sonify.models.checkpoint import ModelCard

_KEYS = ["dataset", "split", "layer", "filter"]


def coherence_by_filter_table(
    card: ModelCard,
    parts: Iterable[Clips],
    sonifications: Iterable[pd.DataFrame],
    lengths: pd.Series,
    how: Peaks,
    progress: Counter | None = None,
) -> pd.DataFrame:
    """Return the coherence_by_filter table of one model: a row for each filter and peak.

    `sonifications` yields the rows of that table, a few at a time; `lengths` gives the samples
    mined of each of their clips, by clip_id, whose centres are read from `parts` of the split. A
    peak's value is its mean over the filter's clips that have enough peaks (silence has none); NaN
    if there are no such clips. The floor of each peak, and active_fraction, are means over all of
    the filter's clips. `progress` is called with the number of sonifications done. Raises
    SonifyError as `centres` does.
    """
    stored = centres(parts, lengths)
    inputs = {clip: decode(pcm, np.float64) for clip, pcm in stored.items()}
    measured, done = [], 0
    for rows in sonifications:
        measured.append(_measure(rows, inputs, how))
        done += len(rows)
        if progress:
            progress(done)
    pairs = pd.concat(measured)
    pairs["n_pairs"] = pairs[1].notna()
    groups = pairs.groupby(_KEYS)
    means = groups.mean().assign(n_pairs=groups["n_pairs"].sum()).reset_index()
    shared = means[[*_KEYS, "active_fraction", "n_pairs"]]
    rows = [
        shared.assign(peak_rank=rank, peak_coherence=means[rank], floor=means[f"floor {rank}"])
        for rank in range(1, how.count + 1)
    ]
    return pd.concat(rows, ignore_index=True).assign(**card.keys)


def _measure(rows: pd.DataFrame, inputs: dict[str, np.ndarray], how: Peaks) -> pd.DataFrame:
    """Return the measures of some sonifications: _KEYS, columns for each peak and its floor, and
    active_fraction.
    """
    measures = []
    for row in rows.itertuples():
        s, x = decode(row.pcm, np.float64), inputs[row.clip_id]
        peaks, floors = peak_coherence(x, s, how), noise_floor(len(x), how)
        measures.append([*peaks, *floors, active_fraction(s, how.nperseg)])
    ranks = range(1, how.count + 1)
    columns = [*ranks, *(f"floor {rank}" for rank in ranks), "active_fraction"]
    return rows[_KEYS].join(pd.DataFrame(measures, index=rows.index, columns=columns))
