"""The evidence on every resample of the clips, which gives claims intervals over clips.

A replicate takes the place of a seed: the evidence has a row for each seed and resample, under the
seed's number times REPLICATES plus the resample's. The function that computes a claim's number by
seed thus also computes it on every resample, in one pass. Tables that are not computed over clips
are empty, so that claims about them are "missing", that is, have no such interval.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from sonify.evaluation.metrics.bootstrap import REPLICATES, clip_means, resamples
from sonify.paper.claims.evidence import Evidence, Missing
from sonify.paper.claims.measurement import Measurement, Values
from sonify.paper.claims.statistics import Floats
from sonify.runtime.errors import SonifyError

# Of fewer clips a bootstrap tells too little: its standard error is too small by √((n - 1)/n), and
# its tails are those of a handful of values.
LEAST = 20

# Tables with a row a clip: their columns that are means over clips.
BY_CLIP = {
    "coherence": ("coherence", "envelope_correlation"),
    "invariance": ("correlation",),
    "stimulation": ("response", "leads"),
    "coherence_controls": ("coherence",),
    "stems": ("best_share",),
    "rivals": ("response",),
}
_PLACES = ("layer", "shift", "selection", "method", "sound")  # where a clip is measured
_SCORES = ("mAP", "accuracy")  # all that claims are about
_CLIPS = ["model", "dataset", "split"]  # what one set of clips was measured for


def resampled(evidence: Evidence) -> Evidence:
    """Return the evidence on every resample.

    Raises SonifyError for a table with another number of replicates.
    """
    tables = {name: _rows(name, frame, evidence) for name, frame in evidence.tables.items()}
    return replace(evidence, tables=tables)


def measured_again(
    evaluate: Callable[[Evidence], Measurement], again: Evidence | None
) -> Measurement | None:
    """Return a claim's number on the `resampled` evidence, None if not over clips."""
    if again is None:
        return None
    try:
        return evaluate(again)
    except Missing:
        return None


def by_replicate(values: Values, like: pd.DataFrame) -> Floats:
    """Arrange numbers on the `resampled` evidence as (seed, replicate, number).

    like: the numbers themselves, seed by number; NaN where a resample has none.
    """
    frame = pd.DataFrame(values)
    if frame.shape[1] == like.shape[1] == 1:
        frame.columns = like.columns
    seeds = np.repeat(like.index.to_numpy(), REPLICATES)
    every = seeds * REPLICATES + np.tile(np.arange(REPLICATES), len(like))
    found: Floats = frame.reindex(index=every, columns=like.columns).to_numpy(np.float64)
    return found.reshape((len(like), REPLICATES, like.shape[1]))


def _rows(name: str, frame: pd.DataFrame, evidence: Evidence) -> pd.DataFrame:
    """Return the rows of a table on every resample of its clips, or none."""
    frame = _main(frame, {"rule": evidence.rule, "rescaled": evidence.rescaled})
    if name in BY_CLIP:
        each = [_means(some, BY_CLIP[name]) for _, some in frame.groupby(_CLIPS)]
        return pd.concat([frame.iloc[:0], *each])
    if "replicates" not in frame:
        return frame.iloc[:0]
    kept = frame["metric"].isin(_SCORES) & (frame["n_clips"] >= LEAST)
    frame = frame[kept]
    lengths = frame["replicates"].map(len)
    if not lengths.isin([REPLICATES]).all():
        raise SonifyError(
            f"table {name} has {lengths[lengths != REPLICATES].iloc[0]} replicates a row instead "
            f"of {REPLICATES}: make it again"
        )
    values = np.concatenate([np.empty(0, np.float32), *frame["replicates"]])
    return _repeated(frame.drop(columns="replicates"), {"value": values})


def _main(frame: pd.DataFrame, condition: Mapping[str, object]) -> pd.DataFrame:
    for column, value in condition.items():
        if column in frame:
            frame = frame[frame[column] == value]
    return frame


def _means(rows: pd.DataFrame, columns: tuple[str, ...]) -> pd.DataFrame:
    """Return the means over clips of one model on every resample of its clips."""
    place = [c for c in _PLACES if c in rows]
    each = {c: rows.pivot(index="clip_id", columns=place, values=c) for c in columns}
    ids = each[columns[0]].index.tolist()
    if len(ids) < LEAST:
        return rows.iloc[:0]
    counts = resamples(str(rows["dataset"].iloc[0]), str(rows["split"].iloc[0]), ids)
    means = {c: clip_means(by_clip.to_numpy(np.float64), counts) for c, by_clip in each.items()}
    first = rows.drop_duplicates(place).sort_values(place)
    return _repeated(first, {column: values.T.ravel() for column, values in means.items()})


def _repeated(rows: pd.DataFrame, values: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """Repeat each row for every resample, with the values of each."""
    at = np.repeat(np.arange(len(rows)), REPLICATES)
    replicate = np.tile(np.arange(REPLICATES), len(rows))
    again = rows.iloc[at].assign(**values)
    return again.assign(seed=again["seed"].astype(np.int64) * REPLICATES + replicate)
