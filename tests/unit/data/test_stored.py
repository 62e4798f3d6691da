"""Crops read from disk, against the same clips in memory, and parts that go bad under it."""

import os
import re
from dataclasses import replace

import numpy as np
import pytest

from sonify.contracts.audio_format import RATE_HZ
from sonify.data.clips import cut, load_part
from sonify.data.prepare import _PART_FORMAT, CLIPS_PER_ROW_GROUP
from sonify.data.stored import clip_ids, stored
from sonify.runtime.errors import SonifyError

LENGTHS = [40, 7, 40, 55, 3, 40, 41, 40, 12, 60, 40]
FORMATS = {
    "plain": {},
    "other pages": {"data_page_version": "2.0"},
    "many pages": {"data_page_size": 8, "write_batch_size": 1},
    "compressed": {"compression": "zstd"},
    "dictionary": {"use_dictionary": True},
    "lengths apart": {"column_encoding": {"pcm": "DELTA_LENGTH_BYTE_ARRAY"}},
}


def read_all(clips, samples: int) -> tuple[np.ndarray, np.ndarray]:
    """Two crops of every clip and where they start, read group by group."""
    rng, room = np.random.default_rng(3), np.maximum(clips.lengths - samples, 0)
    starts = rng.integers(0, np.stack([room, room], axis=1) + 1)
    out = np.zeros((len(clips), 2, samples), "<i2")
    for group in clips.groups:
        at = np.arange(group.first, group.last)
        clips.read(group, at, starts[at], [out[i] for i in at])
    return starts, out


@pytest.mark.parametrize("how", FORMATS.values(), ids=FORMATS)
def test_crops_are_those_of_the_clips_in_memory(make_clips, store, how):
    clips = make_clips(LENGTHS)
    starts, crops = read_all(store(clips, **how), 20)
    for i, (row, pair) in enumerate(zip(starts, crops, strict=True)):
        for start, crop in zip(row, pair, strict=True):
            np.testing.assert_array_equal(crop, cut(clips.pcm(i), start, 20))


def test_plain_parts_are_read_in_place(make_clips, store, monkeypatch):
    """The fast way is the one taken: without Arrow, what preparation writes can still be read."""
    clips = store(make_clips(LENGTHS), clips_per_part=100)
    monkeypatch.setattr("sonify.data.stored.pq.ParquetFile", None)
    read_all(clips, 20)


def test_full_row_groups_are_read_in_place(make_clips, store, monkeypatch):
    """Groups as preparation makes them, of 64 clips of 10 s."""
    clips = make_clips([10 * RATE_HZ] * CLIPS_PER_ROW_GROUP)
    there = store(clips, clips_per_part=CLIPS_PER_ROW_GROUP, **_PART_FORMAT)
    assert len(there.groups) == 1
    monkeypatch.setattr("sonify.data.stored.pq.ParquetFile", None)
    starts, crops = read_all(there, 20)
    for i in (0, 1, CLIPS_PER_ROW_GROUP - 1):
        np.testing.assert_array_equal(crops[i][0], cut(clips.pcm(i), starts[i][0], 20))


def test_lengths_and_labels_are_those_of_the_clips(make_clips, store):
    clips = make_clips(LENGTHS)
    there = store(clips)
    assert (len(there), there.classes, there.dataset) == (11, clips.classes, "fsd50k")
    np.testing.assert_array_equal(there.lengths, clips.lengths)
    np.testing.assert_array_equal(there.targets(np.arange(11)), clips.targets)
    np.testing.assert_array_equal(there.targets(np.array([9, 2])), clips.targets[[9, 2]])
    assert clip_ids(there.groups[0].file.parents[1], ["eval"]) == clips.ids
    edges = [(group.first, group.last) for group in there.groups]
    assert edges == [(0, 3), (3, 5), (5, 8), (8, 10), (10, 11)]


