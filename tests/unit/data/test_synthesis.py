"""The synthetic corpora: same bytes, public layouts, truthful labels, sounds that recur."""

import csv
import hashlib
import io
import json
from pathlib import PurePosixPath

import numpy as np
import pytest
import soundfile
from scipy.signal import butter, sosfreqz

from sonify.data.corpora.registry import read
from sonify.data.synthesis.corpora import Tally, raw_corpus
from sonify.data.synthesis.files import freesound_id
from sonify.data.synthesis.mixtures import lengths_s, loudness, mixture, sources_of
from sonify.data.synthesis.signals import band, butterworth, harmonics, recurring, ringing
from sonify.data.synthesis.sources import CLASSES, LEAVES, PARENTS, with_parents
from sonify.data.synthesis.speech_commands import which_split
from sonify.data.synthesis.words import WORDS, speaker, spoken

SETTINGS = {
    "audioset": {
        "seed": 1,
        "clips": {"balanced_train": 22, "unbalanced_train": 20, "eval": 20},
        "clip_s": 1.0,
        "missing": 2,
    },
    "fsd50k": {"seed": 1, "clips": {"train": 21, "val": 20, "eval": 20}, "min_s": 0.5, "max_s": 2},
    "speech_commands": {
        "seed": 1,
        "words": 10,
        "takes_per_word": {"train": 13, "val": 2, "test": 5},
    },
}
DATASETS = tuple(SETTINGS)


@pytest.fixture(scope="module")
def corpora():
    return {dataset: dict(raw_corpus(dataset, SETTINGS[dataset], 0)) for dataset in DATASETS}


def pcm(content):
    return soundfile.read(io.BytesIO(content), dtype="int16")


def lines(content):
    return list(csv.reader(io.StringIO(content.decode()), skipinitialspace=True))


def label_sets(files, dataset):
    """The mids of every listed clip, by split and id."""
    if dataset == "audioset":
        return {
            (split, row[0]): row[3].split(",")
            for split in ("balanced_train", "unbalanced_train", "eval")
            for row in lines(files[f"{split}_segments.csv"])
            if not row[0].startswith("#")
        }
    return {
        ((*row, "eval")[3], row[0]): row[2].split(",")
        for part in ("dev", "eval")
        for row in lines(files[f"FSD50K.ground_truth/{part}.csv"])[1:]
    }


def listed(dataset, files, folder):
    """The corpus as its reader lists it; audio files are there but empty."""
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content if name.endswith((".csv", ".json", ".txt")) else b"")
    return read(dataset, folder)


@pytest.mark.parametrize("dataset", DATASETS)
def test_equal_settings_give_equal_bytes(corpora, dataset):
    seen = 0
    for path, content in raw_corpus(dataset, SETTINGS[dataset], 0):
        assert content == corpora[dataset][path]
        seen += 1
    assert seen == len(corpora[dataset])


@pytest.mark.parametrize("dataset", DATASETS)
@pytest.mark.parametrize(("own", "runs"), [(2, 0), (1, 1)])
def test_another_seed_gives_other_audio_and_ids_of_the_same_classes(
    corpora, tmp_path, dataset, own, runs
):
    files = dict(raw_corpus(dataset, {**SETTINGS[dataset], "seed": own}, runs))
    audio = {content for path, content in files.items() if path.endswith(".wav")}
    assert not audio & set(corpora[dataset].values())
    one = listed(dataset, corpora[dataset], tmp_path / "one")
    other = listed(dataset, files, tmp_path / "other")
    assert other.vocabulary.equals(one.vocabulary)
    assert other.clips.groupby("split").size().equals(one.clips.groupby("split").size())
    if runs:  # tables of several seeds hold both
        assert set(other.clips["clip_id"]).isdisjoint(one.clips["clip_id"])


def test_no_two_corpora_of_fsd50k_share_an_id_at_any_size():
    numbers = range(0, 999_983, 29)
    ids = [freesound_id((1, seed), number) for seed in range(12) for number in numbers]
    assert len(set(ids)) == len(ids) and all(name.isdecimal() for name in ids)


