"""The order of training, proved on indices alone, and the crops that come in it."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from sonify.data.clips import cut
from sonify.data.stream import CropStream, Cutting, shuffled

PAIRS = Cutting(
    samples=16, views=2, shortest=10, starts=lambda n, rng: rng.integers(0, _room(n), (len(n), 2))
)
LENGTHS = [40, 7, 40, 55, 12, 40, 41, 16, 12, 60, 40, 9, 33, 34, 35, 36, 37]  # two are too short


def _room(lengths: np.ndarray) -> np.ndarray:
    return np.maximum(lengths - PAIRS.samples, 0)[:, None] + 1


@pytest.fixture
def stream(make_clips, store):
    """A stream and the same clips in memory."""
    clips = make_clips(LENGTHS, splits="train")
    base = CropStream(store(clips), PAIRS, ("run", 1), batch_size=4, shuffle_clips=6)
    return base, clips


@given(n=st.integers(0, 60), buffer=st.integers(1, 70), seed=st.integers(0, 999))
def test_every_clip_is_drawn_once_and_none_before_it_was_read(n, buffer, seed):
    read = np.arange(n) + 100
    drawn = shuffled(read, buffer, np.random.default_rng(seed))
    assert sorted(drawn) == list(read)
    turn = np.empty(n, int)
    turn[drawn - 100] = np.arange(n)
    assert (turn >= np.arange(n) - buffer + 1).all()


def test_a_buffer_that_holds_everything_makes_every_order_equally_likely():
    rng = np.random.default_rng(5)
    orders = np.array([shuffled(np.arange(4), 9, rng) for _ in range(24_000)])
    _, counts = np.unique(orders, axis=0, return_counts=True)
    assert len(counts) == 24
    assert stats.chisquare(counts).pvalue > 0.01


def test_a_whole_epoch_is_uniform_too(make_clips, store):
    """Through row groups, parts and seeds by name: each clip is equally likely in each place."""
    clips = store(make_clips([20] * 8))
    stream = CropStream(clips, PAIRS, ("uniform",), batch_size=4, shuffle_clips=8)
    drawn = np.array([stream.order(epoch)[1] for epoch in range(4_000)])
    counts = np.array([np.bincount(drawn[:, place], minlength=8) for place in range(8)])
    # Rows and columns are fixed sums: 7 x 7 degrees of freedom.
    statistic = ((counts - 500) ** 2 / 500).sum() * 7 / 8
    assert 0.01 < stats.chi2.sf(statistic, 49) < 0.99
    together = np.mean([set(row[:4]) >= {0, 1} or set(row[4:]) >= {0, 1} for row in drawn])
    assert abs(together - 3 / 7) < 3 * np.sqrt(3 / 7 * 4 / 7 / 4_000)


def test_the_mixing_of_a_small_buffer_is_as_told():
    """Waits are geometric; clips read together share a batch as the formula of the module says."""
    n, buffer, batch = 400_000, 2_000, 500
    drawn = shuffled(np.arange(n), buffer, np.random.default_rng(6))
    turn = np.empty(n, int)
    turn[drawn] = np.arange(n)
    steady = slice(buffer, n - 20 * buffer)
    wait = (turn - np.arange(n) + buffer)[steady]
    assert wait.min() == 1 and abs(wait.mean() / buffer - 1) < 0.02
    assert abs((wait > 3 * buffer).mean() - np.exp(-3)) < 0.002
    for apart in (1, 2_000, 6_000):
        meet = (
            turn[steady] // batch == turn[steady.start + apart : steady.stop + apart] // batch
        ).mean()
        x = batch / buffer
        near = 1 - (1 - np.exp(-x)) / x
        far = (np.cosh(x) - 1) / x * np.exp(-apart / buffer)
        assert meet == pytest.approx(near if apart == 1 else far, rel=0.05)


def test_row_groups_are_read_in_a_new_order_every_epoch(stream):
    stream, _ = stream
    groups = [tuple(stream.order(epoch)[0]) for epoch in range(20)]
    assert len(set(groups)) == 20 and all(sorted(g) == list(range(7)) for g in groups)
    np.testing.assert_array_equal(stream.order(3)[1], stream.order(3)[1])


@pytest.mark.parametrize("looked_up", [1, 8, 1024])  # a batch at a time, two, all
def test_batches_are_crops_of_their_clips(stream, looked_up, monkeypatch):
    monkeypatch.setattr("sonify.data.stream.LOOKED_UP", looked_up)
    stream, clips = stream
    batches = list(stream.epoch(1))
    seen = np.concatenate([b.clips for b in batches])
    assert [len(b.clips) for b in batches] == [4] * 3 and len(set(seen)) == 12 and stream.steps == 3
    assert set(stream.used) == {i for i, n in enumerate(LENGTHS) if n >= 10} > set(seen)
    for batch in batches:
        np.testing.assert_array_equal(batch.targets, clips.targets[batch.clips])
        assert batch.crops.dtype == np.int16 and batch.crops.shape == (4, 2, 16)
        for clip, views in zip(batch.clips, batch.crops, strict=True):
            x = clips.pcm(clip)
            cuts = [cut(x, s, 16) for s in range(max(1, len(x) - 15))]
            assert all(any(np.array_equal(view, c) for c in cuts) for view in views)


def test_each_epoch_cuts_and_orders_anew_and_other_clips_wait(stream):
    stream, _ = stream
    epochs = [list(stream.epoch(e)) for e in range(12)]
    orders = {tuple(np.concatenate([b.clips for b in epoch])) for epoch in epochs}
    assert len(orders) == 12
    waiting = {clip for order in orders for clip in set(stream.used) - set(order)}
    assert len(waiting) > 8
    cuts = {b.crops[i].tobytes() for e in epochs for b in e for i in np.flatnonzero(b.clips == 9)}
    assert len(cuts) == sum(9 in order for order in orders)
    named = dataclasses.replace(stream, names=("run", 2))
    assert tuple(np.concatenate([b.clips for b in named.epoch(0)])) not in orders


@pytest.mark.parametrize("shuffle_clips", [1, 6, 100])
@pytest.mark.parametrize("workers", [0, 1, 2, 3])
@pytest.mark.parametrize("ranks", [1, 2, 3])
def test_ranks_and_workers_together_give_the_single_stream(stream, workers, ranks, shuffle_clips):
    base, _ = stream
    alone = dataclasses.replace(base, shuffle_clips=shuffle_clips, workers=0)
    shares = [
        dataclasses.replace(alone, workers=workers, rank=rank, ranks=ranks) for rank in range(ranks)
    ]
    for epoch in (1, 2):
        shared = zip(*(share.epoch(epoch) for share in shares), strict=True)
        for whole, parts in zip(alone.epoch(epoch), shared, strict=True):
            for rank, part in enumerate(parts):
                np.testing.assert_array_equal(part.clips, whole.clips[rank::ranks])
                np.testing.assert_array_equal(part.crops, whole.crops[rank::ranks])
                np.testing.assert_array_equal(part.targets, whole.targets[rank::ranks])


def test_fewer_clips_than_a_batch_make_one(stream):
    stream, _ = stream
    (batch,) = dataclasses.replace(stream, batch_size=50).epoch(1)
    assert sorted(batch.clips) == list(stream.used)


def test_no_clip_long_enough_is_no_batch(stream):
    stream, _ = stream
    none = dataclasses.replace(stream, cutting=dataclasses.replace(PAIRS, shortest=1_000))
    assert none.steps == 0 and len(none.used) == 0


def test_crops_in_memory_are_bounded_by_the_buffer(make_clips, store):
    clips = store(make_clips([20] * 60), clips_per_part=10)
    stream = CropStream(clips, PAIRS, ("held",), batch_size=5, shuffle_clips=7, workers=0)
    held, most = 0, 0
    read = type(clips).read

    class Counting(type(clips)):
        def read(self, group, positions, starts, out):
            nonlocal held, most
            held += len(positions)
            most = max(most, held)
            read(self, group, positions, starts, out)

    counting = Counting(**{f.name: getattr(clips, f.name) for f in dataclasses.fields(clips)})
    for batch in dataclasses.replace(stream, stored=counting).epoch(1):
        held -= len(batch.clips)
    assert 7 <= most <= 7 + 5 + 2 * 3


@pytest.mark.parametrize("workers", [0, 2])
def test_a_part_lost_since_it_was_listed_ends_the_epoch_with_one_sentence(stream, workers):
    stream, _ = stream
    stream.stored.groups[-1].file.unlink()
    with pytest.raises(
        ValueError, match=r"part-00003\.parquet: No such file.*: prepare fsd50k again"
    ):
        list(dataclasses.replace(stream, workers=workers, batch_size=1).epoch(1))