@pytest.mark.parametrize(("clip", "start"), [(0, 21), (0, -1), (1, 7)])
def test_crops_outside_their_clip(make_clips, store, clip, start):
    clips = store(make_clips(LENGTHS))
    with pytest.raises(ValueError, match=f"cannot begin at sample {start} of"):
        clips.read(
            clips.groups[0], np.array([clip]), np.array([[start]]), [np.zeros((1, 20), "<i2")]
        )


def test_a_part_lost_after_it_was_listed_is_named(make_clips, store):
    clips = store(make_clips(LENGTHS))
    clips.groups[0].file.unlink()
    with pytest.raises(
        ValueError, match=r"part-00000\.parquet: No such file or directory: prepare fsd50k again"
    ):
        read_all(clips, 20)


@pytest.mark.parametrize(
    "harm",
    [
        lambda part: part.write_bytes(b""),
        lambda part: part.write_bytes(part.read_bytes()[:300]),
        lambda part: part.write_bytes(part.read_bytes()),
    ],
    ids=["emptied", "cut", "written again"],
)
def test_a_part_that_changes_after_it_was_listed_is_named(make_clips, store, harm):
    clips = store(make_clips(LENGTHS))
    harm(clips.groups[0].file)
    with pytest.raises(ValueError, match=r"part-00000\.parquet: the file was changed .*: prepare"):
        read_all(clips, 20)


@pytest.mark.parametrize("lengths", [LENGTHS, [30, *LENGTHS]], ids=["same lengths", "others"])
def test_a_part_with_other_clips_than_listed_is_named(make_clips, store, lengths):
    clips = store(make_clips(LENGTHS))
    store(make_clips(lengths))
    with pytest.raises(ValueError, match=r"part-00000\.parquet: the file was changed .*: prepare"):
        read_all(clips, 20)


def test_lengths_other_than_those_beside_them_are_named(make_clips, store):
    clips = store(make_clips(LENGTHS))
    clips.lengths[0] -= 1
    with pytest.raises(ValueError, match=r"part-00000\.parquet: .* contradict n_samples: prepare"):
        read_all(clips, 20)


def test_broken_parts_are_named_when_listed(make_clips, store):
    clips = store(make_clips(LENGTHS))
    part = clips.groups[0].file
    part.write_bytes(part.read_bytes()[:100])
    with pytest.raises(ValueError, match=r"part-00000\.parquet: .*: prepare its dataset again"):
        stored(part.parents[1], ["eval"])


@pytest.mark.parametrize("in_place", [True, False])
def test_a_flipped_bit_of_a_sample_is_never_silent(make_clips, store, rng, in_place):
    clips = make_clips(LENGTHS)
    how = {} if in_place else {"compression": "zstd"}
    there = store(clips, clips_per_part=100, **how)
    file = there.groups[0].file
    content, times = file.read_bytes(), (file.stat().st_atime_ns, file.stat().st_mtime_ns)
    wanted = read_all(there, 20)[1]
    end = there.groups[0].end
    size = sum(2 * n + 4 for n in LENGTHS[: there.groups[0].last]) if in_place else 100
    for bit in rng.integers(8 * (end - size), 8 * end, 60).tolist():
        at, mask = bit // 8, 1 << bit % 8
        file.write_bytes(content[:at] + bytes([content[at] ^ mask]) + content[at + 1 :])
        os.utime(file, ns=times)
        with pytest.raises(SonifyError, match=re.escape(f"{file}: ") + ".*prepare fsd50k again"):
            read_all(replace(there, verified=set()), 20)
    file.write_bytes(content)
    os.utime(file, ns=times)
    np.testing.assert_array_equal(read_all(replace(there, verified=set()), 20)[1], wanted)


def test_a_flipped_bit_in_a_part_read_whole_is_never_silent(make_clips, store):
    there = store(make_clips(LENGTHS), clips_per_part=100)
    file = there.groups[0].file
    content = bytearray(file.read_bytes())
    content[there.groups[0].end - 3] ^= 16
    file.write_bytes(content)
    with pytest.raises(SonifyError, match="prepare its dataset again"):
        load_part(file)