@pytest.mark.parametrize(
    ("dataset", "change"),
    [
        ("audioset", {"clips": {"balanced_train": 5, "unbalanced_train": 20, "eval": 3}}),
        ("audioset", {"missing": 0}),
        ("fsd50k", {"clips": {"train": 3, "val": 20, "eval": 7}}),
        ("speech_commands", {"takes_per_word": {"train": 7, "val": 1, "test": 5}}),
        ("speech_commands", {"words": 3}),
    ],
)
def test_a_smaller_corpus_holds_the_same_clips(corpora, dataset, change):
    smaller = dict(raw_corpus(dataset, {**SETTINGS[dataset], **change}, 0))
    audio = {p: c for p, c in smaller.items() if p.endswith((".wav", ".flac"))}
    assert audio
    assert audio.items() <= corpora[dataset].items()


def test_audioset_lists_and_vocabulary_have_the_published_form(corpora):
    files = corpora["audioset"]
    text = files["eval_segments.csv"].decode().splitlines()
    assert all(line.startswith("# ") for line in text[:3])
    assert text[2] == "# YTID, start_seconds, end_seconds, positive_labels"
    for row in lines(files["eval_segments.csv"]):
        if not row[0].startswith("#"):
            assert len(row) == 4
            assert len(row[0]) == 11
            assert float(row[2]) - float(row[1]) == SETTINGS["audioset"]["clip_s"]
    head, *rows = lines(files["class_labels_indices.csv"])
    assert head == ["index", "mid", "display_name"]
    assert rows == [[str(i), c.mid, c.display_name] for i, c in enumerate(CLASSES)]
    assert any("," in c.display_name and '"' in c.display_name for c in CLASSES)


def test_audioset_lists_more_than_it_has_and_the_missing_are_as_many_as_asked(corpora):
    files, settings = corpora["audioset"], SETTINGS["audioset"]
    listed = label_sets(files, "audioset")
    for split, count in settings["clips"].items():
        ids = [ytid for s, ytid in listed if s == split]
        assert len(ids) == count + settings["missing"]
        assert sum(f"audio/Y{ytid}.wav" not in files for ytid in ids) == settings["missing"]
    audio = {PurePosixPath(p).stem for p in files if p.startswith("audio/")}
    assert audio <= {f"Y{ytid}" for _, ytid in listed}


@pytest.mark.parametrize(
    ("dataset", "known"), [("audioset", 0), ("fsd50k", 2), ("speech_commands", 1)]
)
def test_nobody_is_credited_for_synthetic_clips(corpora, tmp_path, dataset, known):
    clips = listed(dataset, corpora[dataset], tmp_path).clips
    assert set(clips["source_url"]) == {""}
    assert (clips[["uploader", "licence"]] != "").sum(axis=1).eq(known).all()
    assert clips["licence"].str.contains("publicdomain/zero").eq(known > 0).all()


def test_audioset_ids_differ_even_without_case_and_some_look_like_options(corpora):
    ids = [ytid for _, ytid in label_sets(corpora["audioset"], "audioset")]
    assert len({ytid.lower() for ytid in ids}) == len(ids)
    assert any(ytid[0] in "-_" for ytid in ids)


def test_fsd50k_ground_truth_and_metadata_have_the_published_form(corpora):
    files = corpora["fsd50k"]
    vocabulary = lines(files["FSD50K.ground_truth/vocabulary.csv"])
    assert [row[0] for row in vocabulary] == [str(i) for i in range(len(CLASSES))]
    mid_of = {label: mid for _, label, mid in vocabulary}
    heads = {"dev": ["fname", "labels", "mids", "split"], "eval": ["fname", "labels", "mids"]}
    uploaders = []
    for part, wanted in heads.items():
        head, *rows = lines(files[f"FSD50K.ground_truth/{part}.csv"])
        assert head == wanted
        info = json.loads(files[f"FSD50K.metadata/{part}_clips_info_FSD50K.json"])
        assert set(info) == {row[0] for row in rows}
        uploaders.append({entry["uploader"] for entry in info.values()})
        for row in rows:
            assert f"FSD50K.{part}_audio/{row[0]}.wav" in files
            assert [mid_of[label] for label in row[1].split(",")] == row[2].split(",")
    assert uploaders[0].isdisjoint(uploaders[1])
    assert all(name.startswith("synthesised_") for name in set.union(*uploaders))
    names = [name for _, name in label_sets(files, "fsd50k")]
    assert len(set(names)) == len(names) == sum(SETTINGS["fsd50k"]["clips"].values())


