import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sonify.data.clips import length_buckets
from sonify.models.cnn import CNN12, Architecture
from sonify.sonification.deconvnet.sonifier import Sonifier
from sonify.sonification.mining.top_activations import TopActivations, observe
from sonify.sonification.rendering import render_layers


def by_sorting(values: np.ndarray, ids: list[str], k: int) -> list[list[str]]:
    """Top-k clips of each filter the plain way."""
    return [
        sorted(ids, key=lambda c: (-values[ids.index(c), f], c))[:k] for f in range(values.shape[1])
    ]


FILTERS = [2, 3]  # of two layers


def feed(miner: TopActivations, values: np.ndarray, frames: np.ndarray, ids: list[str]) -> None:
    """A batch of maxima, (clip, filter of any layer), the way `observe` offers them."""
    edges = np.cumsum([0, *FILTERS])
    for layer in (1, 2):
        own = slice(edges[layer - 1], edges[layer])
        clips, filters = miner.entering(layer, values[:, own], ids)
        entered = values[:, own][clips, filters], frames[:, own][clips, filters]
        miner.update(layer, filters, *entered, np.array(ids, object)[clips])


@given(
    n=st.integers(1, 12),
    k=st.integers(1, 4),
    seed=st.integers(0, 10**6),
    parts=st.integers(1, 4),
    size=st.integers(1, 5),
)
def test_any_partition_of_the_clips_gives_the_full_sort(n, k, seed, parts, size):
    rng = np.random.default_rng(seed)
    values = rng.integers(0, 4, (n, 5)).astype(float)  # small integers: ties are common
    frames = rng.integers(0, 9, (n, 5))
    ids = [f"clip-{i}" for i in rng.permutation(n)]
    miners = [TopActivations(FILTERS, k) for _ in range(parts)]
    order = rng.permutation(n)
    for i, start in enumerate(range(0, n, size)):
        some = order[start : start + size]
        feed(miners[i % parts], values[some], frames[some], [ids[at] for at in some])
    whole = TopActivations(FILTERS, k)
    for miner in miners:
        whole.merge(miner.table())
    table = whole.table()
    found = table.groupby(["layer", "filter"])["clip_id"].apply(list).tolist()
    assert found == by_sorting(values, ids, k)
    assert (table["rank"] == table.groupby(["layer", "filter"]).cumcount() + 1).all()
    for row in table.itertuples():
        column = row.filter + (0 if row.layer == 1 else 2)
        assert row.activation == values[ids.index(row.clip_id), column]
        assert row.frame == frames[ids.index(row.clip_id), column]
        assert row.dead == (row.activation == 0)


def test_what_is_observed_are_maxima_of_the_recorded_maps():
    sonifier = Sonifier(CNN12(Architecture(width=0.125)))
    with torch.no_grad():
        sonifier.blocks[4].conv.bias[3] = -1e6  # a dead filter
    x, ids = torch.randn(4, 3_000), ["d", "b", "a", "c"]
    miner = TopActivations(sonifier.filters, k=2)
    for some in ([0, 1], [2, 3]):
        observe(miner, sonifier, x[some], [ids[i] for i in some])
    maps = sonifier.forward(x).maps
    for layer, rows in miner.table().groupby("layer"):
        at = [ids.index(c) for c in rows["clip_id"]], rows["filter"].to_numpy()
        values, frames = maps[layer - 1].amax(-1).numpy(), maps[layer - 1].argmax(-1).numpy()
        np.testing.assert_allclose(rows["activation"], values[at], rtol=1e-5)
        np.testing.assert_array_equal(rows["frame"], frames[at])
        best = np.sort(values, axis=0)[:-3:-1].T.ravel()
        np.testing.assert_allclose(rows["activation"], best, rtol=1e-5)
    dead = miner.table().query("layer == 5 and filter == 3")
    assert dead["clip_id"].tolist() == ["a", "b"] and dead["dead"].all()


def test_bad_batches_are_refused():
    miner = TopActivations([2], 3)
    with pytest.raises(ValueError, match="expected"):
        miner.entering(1, np.zeros((1, 3)), ["a"])
    with pytest.raises(ValueError, match="clip b: an activation is not finite"):
        miner.entering(1, np.array([[0, 1], [np.nan, 1]]), ["a", "b"])
    feed(other := TopActivations(FILTERS, 3), np.ones((1, 5)), np.zeros((1, 5), int), ["a"])
    with pytest.raises(
        ValueError, match="candidates are of another model: layer 2 has other filters"
    ):
        miner.merge(other.table())
    with pytest.raises(ValueError, match="top is 0"):
        TopActivations([2], 0)


def test_every_mined_filter_is_sonified_and_its_samples_are_the_sonification(make_clips):
    shape = Architecture(width=1 / 32)
    sonifier = Sonifier(CNN12(shape))
    clips = make_clips([2_500, 2_500, 3_001, 2_370])
    miner = TopActivations(shape.filters)
    for indices in length_buckets(clips.lengths, 6_000):
        ids = [clips.ids[i] for i in indices]
        observe(miner, sonifier, torch.from_numpy(clips.whole(indices)), ids)
    top = miner.table().assign(time_s=0.0)
    assert len(top) == 3 * sum(shape.filters)
    frames = list(render_layers(sonifier, [clips], top, max_samples=8_000))
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
        list(
            render_layers(Sonifier(CNN12(Architecture(width=1 / 32))), [clips], top, max_samples=9)
        )
