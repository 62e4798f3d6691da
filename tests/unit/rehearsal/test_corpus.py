"""The corpus of a rehearsal, as the reader of AudioSet and preparation see it."""

from collections import Counter

import pytest

from sonify.data.corpora.registry import read
from sonify.data.prepare import prepare
from sonify.rehearsal import corpus
from sonify.rehearsal.sizes import MISSING_EVERY, PUBLISHED, SAMPLES, listed
from sonify.runtime.errors import SonifyError

CLIPS = 200


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rehearsal") / "raw"
    corpus.write(CLIPS, folder)
    return folder


def test_every_clip_is_listed_and_one_in_fifty_has_no_audio(root):
    found = read("audioset", root)
    assert found.listed == CLIPS and found.own_order
    assert set(found.problems["reason"]) == {"missing_file"}
    assert len(found.problems) == CLIPS // MISSING_EVERY
    splits = Counter(found.clips["split"]) + Counter(found.problems["split"])
    assert splits == {"balanced_train": 20, "unbalanced_train": 160, "eval": 20}
    labels = [label for own in found.clips["labels"] for label in own]
    assert 1.5 < len(labels) / len(found.clips) < 2.5


def test_every_clip_with_audio_is_used(root, tmp_path):
    how = {"min_samples": SAMPLES, "max_s": 60, "clips_per_part": 64}
    summary = prepare(read("audioset", root), root, tmp_path / "audioset-s0", **how)
    assert summary.used == CLIPS - CLIPS // MISSING_EVERY
    assert summary.audio_s == summary.used * SAMPLES / 8000


def test_equal_numbers_give_equal_lines_and_ids_are_those_of_videos():
    first = list(corpus.entries(0, 5000))
    assert list(corpus.entries(0, 5000)) == first
    assert len({entry.clip_id for entry in first}) == 5000
    assert {len(entry.clip_id) for entry in first} == {11}


def test_the_splits_add_up():
    for clips in (200, 2_000, 20_000, PUBLISHED):
        splits = listed(clips)
        assert splits.balanced_train + splits.unbalanced_train + splits.eval == clips
    assert listed(PUBLISHED).balanced_train == 22_160
    with pytest.raises(SonifyError, match="too few to rehearse with: ask for 200 or more"):
        listed(199)