@pytest.mark.parametrize(
    ("dataset", "rate_hz"), [("audioset", 16000), ("fsd50k", 44100), ("speech_commands", 16000)]
)
def test_audio_is_mono_16_bit_at_the_published_rate(corpora, dataset, rate_hz):
    for path, content in corpora[dataset].items():
        if path.endswith((".wav", ".flac")):
            info = soundfile.info(io.BytesIO(content))
            assert (info.samplerate, info.channels, info.subtype) == (rate_hz, 1, "PCM_16")


@pytest.mark.parametrize("dataset", ["audioset", "fsd50k"])
def test_labels_are_closed_under_parents_and_every_class_is_in_every_split(corpora, dataset):
    leaves = {c.mid: c for c in LEAVES}
    parents = {c.label: c.mid for c in PARENTS}
    present: dict[str, set[str]] = {}
    for (split, clip), mids in label_sets(corpora[dataset], dataset).items():
        below = [leaves[mid] for mid in mids if mid in leaves]
        assert 1 <= len(below) <= 3
        assert {parents[c.parent] for c in below} == set(mids) - set(leaves)
        # A segment without audio is of no help to a reader who needs every class.
        if dataset == "fsd50k" or f"audio/Y{clip}.wav" in corpora[dataset]:
            present.setdefault(split, set()).update(mids)
    assert len(present) == 3
    for split, mids in present.items():
        assert mids == {c.mid for c in CLASSES}, split


@pytest.mark.parametrize("dataset", ["audioset", "fsd50k"])
def test_stems_of_every_evaluation_clip_sum_to_it_and_carry_its_labels(corpora, dataset):
    files, prefix = corpora[dataset], "FSD50K." if dataset == "fsd50k" else ""
    audio = "FSD50K.eval_audio/" if dataset == "fsd50k" else "audio/Y"
    known = {c.label: c.mid for c in LEAVES}
    checked = 0
    for (split, clip), mids in label_sets(files, dataset).items():
        if split != "eval" or f"{audio}{clip}.wav" not in files:
            continue
        folder = f"{prefix}eval_stems/{clip}/"
        stems = {p.removeprefix(folder): pcm(c) for p, c in files.items() if p.startswith(folder)}
        mix, rate_hz = pcm(files[f"{audio}{clip}.wav"])
        assert {rate for _, rate in stems.values()} == {rate_hz}
        total = sum(x.astype(int) for x, _ in stems.values())
        assert np.abs(total - mix).max() <= (len(stems) + 1) / 2
        labels = {name[2:].removesuffix(".flac") for name in stems if name != "background.flac"}
        assert {known[label] for label in labels} == set(mids) & set(known.values())
        checked += 1
    assert checked == SETTINGS[dataset]["clips"]["eval"]


def test_speech_commands_splits_share_no_speaker_and_follow_the_published_rule(corpora):
    files = corpora["speech_commands"]
    held_out = {
        split: files[name].decode().split()
        for split, name in (("val", "validation_list.txt"), ("test", "testing_list.txt"))
    }
    words = [p for p in files if p.endswith(".wav") and not p.startswith("_")]
    counted = dict.fromkeys(("train", "val", "test"), 0)
    for path in words:
        word, name = path.split("/")
        who, marker, _ = name.split("_")
        assert word in WORDS
        assert marker == "nohash"
        assert len(who) == 8
        assert int(who, 16) >= 0
        split = which_split(who)
        assert all((path in entries) == (split == s) for s, entries in held_out.items())
        counted[split] += 1
    settings = SETTINGS["speech_commands"]
    takes = settings["takes_per_word"]
    assert counted == {split: settings["words"] * n for split, n in takes.items()}
    assert list(takes) == list(counted)
    speakers = {p.split("/")[1].split("_")[0] for p in words}
    assert len(speakers) == 7 + 1 + 3, "two takes of a word each, of the last of an odd number one"
    assert {"README.md", "LICENSE"} <= set(files)
    assert any(p.startswith("_background_noise_/") for p in files)


