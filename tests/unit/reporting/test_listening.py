import io

import numpy as np
import pandas as pd
import pytest
import soundfile

from sonify.contracts import tables
from sonify.reporting.listening import (
    activity,
    choose,
    level,
    pairs,
    samples,
    shown_again,
    wav,
)
from sonify.reporting.spectrogram import HEIGHT, RANGE_DB, WIDTH, decibels, spectrograms


@pytest.fixture
def ranked(top):
    """Rows of contract top_activations of one model from {(layer, filter): clips by rank}: by
    filter of ever lower score; clips None are dead."""

    def make(clips, model="contrastive-s0"):
        rows = [
            {**top.iloc[0], "model": model, "layer": layer, "filter": index, "rank": rank}
            | {"clip_id": clip or "none", "dead": clip is None}
            | {"score": 0.0 if clip is None else 10.0 - index - 0.1 * rank}
            | {"activation": 0.0 if clip is None else 1.0 + index}  # not what ranks
            for (layer, index), of in clips.items()
            for rank, clip in enumerate(of, start=1)
        ]
        return tables.checked(pd.DataFrame(rows), "top_activations").to_pandas()

    return make


def shown(chosen):
    return list(chosen[["layer", "filter", "rank", "clip_id"]].itertuples(index=False, name=None))


def test_highest_first_each_with_its_highest_clip_that_is_new(top):
    chosen = choose(top, layers=[1], per_layer=3)
    for _, layer in chosen.groupby("model"):
        # Filter 1 has the first clip of filter 0, so that it shows its second.
        expected = [(1, 0, 1, "clip0"), (1, 1, 2, "clip1"), (1, 2, 2, "clip2")]
        assert shown(layer) == expected


def test_clips_are_new_over_all_layers_and_first_filters_come_first(ranked):
    clips = {(1, 0): "abc", (1, 1): "def", (2, 0): "ade", (2, 1): "gab"}
    # In the first turn layer 2 takes d, so that the second filter of layer 1 has to take e.
    expected = [(1, 0, 1, "a"), (1, 1, 2, "e"), (2, 0, 2, "d"), (2, 1, 1, "g")]
    assert shown(choose(ranked(clips), [1, 2], 2)) == expected
    upwards = ranked(clips).iloc[::-1].reset_index(drop=True)
    assert shown(choose(upwards, [1, 2], 2)) == expected
    first_two = [(1, 0, 2, "b"), (2, 0, 1, "a")]
    assert shown(choose(ranked(clips), [2, 1], 1)) == first_two


def test_models_may_share_clips(ranked):
    both = pd.concat([ranked({(1, 0): "abc"}), ranked({(1, 0): "abc"}, "supervised-s0")])
    chosen = choose(both, [1], 1)
    assert shown(chosen) == [(1, 0, 1, "a")] * 2 and not shown_again(chosen).any()


def test_a_filter_without_a_new_clip_is_passed_over_for_the_next(ranked):
    clips = {(1, 0): "abc", (2, 0): "bde", (2, 1): "aba", (2, 2): "fgh"}
    chosen = choose(ranked(clips), [1, 2], 2)
    assert shown(chosen) == [(1, 0, 1, "a"), (2, 0, 1, "b"), (2, 2, 1, "f")]
    assert not shown_again(chosen).any()


def test_where_no_filter_has_a_new_clip_the_highest_shows_one_again(ranked):
    clips = {(1, 0): "abc", (1, 1): "bcd", (2, 0): "bab", (2, 1): "aba"}
    chosen = choose(ranked(clips), [1, 2], 2)
    assert shown(chosen) == [
        (1, 0, 1, "a"),
        (1, 1, 2, "c"),
        (2, 0, 1, "b"),
        (2, 1, 1, "a"),
    ]
    assert shown_again(chosen).tolist() == [False, False, False, True]


def test_what_was_shown_before_is_not_new(ranked):
    top = ranked({(1, 0): "abc", (1, 1): "bde", (1, 2): "fgh"})
    before = top[(top["filter"] == 0) & (top["rank"] == 2)]
    assert shown(choose(top, [1], 2, before)) == [(1, 1, 2, "d"), (1, 2, 1, "f")]
    other = before.assign(model="supervised-s0")
    assert shown(choose(top, [1], 1, other)) == [(1, 0, 1, "a")]


def test_a_filter_that_only_its_first_clip_moves_shows_no_silence(ranked):
    clips = {(1, 0): "abc", (2, 0): ["a", None, None], (2, 1): "bcd"}
    assert shown(choose(ranked(clips), [1, 2], 1)) == [(1, 0, 1, "a"), (2, 1, 1, "b")]


def test_dead_filters_and_absent_layers_give_no_rows(top):
    chosen = choose(top, layers=[4, 9], per_layer=2)
    assert set(chosen["model"]) == {"contrastive-s0"}
    assert set(chosen["layer"]) == {4}


def test_fewer_filters_than_asked_for_give_fewer_rows(top):
    chosen = choose(top, layers=[1], per_layer=100)
    assert chosen.groupby("model").size().tolist() == [4, 4]


def test_ties_go_to_the_lower_filter(top):
    chosen = choose(top.assign(score=1.0), layers=[1], per_layer=1)
    assert chosen["filter"].tolist() == [0, 0]


def test_per_layer_below_one_is_refused(top):
    with pytest.raises(ValueError, match="at least 1"):
        choose(top, [1], 0)


def test_pairs_restore_the_stored_scale(top, clips, sonifications, manifest):
    chosen = choose(top, [1], 2)
    for pair in pairs(chosen, clips, sonifications, manifest):
        np.testing.assert_allclose(pair.s, pair.x / 2)
        assert np.abs(pair.x).max() == pytest.approx(1, abs=1e-3)


def test_the_input_is_what_was_mined_of_the_clip(top, clips, sonifications, manifest):
    longer = clips.assign(
        n_samples=4_201, pcm=[b"\x01\x00" * 100 + pcm + bytes(202) for pcm in clips["pcm"]]
    )
    chosen = choose(top, [1], 2)
    expected = pairs(chosen, clips, sonifications, manifest)
    for pair, own in zip(pairs(chosen, longer, sonifications, manifest), expected, strict=True):
        np.testing.assert_array_equal(pair.x, own.x)
    shorter = clips.assign(n_samples=3_999, pcm=[pcm[2:] for pcm in clips["pcm"]])
    with pytest.raises(ValueError, match="is not of clip clip0"):
        pairs(chosen, shorter, sonifications, manifest)


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


def test_pairs_say_rank_and_what_is_shown_again(ranked, clips, sonifications, manifest):
    chosen = choose(ranked({(1, 0): ["clip0"], (1, 1): ["clip0", "clip1", "clip2"]}), [1], 2)
    found = pairs(chosen, clips, sonifications, manifest)
    assert [(p.rank, p.repeated) for p in found] == [(1, False), (2, False)]
    again = choose(ranked({(1, 0): ["clip0"], (1, 1): ["clip0"]}), [1], 2)
    found = pairs(again, clips, sonifications, manifest)
    assert [(p.rank, p.repeated) for p in found] == [(1, False), (1, True)]


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
