"""The reader of prepared clips, against the rows that were written and a slow twin."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sonify.contracts import tables
from sonify.data.clips import Clips, length_buckets, load, load_part, part_sizes, parts

LENGTHS = {"train": [5, 300, 7, 300, 64], "val": [64, 9], "eval": []}


@pytest.fixture
def folder(tmp_path: Path, rng: np.random.Generator) -> Path:
    """A prepared dataset of two clips a part; clip ids run backwards through LENGTHS."""
    vocabulary = pd.DataFrame(
        {"dataset": "fsd50k", "index": [0, 1, 2], "label": ["a", "b", "c"], "mid": ""}
    )
    tables.write(vocabulary, tmp_path / "vocabulary.parquet", "vocabulary")
    for split, lengths in LENGTHS.items():
        rows = [_row(split, i, n, rng) for i, n in enumerate(lengths)]
        for part in range(max(1, (len(rows) + 1) // 2)):
            file = tmp_path / split / f"part-{part:05d}.parquet"
            tables.write(_frame(rows[2 * part : 2 * part + 2]), file, "clips")
    return tmp_path


@pytest.fixture
def rng() -> np.random.Generator:
    """Randomness of one test."""
    return np.random.default_rng(7)


def _row(split: str, i: int, n: int, rng: np.random.Generator) -> dict:
    pcm = rng.integers(-32767, 32768, n).astype("<i2").tobytes()
    labels = [["a"], ["b", "c"], []][i % 3]
    return {
        "dataset": "fsd50k", "split": split, "clip_id": f"{split}-{i}", "labels": labels,
        "n_samples": n, "source_rate": 16000, "gain": 1.0, "pcm": pcm,
    }  # fmt: skip


def _frame(rows: list[dict]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=list(tables.contract("clips").columns))


def test_parts_are_the_whole_piece_by_piece(folder):
    pieces, whole = list(parts(folder, ["val", "eval", "train"])), load(folder, ["val", "train"])
    assert [len(p) for p in pieces] == [2, 2, 2, 1]  # the empty part of eval is left out
    assert [i for p in pieces for i in p.ids] == whole.ids
    np.testing.assert_array_equal(np.concatenate([p.targets for p in pieces]), whole.targets)
    np.testing.assert_array_equal(np.concatenate([p.samples for p in pieces]), whole.samples)


def test_parts_are_counted_without_their_sounds(folder):
    sizes = part_sizes(folder, ["val", "eval", "train"])
    assert [len(load_part(file)) for file in sizes] == list(sizes.values()) == [2, 2, 2, 1]
    with pytest.raises(ValueError, match="no usable clip in eval"):
        part_sizes(folder, ["eval"])
    broken = next(iter(sizes))
    broken.write_bytes(b"half a file")
    with pytest.raises(ValueError, match=f"{broken.name}.*: prepare its dataset again"):
        part_sizes(folder, ["val"])


def test_load(folder):
    clips = load(folder, ["val", "train"])
    assert clips.splits == ["val"] * 2 + ["train"] * 5  # in the order asked for
    assert clips.ids == ["val-0", "val-1", *(f"train-{i}" for i in range(5))]
    assert clips.classes == ["a", "b", "c"] and clips.dataset == "fsd50k" and len(clips) == 7
    np.testing.assert_array_equal(clips.lengths, LENGTHS["val"] + LENGTHS["train"])
    np.testing.assert_array_equal(clips.targets[2:5], [[1, 0, 0], [0, 1, 1], [0, 0, 0]])
    assert clips.targets.dtype == np.uint8 and clips.samples.dtype == np.int16
    assert len(clips.samples) == clips.lengths.sum()
    written = tables.read(folder / "train/part-00001.parquet", "clips")
    pcm = np.frombuffer(written["pcm"][1], dtype="<i2")  # train-3
    np.testing.assert_array_equal(clips.pcm(5), pcm)
    x = clips.waveform(5)
    assert x.dtype == np.float32 and np.abs(x).max() <= 1
    np.testing.assert_array_equal(np.rint(x * 32767), pcm)


def test_a_split_without_clips_is_refused(folder):
    with pytest.raises(ValueError, match=r"no usable clip in eval: see .*rejected\.parquet for"):
        load(folder, ["eval"])
    assert length_buckets(np.array([], np.int64), 100) == []


def test_full_scale_is_exactly_one():
    samples = np.array([32767, -32767, 0, 1], dtype=np.int16)
    clips = _in_memory(samples, np.array([4]))
    np.testing.assert_array_equal(clips.waveform(0)[:3], [1, -1, 0])
    np.testing.assert_array_equal(clips.batch([0], [0], 4)[0], clips.waveform(0))


def _in_memory(samples: np.ndarray, lengths: np.ndarray) -> Clips:
    n = len(lengths)
    return Clips(
        dataset="x", ids=[str(i) for i in range(n)], splits=["train"] * n, classes=[],
        targets=np.zeros((n, 0), dtype=np.uint8), lengths=lengths,
        offsets=np.cumsum(lengths) - lengths, samples=samples,
    )  # fmt: skip


@given(
    lengths=st.lists(st.integers(1, 40), min_size=1, max_size=6),
    n=st.integers(1, 90),
    seed=st.integers(0, 999),
)
def test_batch_equals_its_slow_twin(lengths, n, seed):
    rng = np.random.default_rng(seed)
    lengths = np.array(lengths)
    samples = rng.integers(-32767, 32768, lengths.sum()).astype(np.int16)
    clips = _in_memory(samples, lengths)
    indices = rng.integers(0, len(lengths), 5)
    starts = [rng.integers(0, m - n + 1 if m >= n else m) for m in lengths[indices]]
    expected = np.array(
        [
            [clips.waveform(i)[(start + t) % lengths[i]] for t in range(n)]
            for i, start in zip(indices, starts, strict=True)
        ]
    )
    batch = clips.batch(indices, starts, n)
    assert batch.dtype == np.float32
    np.testing.assert_array_equal(batch, expected)


@pytest.mark.parametrize(("index", "start", "n"), [(3, 237, 64), (3, -1, 64), (2, 5, 64)])
def test_crops_outside_their_clip(folder, index, start, n):
    with pytest.raises(ValueError, match=f"cannot begin at sample {start} of"):
        load(folder, ["val", "train"]).batch([index], [start], n)


def test_whole(folder):
    clips = load(folder, ["train"])
    np.testing.assert_array_equal(clips.whole([3, 1]), [clips.waveform(3), clips.waveform(1)])
    with pytest.raises(ValueError, match="not 2: batch them with length_buckets"):
        clips.whole([0, 1])


@given(lengths=st.lists(st.integers(1, 9), max_size=40), limit=st.integers(1, 40))
def test_length_buckets(lengths, limit):
    lengths = np.array(lengths, dtype=np.int64)
    batches = length_buckets(lengths, limit)
    assert sorted(i for batch in batches for i in batch) == list(range(len(lengths)))
    for batch in batches:
        assert len(set(lengths[batch])) == 1
        assert len(batch) == 1 or lengths[batch].sum() <= limit
        assert list(batch) == sorted(batch)


def test_what_was_not_prepared(folder):
    with pytest.raises(ValueError, match=r"test has no prepared clips .*eval, train, val\): run"):
        load(folder, ["train", "test"])
    with pytest.raises(ValueError, match="name at least one, and each"):
        load(folder, ["train", "train"])
    with pytest.raises(ValueError, match="name at least one"):
        load(folder, [])


def test_broken_parts(folder, rng):
    part = folder / "val" / "part-00000.parquet"
    tables.write(_frame([{**_row("val", 0, 8, rng), "labels": ["z"]}]), part, "clips")
    with pytest.raises(ValueError, match=r"part-00000\.parquet: label 'z' is not in vocabulary"):
        load(folder, ["val"])
    tables.write(_frame([{**_row("val", 0, 8, rng), "n_samples": 7}]), part, "clips")
    with pytest.raises(ValueError, match="clip val-0 has 8 samples, which n_samples"):
        load(folder, ["val"])
    part.write_bytes(part.read_bytes()[:100])
    with pytest.raises(ValueError, match=r"part-00000\.parquet: .*: prepare its dataset again"):
        load(folder, ["val"])