def test_the_split_rule_is_the_published_one():
    digest = int(hashlib.sha1(b"0a7c2a8d").hexdigest(), 16) % 2**27
    share = digest / (2**27 - 1)
    expected = "val" if share < 0.1 else "test" if share < 0.2 else "train"
    assert which_split("0a7c2a8d") == expected
    splits = [which_split(f"{i:08x}") for i in range(2000)]
    assert 0.07 < splits.count("val") / 2000 < 0.13
    assert 0.07 < splits.count("test") / 2000 < 0.13


@pytest.mark.parametrize("source", LEAVES, ids=lambda c: c.label)
@pytest.mark.parametrize("rate_hz", [16000, 44100])
def test_every_class_renders_finite_audible_sound_at_full_scale(source, rate_hz):
    for seed in range(8):
        n = round(0.5 * rate_hz) + seed
        x = source.render(n, rate_hz, rng=np.random.default_rng(seed))
        assert x.shape == (n,)
        assert np.isfinite(x).all()
        assert np.abs(x).max() == pytest.approx(1.0)
        # Not a lone spike: every half second has something to hear.
        assert loudness(x, rate_hz) > 0.01


@pytest.mark.parametrize("source", LEAVES, ids=lambda c: c.label)
def test_most_of_every_class_is_heard_below_4_khz(source):
    for seed in range(4):
        x = source.render(16000, 16000, rng=np.random.default_rng(seed))
        assert band(x, 0, 3900, 16000).std() > 0.5 * x.std()


@pytest.mark.parametrize("source", LEAVES, ids=lambda c: c.label)
def test_sources_recur_so_that_any_second_of_a_clip_holds_them(source):
    for seed in range(4):
        x = source.render(64000, 16000, rng=np.random.default_rng(seed))
        crops = [x[at : at + 16000] for at in range(0, 48001, 4000)]
        whole = loudness(x, 16000)
        assert min(loudness(crop, 16000) for crop in crops) > 0.25 * whole


@pytest.mark.parametrize(("low", "high"), [(0.0, 0.1), (0.001, 0.48), (0.02, 0.3), (0.1, 0.2)])
def test_filters_are_those_that_scipy_designs(low, high):
    wanted = (
        butter(2, (low, high), "bandpass", fs=1.0, output="sos")
        if low
        else butter(2, high, fs=1.0, output="sos")
    )
    (_, expected), (_, found) = sosfreqz(wanted, 300), sosfreqz(butterworth(low, high), 300)
    np.testing.assert_allclose(found, expected, atol=1e-9)


def test_harmonics_are_a_sum_of_sines():
    angle, amplitudes = np.linspace(0, 200, 999), [1.0, -0.5, 0.0, 0.3, 0.2]
    expected = sum(a * np.sin(k * angle) for k, a in enumerate(amplitudes, start=1))
    np.testing.assert_allclose(harmonics(angle, amplitudes), expected, atol=1e-10)
    np.testing.assert_allclose(harmonics(angle, (2.0,)), 2 * np.sin(angle), atol=1e-12)


def test_what_rings_is_a_sine_that_halves_every_half_life():
    t = np.arange(8000) / 8000
    expected = np.exp2(-t / 0.1) * np.sin(2 * np.pi * 700 * (t + 1 / 8000))
    np.testing.assert_allclose(ringing(700, 8000, 8000, 0.1), expected, atol=1e-9)


def test_recurring_starts_under_way_and_keeps_its_period():
    event = np.ones(10)
    x = recurring([event], 8000, 8000, 0.05, rng=np.random.default_rng(0), jitter=0.0)
    onsets = np.flatnonzero(np.diff(x != 0, prepend=False) & (x != 0))
    assert onsets[0] < 400
    assert np.abs(np.diff(onsets) - 400).max() <= 1


def test_mixture_levels_leave_the_background_below_the_sources():
    for number in range(10):
        rng = np.random.default_rng(number)
        clip = mixture(sources_of(1, "fsd50k", "eval", number), 16000, 16000, rng=rng)
        assert clip.mix.dtype == clip.stems.dtype == np.int16
        levels = [loudness(stem.astype(float), 16000) for stem in clip.stems]
        assert loudness(clip.background.astype(float), 16000) < min(levels)


