"""The table of coherence peaks, on clips and sonifications made up for it."""

import numpy as np
import pandas as pd
import pytest

from sonify.contracts import tables
from sonify.data.audio.pcm import decode, encode_each
from sonify.evaluation.measurements.coherence_by_filter import coherence_by_filter_table
from sonify.evaluation.metrics.peaks import Peaks, active_fraction, noise_floor, peak_coherence
from sonify.models.architecture import Architecture
from sonify.models.checkpoint import ModelCard
from sonify.runtime.errors import SonifyError

CARD = ModelCard(
    "contrastive", 0, "audioset", "contrastive", "none", Architecture(), "CNN12", "projection", 512
)


@pytest.fixture
def clips(make_clips):
    return make_clips([4_000, 4_000, 4_000])


def lengths(clips, n: int = 4_000) -> pd.Series:
    """Samples mined of each clip."""
    return pd.Series(n, index=clips.ids)


def rows_of(clips, signals) -> pd.DataFrame:
    """A sonification per clip and filter: filter 0 as given, filter 1 silence."""
    peaks, pcm = encode_each(np.vstack([signals, np.zeros_like(signals)]))
    n = len(signals)
    return pd.DataFrame(
        {
            "dataset": clips.dataset, "split": "eval", "clip_id": clips.ids[:n] * 2, "layer": 3,
            "filter": [0] * n + [1] * n, "peak": peaks, "pcm": pcm,
        }
    )  # fmt: skip


def test_a_filter_has_the_mean_of_its_clips_and_silence_has_none(clips, rng):
    x = np.stack([decode(clips.pcm(i), np.float64) for i in range(3)])
    s = x + rng.standard_normal(x.shape) * 0.3
    s[2] = 0  # a clip on which the filter is dead
    rows = rows_of(clips, s)
    told = list[int]()
    table = coherence_by_filter_table(
        CARD, [clips], [rows[:4], rows[4:]], lengths(clips), Peaks(), told.append
    )
    assert told == [4, 6]
    table = tables.checked(table, "coherence_by_filter").to_pandas()
    stored = [decode(pcm, np.float64) for pcm in rows["pcm"][:2]]
    expected = np.mean([peak_coherence(x[i], stored[i]) for i in range(2)], axis=0)
    of = table[table["filter"] == 0].sort_values("peak_rank")
    np.testing.assert_allclose(of["peak_coherence"], expected, rtol=1e-12)
    assert set(of["n_pairs"]) == {2}
    np.testing.assert_allclose(of["floor"], noise_floor(4_000), rtol=1e-12)
    active = np.mean([*map(active_fraction, stored), 0.0])
    np.testing.assert_allclose(of["active_fraction"], active)
    dead = table[table["filter"] == 1]
    assert dead["peak_coherence"].isna().all() and set(dead["n_pairs"]) == {0}
    assert len(table) == 2 * 5 and set(table["model"]) == {"contrastive-s0"}


def test_a_clip_that_the_split_lacks_is_named(clips):
    with pytest.raises(SonifyError, match="clip zzz was mined but is not in the split: mine it"):
        coherence_by_filter_table(CARD, [clips], [], pd.Series({"zzz": 4_000}), Peaks())


def test_clips_are_compared_with_their_mined_centres(make_clips, rng):
    whole = make_clips([4_000, 4_000, 9_000])
    starts = [0, 0, 2_500]
    x = np.stack([decode(whole.pcm(i)[at : at + 4_000], np.float64) for i, at in enumerate(starts)])
    rows = rows_of(whole, x + rng.standard_normal(x.shape) * 0.3)
    found = coherence_by_filter_table(CARD, [whole], [rows], lengths(whole), Peaks())
    expected = [peak_coherence(x[i], decode(rows["pcm"][i], np.float64)) for i in range(3)]
    of = found[found["filter"] == 0].sort_values("peak_rank")
    np.testing.assert_allclose(of["peak_coherence"], np.mean(expected, axis=0), rtol=1e-12)
    with pytest.raises(SonifyError, match="was mined with 9000 samples and has 4000 now: mine it"):
        coherence_by_filter_table(CARD, [whole], [rows], lengths(whole, 9_000), Peaks())
