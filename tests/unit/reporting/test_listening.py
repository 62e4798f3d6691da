import io

import numpy as np
import pytest
import soundfile

from sonify.reporting.listening import activity, choose, folders, level, pairs, samples, wav
from sonify.reporting.spectrogram import HEIGHT, RANGE_DB, WIDTH, decibels, spectrograms


def test_highest_first_with_distinct_filters_and_clips(top):
    chosen = choose(top, layers=[1, 4], per_layer=3)
    layer = chosen[(chosen["model"] == "contrastive-s0") & (chosen["layer"] == 1)]
    # filter 1 has the second highest activation, but on the clip of filter 0
    assert layer["filter"].tolist() == [0, 2, 3]
    assert layer["clip_id"].is_unique
    assert layer["activation"].is_monotonic_decreasing
    assert (chosen["rank"] == 1).all()


def test_dead_filters_and_absent_layers_give_no_rows(top):
    chosen = choose(top, layers=[4, 9], per_layer=2)
    assert set(chosen["model"]) == {"contrastive-s0"}
    assert set(chosen["layer"]) == {4}


def test_fewer_clips_than_asked_for_give_fewer_rows(top):
    chosen = choose(top, layers=[1], per_layer=100)
    assert chosen.groupby("model").size().tolist() == [3, 3]


def test_ties_go_to_the_lower_filter(top):
    chosen = choose(top.assign(activation=1.0), layers=[1], per_layer=1)
    assert chosen["filter"].tolist() == [0, 0]


def test_per_layer_below_one_is_refused(top):
    with pytest.raises(ValueError, match="at least 1"):
        choose(top, [1], 0)


def test_pairs_restore_the_stored_scale(top, clips, sonifications, manifest):
    chosen = choose(top, [1], 2)
    assert folders(chosen) == ["audioset/eval"]
    for pair in pairs(chosen, clips, sonifications, manifest):
        np.testing.assert_allclose(pair.s, pair.x / 2)
        assert np.abs(pair.x).max() == pytest.approx(1, abs=1e-3)


def test_missing_or_mismatched_signals_are_refused(top, clips, sonifications, manifest):
    chosen = choose(top, [1], 1)
    with pytest.raises(ValueError, match="is missing: rerun"):
        pairs(chosen, clips[clips["clip_id"] != "clip0"], sonifications, manifest)
    with pytest.raises(ValueError, match="is missing: rerun"):
        pairs(chosen, clips, sonifications[:0], manifest)
    with pytest.raises(ValueError, match="is not of clip clip0"):
        pairs(chosen, clips, sonifications.assign(clip_id="clip5"), manifest)


def test_pairs_carry_the_credits_of_their_own_clip(top, clips, sonifications, manifest):
    chosen = choose(top, [1], 2)
    named = manifest.assign(uploader=["by " + c for c in manifest["clip_id"]])
    for pair in pairs(chosen, clips, sonifications, named[::-1]):
        assert pair.uploader == f"by {pair.clip_id}"
        assert pair.source_url == "https://freesound.org/s/7/"


def test_activity_counts_dead_filters(top):
    found = activity(top).set_index(["model", "layer"])
    assert found.loc[("supervised-s0", 4)].tolist() == [4, 4]
    assert found.loc[("contrastive-s0", 4)].tolist() == [4, 0]


def test_wav_is_what_was_stored():
    pcm = np.array([-32767, 0, 1, 32767], "<i2").tobytes()
    sound, rate = soundfile.read(io.BytesIO(wav(samples(pcm, 1.0))), dtype="int16")
    assert rate == 8000 and sound.astype("<i2").tobytes() == pcm
    with pytest.raises(ValueError, match="reach 1.5"):
        wav(np.array([1.5]))


@pytest.mark.parametrize(
    ("x", "s", "expected"),
    [
        ([0.5, -0.5], [0.5, 0.5], 1.0),  # quiet sounds are not turned up
        ([1.0, 0.0], [-1.0, 0.0], 0.5),
        ([-0.75, 0.0], [0.75, 0.0], 1 / 1.5),
        ([0.0, 0.0], [0.0, 4.0], 0.25),
        ([0.0, 0.0], [0.0, 0.0], 1.0),
        ([], [], 1.0),
    ],
)
def test_the_level_holds_the_loudest_of_input_sonification_and_residual(x, s, expected):
    assert level(np.array(x), np.array(s)) == pytest.approx(expected)


def brightest_row(png):
    from PIL import Image

    grey = np.asarray(Image.open(io.BytesIO(png)).convert("L"), float)
    assert grey.shape == (HEIGHT, WIDTH)
    return grey.mean(axis=1).argmax()


def test_spectrogram_puts_a_tone_at_its_frequency():
    time = np.arange(8000) / 8000
    tone = np.sin(2 * np.pi * 1000 * time)
    png, _ = spectrograms(tone, tone)
    # rows are 31.25 Hz, from 4000 Hz at the top: 1000 Hz is bin 32, row 128 - 32
    assert brightest_row(png) == 96


def test_pair_shares_one_scale():
    from PIL import Image

    tone = np.sin(2 * np.pi * 1000 * np.arange(8000) / 8000)
    loud, quiet = (
        np.asarray(Image.open(io.BytesIO(png)).convert("L"), float).max()
        for png in spectrograms(tone, tone * 0.01)
    )
    assert quiet < 0.6 * loud


def test_decibels_count_from_the_loudest_of_all():
    tone = np.sin(2 * np.pi * 1000 * np.arange(8000) / 8000)
    loud, quiet, silent = decibels([tone, tone / 10, 0 * tone])
    assert loud.shape == (HEIGHT, WIDTH) and loud.max() == 0
    assert quiet.max() == pytest.approx(-20)
    above = loud > -RANGE_DB + 20
    np.testing.assert_allclose(quiet[above], loud[above] - 20)
    assert (silent == -RANGE_DB).all() and loud.min() == -RANGE_DB
    assert decibels([tone / 10])[0].max() == 0
    assert (decibels([0 * tone])[0] == -RANGE_DB).all()


@pytest.mark.parametrize("n", [1, 100, 4000, 240_000])
def test_silence_and_any_length(n):
    silence = np.zeros(n)
    assert spectrograms(silence, silence)[0] == spectrograms(silence, silence)[1]


def test_lengths_must_agree():
    with pytest.raises(ValueError, match=r"\(3,\) and \(4,\)"):
        spectrograms(np.ones(3), np.ones(4))