def test_mean_prevalence_is_about_a_ninth():
    clips = [with_parents(sources_of(1, "audioset", "eval", i)) for i in range(600)]
    assert 0.10 < np.mean([len(c) for c in clips]) / len(CLASSES) < 0.13


def test_classes_have_names_and_mids_of_their_own_and_known_parents():
    for values in ([c.label for c in CLASSES], [c.mid for c in CLASSES]):
        assert len(set(values)) == len(values) == 26
    assert {c.parent for c in LEAVES} == {c.label for c in PARENTS}
    for c in CLASSES:
        assert c.display_name.split(",")[0].replace(" ", "_") == c.label


def test_loudness_of_a_sine_is_its_root_mean_square_and_of_silence_an_error():
    t = np.arange(16000) / 16000
    assert loudness(np.sin(2 * np.pi * 440 * t), 16000) == pytest.approx(np.sqrt(0.5), rel=1e-3)
    with pytest.raises(ValueError, match="silent"):
        loudness(np.zeros(100), 16000)


def test_lengths_are_few_and_in_quarter_seconds():
    assert lengths_s(0.5, 4.0) == (0.5, 0.75, 1.0, 1.5, 2.0, 2.75, 4.0)
    assert lengths_s(1.0, 1.0) == (1.0,)
    with pytest.raises(ValueError, match="min_s is 2"):
        lengths_s(2.0, 1.0)


def test_words_fit_into_a_second_and_are_told_from_silence():
    for number in range(3):
        for word in WORDS:
            rng = np.random.default_rng(number)
            x = spoken(word, speaker(1, number), rng=rng)
            assert x.dtype == np.int16
            assert 9600 <= len(x) <= 16000
            assert np.abs(x.astype(int)).max() > 6000
    with pytest.raises(ValueError, match="no word named 'maybe': choose one of yes, no"):
        spoken("maybe", speaker(1, 0), rng=np.random.default_rng(0))


def test_bad_settings_are_refused_with_what_would_be_right():
    with pytest.raises(ValueError, match="choose one of audioset, fsd50k, speech_commands"):
        raw_corpus("esc50", {}, 0)
    with pytest.raises(ValueError, match="they must be seed, clips, min_s, max_s"):
        raw_corpus("fsd50k", {"seed": 1}, 0)
    with pytest.raises(ValueError, match="they must be train, val, eval"):
        raw_corpus("fsd50k", {**SETTINGS["fsd50k"], "clips": {"train": 1}}, 0)
    speech = SETTINGS["speech_commands"]
    with pytest.raises(ValueError, match="takes_per_word of val is 0: it must be 1 or more"):
        takes = {"train": 4, "val": 0, "test": 1}
        raw_corpus("speech_commands", {**speech, "takes_per_word": takes}, 0)
    with pytest.raises(ValueError, match="they must be train, val, test"):
        raw_corpus("speech_commands", {**speech, "takes_per_word": {"train": 4}}, 0)
    with pytest.raises(ValueError, match="between 1 and 10"):
        raw_corpus("speech_commands", {**speech, "words": 35}, 0)
    with pytest.raises(ValueError, match="seed of runs of fsd50k is -1"):
        raw_corpus("fsd50k", SETTINGS["fsd50k"], -1)
    with pytest.raises(ValueError, match="min_s is 3"):
        raw_corpus("fsd50k", {**SETTINGS["fsd50k"], "min_s": 3}, 0)
    with pytest.raises(ValueError, match="missing of audioset is -1"):
        raw_corpus("audioset", {**SETTINGS["audioset"], "missing": -1}, 0)


def test_tally_counts_clips_and_minutes_but_neither_stems_nor_noise(corpora):
    for dataset, files in corpora.items():
        tally = Tally(dataset)
        assert dict(tally.counting(files.items())) == files
        wavs = [c for p, c in files.items() if p.endswith(".wav") and not p.startswith("_")]
        seconds = sum(len(x) / rate for x, rate in map(pcm, wavs))
        assert str(tally) == (
            f"synthesised {dataset}: {len(wavs)} clips, {seconds / 60:.1f} min of audio"
        )
