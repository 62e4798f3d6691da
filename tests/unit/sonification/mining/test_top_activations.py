from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from oracles import before_pooling

from sonify.data.clips import length_buckets
from sonify.models.architecture import LAYOUTS
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


def feed(
    miner: TopActivations,
    scores: np.ndarray,
    maxima: np.ndarray,
    frames: np.ndarray,
    ids: list[str],
) -> None:
    """A batch of scores, (clip, filter of any layer), the way `observe` offers them."""
    edges = np.cumsum([0, *FILTERS])
    for layer in (1, 2):
        own = slice(edges[layer - 1], edges[layer])
        clips, filters = miner.entering(layer, scores[:, own], ids)
        maximum, frame, score = (v[:, own][clips, filters] for v in (maxima, frames, scores))
        miner.update(layer, filters, maximum, frame, np.array(ids, object)[clips], score)


@given(
    n=st.integers(1, 12),
    k=st.integers(1, 4),
    seed=st.integers(0, 10**6),
    parts=st.integers(1, 4),
    size=st.integers(1, 5),
)
def test_any_partition_of_the_clips_gives_the_full_sort(n, k, seed, parts, size):
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, 4, (n, 5)).astype(float)  # small integers: ties are common
    maxima = np.where(scores > 0, rng.random((n, 5)), 0.0)  # ranked otherwise than scores
    frames = rng.integers(0, 9, (n, 5))
    ids = [f"clip-{i}" for i in rng.permutation(n)]
    miners = [TopActivations(FILTERS, k) for _ in range(parts)]
    order = rng.permutation(n)
    for i, start in enumerate(range(0, n, size)):
        some = order[start : start + size]
        chosen = (v[some] for v in (scores, maxima, frames))
        feed(miners[i % parts], *chosen, [ids[at] for at in some])
    whole = TopActivations(FILTERS, k)
    for miner in miners:
        whole.merge(miner.table())
    table = whole.table()
    found = table.groupby(["layer", "filter"])["clip_id"].apply(list).tolist()
    assert found == by_sorting(scores, ids, k)
    assert (table["rank"] == table.groupby(["layer", "filter"]).cumcount() + 1).all()
    for row in table.itertuples():
        column = row.filter + (0 if row.layer == 1 else 2)
        at = ids.index(row.clip_id), column
        assert (row.score, row.activation) == (scores[at], maxima[at])
        assert row.frame == frames[at]
        assert row.dead == (row.activation == 0)


SCORES = {
    "mean": lambda maps: maps.sum(-1) / maps.shape[-1],
    "max": lambda maps: maps.max(-1).values,
    "energy": lambda maps: (maps * maps).sum(-1),
}


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("rule", SCORES)
def test_clips_are_ranked_by_their_whole_maps_before_the_pool(rule, padding):
    layout = replace(LAYOUTS["cnn12"], padding=padding)
    model = CNN12(Architecture(width=1 / 16, layout=layout)).double()
    with torch.no_grad():
        model.trunk.conv5.bias[3] = -1e6  # a dead filter
    x, ids = torch.randn(6, 3_001).double(), list("dbacfe")
    x[1::2] *= torch.linspace(0, 2, 3_001)  # mean, maximum and energy disagree
    with torch.no_grad():
        maps = before_pooling(model.trunk, x)
    tables = []
    for batches in ([[0, 1], [2, 3], [4, 5]], [[5, 4, 3, 2], [1, 0]]):
        miner = TopActivations(model.architecture.filters, k=2)
        for some in batches:
            observe(miner, Sonifier(model), x[some], [ids[i] for i in some], rule)
        tables.append(miner.table())
    pd.testing.assert_frame_equal(*tables, rtol=1e-12)
    for layer, rows in tables[0].groupby("layer"):
        at = [ids.index(c) for c in rows["clip_id"]], rows["filter"].to_numpy()
        scores = SCORES[rule](maps[layer]).numpy()
        best = np.sort(scores, axis=0)[:-3:-1].T.ravel()
        np.testing.assert_allclose(rows["score"], best, rtol=1e-9)
        np.testing.assert_allclose(rows["score"], scores[at], rtol=1e-9)
        np.testing.assert_allclose(rows["activation"], maps[layer].amax(-1).numpy()[at], rtol=1e-9)
        np.testing.assert_array_equal(rows["frame"], maps[layer].argmax(-1).numpy()[at])
    dead = tables[0].query("layer == 5 and filter == 3")
    assert dead["clip_id"].tolist() == ["a", "b"] and dead["dead"].all()


def test_without_scores_activations_are_ranked():
    top = TopActivations([1], k=1)
    for clip, activation in (("a", 0.5), ("b", 2.0), ("c", 1.0)):
        top.update(1, np.array([0]), np.array([activation]), np.array([3]), [clip])
    row = top.table().iloc[0]
    assert (row["clip_id"], row["score"], row["activation"], row["frame"]) == ("b", 2.0, 2.0, 3)


def test_the_rules_choose_different_clips():
    sonifier = Sonifier(CNN12(Architecture(width=1 / 32, layout="cnn12")))
    x = torch.randn(4, 3_000)
    x[1] *= 3 * (torch.arange(3_000) > 2_900)  # short: a high maximum, a low mean
    first = {}
    for rule in SCORES:
        miner = TopActivations(sonifier.filters, k=1)
        observe(miner, sonifier, x, list("abcd"), rule)
        first[rule] = miner.table().query("layer <= 2")["clip_id"]
    assert (first["max"] == "b").mean() > 0.5 > (first["mean"] == "b").mean()


def test_of_the_first_batch_no_more_enter_than_can_stay_but_for_ties():
    scores = np.random.default_rng(3).permuted(np.tile(np.arange(50.0), (2, 1)), axis=1).T
    clips, filters = TopActivations([2], 3).entering(1, scores, [f"clip-{i}" for i in range(50)])
    assert sorted(zip(filters, scores[clips, filters], strict=True)) == [
        (index, score) for index in (0, 1) for score in (47, 48, 49)
    ]
    clips, _ = TopActivations([2], 3).entering(1, np.zeros((50, 2)), list(map(str, range(50))))
    assert len(clips) == 100  # whose ids decide


def test_candidates_of_one_filter_more_are_refused():
    miner = TopActivations([3])
    miner.update(1, np.arange(3), np.ones(3), np.zeros(3, int), ["a"] * 3)
    TopActivations([3]).merge(miner.table())
    with pytest.raises(ValueError, match="of another model: layer 1 has other filters"):
        TopActivations([2]).merge(miner.table())


def test_bad_batches_are_refused():
    miner = TopActivations([2], 3)
    with pytest.raises(ValueError, match="expected"):
        miner.entering(1, np.zeros((1, 3)), ["a"])
    with pytest.raises(ValueError, match="clip b: an activation is not finite"):
        miner.entering(1, np.array([[0, 1], [np.nan, 1]]), ["a", "b"])
    ones = np.ones((1, 5))
    feed(other := TopActivations(FILTERS, 3), ones, ones, np.zeros((1, 5), int), ["a"])
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
    lengths = dict(zip(clips.ids, clips.lengths, strict=True))
    top = miner.table().assign(time_s=0.0, n_samples=lambda rows: rows["clip_id"].map(lengths))
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
    top["n_samples"] = 2_000
    with pytest.raises(ValueError, match="clip elsewhere was mined but is not in the split"):
        list(
            render_layers(Sonifier(CNN12(Architecture(width=1 / 32))), [clips], top, max_samples=9)
        )
