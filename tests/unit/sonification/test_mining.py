import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sonify.models.cnn import CNN12, Architecture
from sonify.sonification.deconvnet import Sonifier
from sonify.sonification.mining import TopActivations, maxima
from sonify.sonification.rendering import mine, render_layers, to_pcm


def by_sorting(values: np.ndarray, ids: list[str], k: int) -> list[list[str]]:
    """Top-k clips of each filter the plain way."""
    return [
        sorted(ids, key=lambda c: (-values[ids.index(c), f], c))[:k] for f in range(values.shape[1])
    ]


@settings(deadline=None, max_examples=60)
@given(
    n=st.integers(1, 12),
    k=st.integers(1, 4),
    seed=st.integers(0, 10**6),
    parts=st.integers(1, 4),
)
def test_any_partition_of_the_clips_gives_the_full_sort(n, k, seed, parts):
    rng = np.random.default_rng(seed)
    values = rng.integers(0, 4, (n, 5)).astype(float)  # small integers: ties are common
    frames = rng.integers(0, 9, (n, 5))
    ids = [f"clip-{i}" for i in rng.permutation(n)]
    miners = [TopActivations([2, 3], k) for _ in range(parts)]
    for i, at in enumerate(rng.permutation(n)):
        miners[i % parts].update(values[[at]], frames[[at]], [ids[at]])
    first, *others = miners
    for other in others:
        first.merge(other)
    table = first.table()
    found = table.groupby(["layer", "filter"])["clip_id"].apply(list).tolist()
    assert found == by_sorting(values, ids, k)
    for row in table.itertuples():
        column = row.filter + (0 if row.layer == 1 else 2)
        assert row.activation == values[ids.index(row.clip_id), column]
        assert row.frame == frames[ids.index(row.clip_id), column]
        assert row.dead == (row.activation == 0)


def test_maxima_are_those_of_the_recorded_maps():
    sonifier = Sonifier(CNN12(Architecture(width=0.125)))
    x = torch.randn(2, 3_000)
    values, frames = maxima(sonifier, x)
    maps = sonifier.forward(x).maps
    np.testing.assert_allclose(values, torch.cat([m.amax(-1) for m in maps], 1), rtol=1e-6)
    np.testing.assert_array_equal(frames, torch.cat([m.argmax(-1) for m in maps], 1))


def test_bad_batches_are_refused():
    miner = TopActivations([2], 3)
    with pytest.raises(ValueError, match="expected"):
        miner.update(np.zeros((1, 3)), np.zeros((1, 3)), ["a"])
    with pytest.raises(ValueError, match="clip b: an activation is not finite"):
        miner.update(np.array([[0, 1], [np.nan, 1]]), np.zeros((2, 2)), ["a", "b"])
    with pytest.raises(ValueError, match="cannot be merged"):
        miner.merge(TopActivations([2], 2))
    with pytest.raises(ValueError, match="top is 0"):
        TopActivations([2], 0)


def test_every_mined_filter_is_sonified_and_its_samples_are_the_sonification(make_clips):
    shape = Architecture(width=1 / 32)
    sonifier = Sonifier(CNN12(shape))
    clips = make_clips([2_000, 2_000, 3_001, 1_500])
    top = mine(sonifier, clips, shape, top=3, max_samples=6_000)
    assert len(top) == 3 * sum(shape.filters)
    assert (top["time_s"] <= 3_001 / 8000).all()
    frames = list(render_layers(sonifier, clips, top, max_samples=8_000))
    table = pd.concat(frames)
    assert [int(f["layer"].iloc[0]) for f in frames] == list(range(1, 12))
    keys = ["layer", "filter", "rank", "clip_id"]
    pd.testing.assert_frame_equal(
        table[keys].reset_index(drop=True), top.sort_values(keys[:3])[keys].reset_index(drop=True)
    )
    assert (table["dead"] == (table["scale_factor"] == 0)).mean() > 0.9  # rectified away: rare
    for row in table.sample(25, random_state=1).itertuples():
        x = torch.from_numpy(clips.whole([clips.ids.index(row.clip_id)]))
        ours = sonifier.sonify(x, row.layer, row.filter)[0].numpy()
        stored = np.frombuffer(row.pcm, "<i2") / 32767 * row.peak
        assert np.abs(stored - ours).max() <= 1 / 32767


def test_a_mined_clip_that_is_not_there_is_named(make_clips):
    clips = make_clips([2_000])
    top = pd.DataFrame({"clip_id": ["elsewhere"], "layer": [1], "filter": [0], "rank": [1]})
    with pytest.raises(ValueError, match="clip elsewhere was mined but is not in the split"):
        list(render_layers(Sonifier(CNN12(Architecture(width=1 / 32))), clips, top, max_samples=9))


def test_pcm_uses_the_full_range_and_keeps_silence():
    peaks, pcm = to_pcm(np.array([[0.5, -0.25, 0.0], [0.0, 0.0, 0.0]]))
    assert peaks.tolist() == [0.5, 0.0]
    assert np.frombuffer(pcm[0], "<i2").tolist() == [32767, -16384, 0]
    assert np.frombuffer(pcm[1], "<i2").tolist() == [0, 0, 0]
