"""Mixtures of prepared clips: what they are made of, and that their folder is a dataset."""

import csv

import numpy as np
import pytest
import soundfile

from sonify.data.corpora.folder import read
from sonify.data.mixing import LEVELS_DB, PEAK, main, mixtures
from sonify.evaluation.measurements.stems import read_stems
from sonify.runtime.errors import SonifyError


def test_stems_are_the_clips_at_their_times_and_levels(make_clips):
    clips = make_clips([4_000, 9_000, 2_000, 6_000, 3_000])
    made = list(mixtures(clips, 30, 0.75, seed=1))
    again = list(mixtures(clips, 30, 0.75, seed=1))
    assert all(np.array_equal(a.stems, b.stems) for a, b in zip(made, again, strict=True))
    assert {len(m.sources) for m in made} == {2, 3}
    for mixture in made:
        powers = []
        for source, stem in zip(mixture.sources, mixture.stems, strict=True):
            x = clips.waveform(source.clip)[:6_000]
            there = stem[source.start : source.start + len(x)]
            assert np.corrcoef(x, there)[0, 1] > 0.999999
            assert np.count_nonzero(stem) <= len(x)
            powers.append(np.square(there).mean())
        levels = 10 * np.log10(np.array(powers) / powers[0])
        np.testing.assert_allclose(levels, [s.level_db for s in mixture.sources], atol=1e-6)
        assert all(LEVELS_DB[0] <= level <= 1e-9 for level in levels)
        largest = max(abs(mixture.stems.sum(axis=0)).max(), abs(mixture.stems).max())
        assert largest == pytest.approx(PEAK)


def test_the_folder_is_a_dataset_with_its_stems(make_clips, store, tmp_path):
    clips = make_clips([4_000, 9_000, 4_000, 6_000, 3_000])
    store(clips)
    out = tmp_path / "mixtures"
    main([str(tmp_path), "eval", str(out), "--clips", "4", "--seconds", "1"])
    listed = read(out)
    assert len(listed.clips) == 4 and listed.problems.empty
    with (out / "sources.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for name in sorted({row["mixture"] for row in rows}):
        own = [row for row in rows if row["mixture"] == name]
        stems = read_stems(out / "stems", name, 8_000)
        mixed, rate = soundfile.read(out / "eval" / f"{name}.flac")
        assert rate == 8_000 and len(stems) == len(own)
        np.testing.assert_allclose(stems.sum(axis=0), mixed, atol=1e-6)
        assert {row["clip_id"] for row in own} <= set(clips.ids)


def test_two_clips_are_too_few(make_clips):
    with pytest.raises(SonifyError, match="fsd50k has 2 clips that sound: three are needed"):
        next(mixtures(make_clips([4_000, 4_000]), 1, 1.0, seed=0))
