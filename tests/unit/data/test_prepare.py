"""Preparing small corpora with every fault, and the accounts: listed = used + rejected."""

import hashlib
import json
import os
import re
import runpy
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import soundfile
from deaths import Killed
from fuzz import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from sonify.contracts import tables
from sonify.data import prepare as preparing
from sonify.data.audio import samples as audio
from sonify.data.corpora import audioset, fsd50k, speech_commands
from sonify.data.corpora.listing import REASONS
from sonify.data.corpora.lists import LayoutError
from sonify.data.corpora.registry import DATASETS, read
from sonify.data.corpora.roots import HARVEST
from sonify.data.download import harvest
from sonify.data.prepare import Summary, prepare
from sonify.runtime.errors import one_sentence_errors

SCRIPT = Path(__file__).resolve().parents[3] / "workflow" / "scripts" / "prepare.py"
FAULTS = {
    "fine": None, "stereo": None, "24bit": None, "8khz": None,
    "gone": "missing_file", "zero": "empty", "header": "empty", "text": "unreadable",
    "cut": "truncated", "long": "too_long",
    "silent": "silent", "constant": "silent", "nan": "not_finite", "short": "too_short",
    "unknown": "unknown_label", "unlabelled": "no_label",
}  # fmt: skip


def write_audio(path: Path, fault: str, seed: int) -> None:
    """A quarter of a second of noise at `path`, spoilt as `fault` says."""
    rate = 8000 if fault == "8khz" else 16000
    x = np.random.default_rng(seed).uniform(-0.5, 0.5, rate // 4)
    if fault == "stereo":
        x = np.stack([x, 0.5 * x], axis=1)
    x = {"silent": 0 * x, "constant": 0 * x + 0.1, "header": x[:0], "short": x[:900]}.get(fault, x)
    if fault == "nan":
        x[100] = np.nan
    if fault == "long":
        x = np.tile(x, 9)
    if fault in ("zero", "text"):
        path.write_bytes(b"" if fault == "zero" else b"plainly not audio" * 9)
    elif fault != "gone":
        subtype = {"24bit": "PCM_24", "nan": "FLOAT"}.get(fault, "PCM_16")
        soundfile.write(path, x, rate, subtype=subtype, format="WAV")
    if fault == "cut":
        path.write_bytes(path.read_bytes()[:-1000])


def quoted(clip_id: str) -> str:
    """The field of a list: in quotation marks where it needs them."""
    plain = re.fullmatch(r"[\w-]+", clip_id)
    return clip_id if plain else '"' + clip_id.replace('"', '""') + '"'


def is_file_name(name: str, clip_id: str) -> bool:
    """Tell whether a file of one folder can have a name made of an id."""
    return not set(clip_id) & set("/\0") and len(os.fsencode(name)) <= 255


def write_corpus(root: Path, clips: list[tuple[str, str, str]]) -> Path:
    """An FSD50K corpus of clips (split, id, fault)."""
    truth = root / "FSD50K.ground_truth"
    for folder in (truth, root / "FSD50K.dev_audio", root / "FSD50K.eval_audio"):
        folder.mkdir(parents=True, exist_ok=True)
    (truth / "vocabulary.csv").write_text("0,Bell,/m/0395lw\n1,Dog,/m/0bt9lr\n")
    lists = {"dev": ["fname,labels,mids,split"], "eval": ["fname,labels,mids"]}
    for seed, (split, clip_id, fault) in enumerate(clips):
        labels = {"unknown": '"Dog,Cat"', "unlabelled": ""}.get(fault, '"Dog,Bell"')
        where = "eval" if split == "eval" else "dev"
        lists[where].append(f"{quoted(clip_id)},{labels},x" + f",{split}" * (where == "dev"))
        path = root / f"FSD50K.{where}_audio" / f"{clip_id}.wav"
        if is_file_name(path.name, clip_id) and not path.exists():
            write_audio(path, fault, seed)
    for name, lines in lists.items():
        (truth / f"{name}.csv").write_text("\n".join(lines) + "\n")
    return root


def write_audioset(root: Path, clips: list[tuple[str, str, str]], harvested: bool) -> Path:
    """An AudioSet corpus of clips (split, id, fault), their audio in files or in a harvest."""
    root.mkdir(parents=True)
    classes = "index,mid,display_name\n0,/m/0395lw,Bell\n1,/m/0bt9lr,Dog\n"
    (root / audioset.VOCABULARY).write_text(classes)
    lists, shards = dict.fromkeys(DATASETS["audioset"].splits, ""), {}
    for seed, (split, clip_id, fault) in enumerate(clips):
        labels = {"unknown": "/m/0bt9lr,/m/01yrx", "unlabelled": ""}.get(fault, "/m/0bt9lr")
        lists[split] += f'{quoted(clip_id)}, 0.000, 10.000, "{labels}"\n'
        path = root / f"Y{clip_id}.wav"
        if is_file_name(path.name, clip_id) and not path.exists():
            write_audio(path, fault, seed)
        if harvested and is_file_name(path.name, clip_id) and path.exists():
            rows = shards.setdefault(split, [])
            rows.append(harvest.row(len(rows), clip_id, path.read_bytes()))
            path.unlink()
    for split, lines in lists.items():
        (root / audioset.segments_file(split)).write_text(lines)
    for split, rows in shards.items():
        harvest.write([rows], root / HARVEST / split / "00.parquet")
    return root


def write_words(root: Path, clips: list[tuple[str, str, str]]) -> Path:
    """A Speech Commands corpus of clips (split, id, fault); what is on no list is for training."""
    lists = {"train": "", "val": "", "test": ""}
    for seed, (split, clip_id, fault) in enumerate(clips):
        lists[split] += f"{clip_id}.wav\n"
        (root / clip_id).parent.mkdir(parents=True, exist_ok=True)
        if not (root / f"{clip_id}.wav").exists():
            write_audio(root / f"{clip_id}.wav", fault, seed)
    for split, name in speech_commands.LISTS.items():
        (root / name).write_text(lists[split])
    return root


def run(
    root: Path, out: Path, clips_per_part: int = 3, workers: int = 1, dataset: str = "fsd50k"
) -> Summary:
    """Prepare the corpus at `root`."""
    listing = read(dataset, root)
    settings = {"min_samples": 512, "max_s": 2.0, "clips_per_part": clips_per_part}
    return prepare(listing, root, out, **settings, workers=workers)


def digests(folder: Path) -> dict[str, str]:
    """Path -> digest of all files below `folder`."""
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    return {
        file.relative_to(folder).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in files
    }


def stored(out: Path) -> list[dict]:
    """Rows of all parts, split by split."""
    parts = sorted(out.glob("*/part-*.parquet"))
    return [row for part in parts for row in tables.read(part, "clips").to_dict("records")]


def test_every_fault_ends_where_it_should(tmp_path):
    clips = [("train", f"c{i:02d}", fault) for i, fault in enumerate(FAULTS)]
    root = write_corpus(tmp_path / "corpus", [*clips, ("val", "v", "fine"), ("eval", "e", "fine")])
    summary = run(root, tmp_path / "out")
    manifest = tables.read(tmp_path / "out/manifest.parquet", "manifest")
    rejected = tables.read(tmp_path / "out/rejected.parquet", "rejected")
    expected = {f"c{i:02d}": reason for i, reason in enumerate(FAULTS.values()) if reason}
    assert dict(zip(rejected["clip_id"], rejected["reason"], strict=True)) == expected
    assert set(manifest["clip_id"]) == {c for _, c, f in clips if not FAULTS[f]} | {"v", "e"}
    assert all(
        detail.endswith(".") and str(tmp_path) not in detail for detail in rejected["detail"]
    )
    assert summary.listed == len(FAULTS) + 2 == summary.used + len(expected)
    assert "used (0.0 min), 12 rejected: 2 empty, 2 silent, 1 " in str(summary)
    assert summary.warnings == ()


def test_the_stored_clips(tmp_path):
    root = write_corpus(tmp_path / "corpus", [("train", f"{i}", "stereo") for i in (10, 9, 8, 7)])
    summary = run(root, tmp_path / "out")
    rows = stored(tmp_path / "out")
    assert [row["clip_id"] for row in rows] == ["10", "7", "8", "9"]
    for row in rows:
        pcm = np.frombuffer(row["pcm"], dtype="<i2")
        assert len(pcm) == row["n_samples"] == 2000
        assert np.abs(pcm).max() == 32767
        assert list(row["labels"]) == ["Bell", "Dog"]  # vocabulary order, not the list's
        assert row["source_rate"] == 16000 and 1 < row["gain"] < 10
    manifest = tables.read(tmp_path / "out/manifest.parquet", "manifest")
    assert list(manifest["part"]) == ["train/part-00000.parquet"] * 3 + ["train/part-00001.parquet"]
    assert set(manifest["path"]) == {f"FSD50K.dev_audio/{i}.wav" for i in (7, 8, 9, 10)}
    assert set(manifest["channels"]) == {2} and set(manifest["source_samples"]) == {4000}
    assert summary.audio_s == pytest.approx(1.0)
    assert len(summary.warnings) == 2 and "fsd50k/val has no usable clips" in summary.warnings[0]


def test_an_empty_split_has_one_empty_part(tmp_path):
    root = write_corpus(tmp_path / "corpus", [("train", "a", "fine"), ("val", "b", "silent")])
    run(root, tmp_path / "out")
    for split in ("val", "eval"):
        (part,) = (tmp_path / "out" / split).glob("*")
        assert tables.read(part, "clips").empty


def test_rejected_clips_leave_no_empty_part_behind(tmp_path):
    faults = ["fine", "fine", "silent", "fine", "silent", "silent"]
    root = write_corpus(tmp_path / "corpus", [("train", f"{i}", f) for i, f in enumerate(faults)])
    run(root, tmp_path / "out", clips_per_part=3)
    assert [file.name for file in (tmp_path / "out/train").glob("*")] == ["part-00000.parquet"]


def test_parts_are_plain(tmp_path):
    root = write_corpus(tmp_path / "corpus", [("train", "a", "fine"), ("train", "b", "fine")])
    run(root, tmp_path / "out")
    group = pq.read_metadata(tmp_path / "out/train/part-00000.parquet").row_group(0)
    columns = {group.column(i).path_in_schema: group.column(i) for i in range(group.num_columns)}
    assert {column.compression for column in columns.values()} == {"UNCOMPRESSED"}
    assert not columns["pcm"].has_dictionary_page


def test_row_groups_are_bounded(tmp_path, monkeypatch):
    monkeypatch.setitem(preparing._PART_FORMAT, "row_group_size", 2)
    root = write_corpus(tmp_path / "corpus", [("train", f"{i}", "fine") for i in range(5)])
    run(root, tmp_path / "out", clips_per_part=5)
    file = pq.read_metadata(tmp_path / "out/train/part-00000.parquet")
    assert [file.row_group(i).num_rows for i in range(file.num_row_groups)] == [2, 2, 1]
    assert preparing.CLIPS_PER_ROW_GROUP == 64


def test_a_listing_may_ask_for_its_own_order(tmp_path):
    root = write_corpus(tmp_path / "corpus", [("train", i, "fine") for i in "dbca"])
    listing = replace(read("fsd50k", root), own_order=True)
    prepare(listing, root, tmp_path / "out", min_samples=512, max_s=2.0, clips_per_part=2)
    manifest = tables.read(tmp_path / "out/manifest.parquet", "manifest")
    parts = manifest.groupby("part")["clip_id"].agg(set)
    assert list(parts) == [{"d", "b"}, {"c", "a"}]


def test_the_manifest_tells_the_provenance(tmp_path):
    root = write_corpus(tmp_path / "corpus", [("train", "7", "fine"), ("eval", "8", "fine")])
    (root / "FSD50K.metadata").mkdir()
    info = {"7": {"uploader": "ann", "license": "http://l"}}
    (root / fsd50k.METADATA.format(part="dev")).write_text(json.dumps(info))
    run(root, tmp_path / "out")
    manifest = tables.read(tmp_path / "out/manifest.parquet", "manifest").set_index("clip_id")
    columns = ["source_url", "uploader", "licence"]
    assert manifest.loc["7", columns].tolist() == ["https://freesound.org/s/7/", "ann", "http://l"]
    assert manifest.loc["8", columns].tolist() == ["", "", ""]


def test_same_bytes_for_any_number_of_workers_and_after_a_rerun(tmp_path):
    faults = [*FAULTS, *FAULTS]
    clips = [(("train", "val", "eval")[i % 3], f"c{i}", f) for i, f in enumerate(faults)]
    root = write_corpus(tmp_path / "corpus", [*clips, ("val", "c0", "fine")])
    run(root, tmp_path / "one/out", workers=1)
    run(root, tmp_path / "two/out", clips_per_part=1, workers=2)
    run(root, tmp_path / "two/out", workers=2)  # with fewer parts: the surplus must go
    assert digests(tmp_path / "one") == digests(tmp_path / "two")


def test_progress_counts_every_listed_clip(tmp_path):
    clips = [("train", f"{i}", fault) for i, fault in enumerate(FAULTS)]
    root = write_corpus(tmp_path / "corpus", clips)
    calls = []
    prepare(
        read("fsd50k", root), root, tmp_path / "out",
        min_samples=512, max_s=2.0, clips_per_part=2, workers=2,
        progress=lambda done, total: calls.append((done, total)),
    )  # fmt: skip
    assert calls == sorted(calls)
    assert calls[-1] == (len(FAULTS), len(FAULTS))


def test_nothing_usable(tmp_path):
    clips = [("train", "a", "silent"), ("train", "b", "zero"), ("val", "c", "silent")]
    root = write_corpus(tmp_path / "corpus", clips)
    with pytest.raises(ValueError, match=r"none of the 3 listed clips of fsd50k .* often silent"):
        run(root, tmp_path / "out")
    with pytest.raises(ValueError, match="none of the 0 listed clips"):
        run(write_corpus(tmp_path / "none", []), tmp_path / "out")


def test_bad_settings(tmp_path):
    root = write_corpus(tmp_path / "corpus", [("train", "a", "fine")])
    with pytest.raises(ValueError, match=r"clips_per_part \(0\)"):
        run(root, tmp_path / "out", clips_per_part=0)
    with pytest.raises(ValueError, match="no dataset named 'esc50'"):
        read("esc50", root)


SENTENCE = re.compile(r"[^\n]*[^.\s]\.")  # one line, with one full stop at its end
IDS = ["1", "2", "a", "A", "-b", "_c", "d_1", "d_10", "é"]
NOISE = np.random.default_rng(5).uniform(-0.5, 0.5, 4_000)
# What lists may have in place of ids, to which paths, pages and spreadsheets give a meaning.
ODD = [
    *(
        "../secret",
        "../../secret",
        "/etc/passwd",
        "..",
        ".",
        "-rf",
        "--out",
        "=1+1",
        "#NAME?",
        "@x",
    ),
    *(
        "$(x)",
        "`x`",
        "<script>alert(1)</script>",
        "'\"><img src=x>",
        "a b",
        " a",
        "a ",
        "a,b",
        "{x}",
    ),
    *(
        "caf\u00e9",
        "cafe\u0301",
        "Caf\u00e9",
        "x" * 255,
        "a\nb",
        "a\rb",
        "a\u2028b",
        "a\0b",
        "%s",
        "\\",
    ),
    *("00TdvOJSdaM", "-0SdAVK79lg", "a.wav", "a.", "NaN", "1e5", "007", "\u202ea", "\ufeffa"),
]
ANY_ID = st.sampled_from(ODD) | st.text(st.characters(exclude_categories=["Cs"]), min_size=1)
PARTS = {"clips_per_part": st.integers(1, 4), "workers": st.integers(1, 2)}


def some_clips(splits: Sequence[str], ids: Sequence[str] = IDS) -> st.SearchStrategy:
    """Up to nine clips (split, id, fault), of which some may share an id: any, or one of `ids`."""
    some_id = st.sampled_from(ids) | ANY_ID if ids is IDS else st.sampled_from(ids)
    clip = st.tuples(st.sampled_from(splits), some_id, st.sampled_from(sorted(FAULTS)))
    return st.lists(clip, max_size=9)


def check_accounts(dataset: str, root: Path, listed: Counter, **how: int) -> None:
    """Prepare the corpus and find each of the `listed` (split, id) used or rejected, once."""
    out = root.parent / "out"
    soundfile.write(root.parent / "secret.wav", NOISE, 16_000)  # which no name may lead to
    try:
        summary = run(root, out, dataset=dataset, **how)
    except ValueError as error:
        said = str(error)
        unreadable = (
            "quotation mark there is not closed" in said or "is not a UTF-8 CSV file" in said
        )
        assert ("none of the" in said or unreadable) and said.isprintable()
        return
    manifest = tables.read(out / "manifest.parquet", "manifest")
    rejected = tables.read(out / "rejected.parquet", "rejected")
    keys = [*zip(manifest["split"], manifest["clip_id"], strict=True)]
    assert summary.listed == listed.total() == summary.used + len(rejected)
    assert listed == Counter([*keys, *zip(rejected["split"], rejected["clip_id"], strict=True)])
    assert manifest["clip_id"].is_unique  # in no two splits either
    assert set(rejected["reason"]) <= REASONS.keys()
    assert all(SENTENCE.fullmatch(detail) for detail in rejected["detail"])
    left = rejected[rejected["reason"] != "duplicate_id"]
    assert not set(left["clip_id"]) & set(manifest["clip_id"])
    assert sorted((row["split"], row["clip_id"]) for row in stored(out)) == sorted(keys)
    paths = [Path(path) for table in (manifest, rejected) for path in table["path"] if path]
    assert all((root / path).resolve().is_relative_to(root.resolve()) for path in paths)


@given(clips=some_clips(DATASETS["fsd50k"].splits), **PARTS)
@settings(max_examples=examples(40), deadline=None)
@pytest.mark.fuzz
def test_accounts_of_any_fsd50k(clips, clips_per_part, workers):
    with tempfile.TemporaryDirectory() as folder:
        root = write_corpus(Path(folder) / "corpus", clips)
        listed = Counter((split, clip_id) for split, clip_id, _ in clips)
        check_accounts("fsd50k", root, listed, clips_per_part=clips_per_part, workers=workers)


@given(clips=some_clips(DATASETS["audioset"].splits), harvested=st.booleans(), **PARTS)
@settings(max_examples=examples(40), deadline=None)
@pytest.mark.fuzz
def test_accounts_of_any_audioset(clips, harvested, clips_per_part, workers):
    with tempfile.TemporaryDirectory() as folder:
        root = write_audioset(Path(folder) / "corpus", clips, harvested)
        listed = Counter((split, clip_id) for split, clip_id, _ in clips)
        check_accounts("audioset", root, listed, clips_per_part=clips_per_part, workers=workers)


@given(
    clips=some_clips(DATASETS["speech_commands"].splits, ["no/1", "no/A", "no/a", "yes/1"]), **PARTS
)
@settings(max_examples=examples(40), deadline=None)
@pytest.mark.fuzz
def test_accounts_of_any_speech_commands(clips, clips_per_part, workers):
    with tempfile.TemporaryDirectory() as folder:
        # A word without any file is no word: there is one file of each.
        root = write_words(
            Path(folder) / "corpus", [("train", f"{w}/0", "fine") for w in ("no", "yes")]
        )
        write_words(root, clips)
        there = {f"{file.parent.name}/{file.stem}" for file in root.glob("*/*.wav")}
        # A line that names no file stands for the one whose name differs only in case.
        alike = {clip_id.casefold(): clip_id for clip_id in there}
        held = [
            (split, clip_id if clip_id in there else alike.get(clip_id.casefold(), clip_id))
            for split, clip_id, _ in clips
            if split != "train"
        ]
        listed = Counter(held)
        listed.update(("train", clip_id) for clip_id in there - {held for _, held in listed})
        check_accounts(
            "speech_commands", root, listed, clips_per_part=clips_per_part, workers=workers
        )


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=9)
NAMES = st.sampled_from([os.fsencode(name) for name in ODD if not set(name) & set("/\0")])
NAMES = (NAMES | st.binary(min_size=1, max_size=9)).filter(lambda name: not set(name) & set(b"/\0"))
LINES = st.sampled_from(
    [b"yes/a.wav", b"../yes/a.wav", b"yes\\\\a.wav", b"YES/A.WAV", b"/etc/passwd"]
)
LINES = st.lists(LINES | TEXTS.map(str.encode) | NAMES.map(lambda name: b"yes/%s.wav" % name))


@given(names=st.lists(NAMES, max_size=6, unique=True), lines=LINES, **PARTS)
@settings(max_examples=examples(40), deadline=None)
@pytest.mark.fuzz
def test_accounts_of_speech_commands_with_any_names(names, lines, clips_per_part, workers):
    """Of files and in lists, in whatever encoding."""
    with tempfile.TemporaryDirectory() as folder:
        root = write_words(Path(folder) / "corpus", [("train", "yes/a", "fine")])
        for name in names:
            file = root / "yes" / os.fsdecode(name + b".wav")
            if len(os.fsencode(file.name)) <= 255:
                shutil.copy(root / "yes" / "a.wav", file)
        (root / speech_commands.LISTS["val"]).write_bytes(b"\n".join(lines) + b"\n")
        try:
            listing = read("speech_commands", root)
        except LayoutError as error:
            assert str(error).isprintable()
            return
        listed = Counter()
        for table in (listing.clips, listing.problems):
            listed.update(zip(table["split"], table["clip_id"], strict=True))
        files = [file for file in (root / "yes").iterdir() if not file.name.startswith(".")]
        used_or_not = {*listing.clips["path"], *listing.problems["path"]}
        assert {as_stored(f"yes/{file.name}") for file in files} <= used_or_not
        check_accounts(
            "speech_commands", root, listed, clips_per_part=clips_per_part, workers=workers
        )


def as_stored(path: str) -> str:
    """A path with escapes for bytes that are not UTF-8, as tables have it."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def test_names_that_are_not_utf8_are_rejected_with_escapes(tmp_path):
    words = write_words(tmp_path / "words", [("train", "yes/a", "fine"), ("train", "no/a", "fine")])
    (words / "no" / "a.wav").rename(words / "no" / os.fsdecode(b"caf\xe9.wav"))
    heard = write_audioset(
        tmp_path / "audioset", [("eval", "a", "fine"), ("eval", "b", "fine")], False
    )
    odd = heard / os.fsdecode(b"\xff")
    odd.mkdir()
    (heard / "Yb.wav").rename(odd / "Yb.wav")
    for dataset, root, clip_id, path, where in (
        ("speech_commands", words, r"no/caf\xe9", r"no/caf\xe9.wav", "folder no, line 1"),
        ("audioset", heard, "b", r"\xff/Yb.wav", "eval_segments.csv, line 2"),
    ):
        out = tmp_path / f"out-{dataset}"
        listing = read(dataset, root)
        prepare(listing, root, out, min_samples=512, max_s=2.0, clips_per_part=3)
        (row,) = tables.read(out / "rejected.parquet", "rejected").to_dict("records")
        assert (row["clip_id"], row["path"], row["reason"]) == (clip_id, path, "bad_name")
        assert row["detail"] == f"{where}: the name of {path} is not UTF-8 text."
        assert list(tables.read(out / "manifest.parquet", "manifest")["clip_id"]) != [clip_id]


PLACES = st.lists(st.tuples(st.floats(0, 1), st.binary(max_size=5)), max_size=4)


@given(
    files=st.lists(
        st.tuples(st.sampled_from(["wav", "flac", "ogg", "mp3"]), PLACES, st.floats(0, 1)),
        min_size=1,
        max_size=5,
    ),
    **PARTS,
)
@settings(max_examples=examples(25), deadline=None)
@pytest.mark.fuzz
def test_accounts_of_damaged_recordings(files, clips_per_part, workers):
    """Bytes overwritten anywhere, headers included, and ends cut off."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "corpus"
        root.mkdir()
        lines, listed = ["path,split,labels,clip_id"], Counter()
        for i, (kind, places, end) in enumerate(files):
            soundfile.write(root / f"{i}.{kind}", NOISE, 16_000)
            content = bytearray((root / f"{i}.{kind}").read_bytes())
            for place, other in places:
                start = int(place * len(content))
                content[start : start + len(other)] = other
            kept = len(content) if end > 0.5 else int(2 * end * len(content))
            (root / f"{i}.{kind}").write_bytes(content[:kept])
            lines.append(f"{i}.{kind},train,dog,c{i}")
            listed["train", f"c{i}"] += 1
        (root / "clips.csv").write_text("\n".join(lines) + "\n")
        check_accounts("folder", root, listed, clips_per_part=clips_per_part, workers=workers)


def script(*arguments: object) -> subprocess.CompletedProcess:
    """Run the script as the workflow does: a job that has done its work tears nothing down.

    Without that, one of these runs once aborted as it ended, on a loaded machine; why is not known.
    """
    command = [sys.executable, SCRIPT, *map(str, arguments)]
    environment = {**os.environ, "SONIFY_JOB": f"0 {os.devnull}"}  # its cost is nobody's concern
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


def test_script(tmp_path):
    root = write_corpus(tmp_path / "corpus", [("train", "a", "fine"), ("eval", "b", "silent")])
    settings = '{"min_samples": 512, "max_s": 2.0, "clips_per_part": 8}'
    arguments = ["--dataset", "fsd50k", "--settings", settings, "--out", tmp_path / "out"]
    done = script(*arguments, "--root", root, "--threads", 2)
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[-1] == (
        "prepared fsd50k: 1 of 2 listed clips used (0.0 min), 1 rejected: 1 silent"
    )
    assert "warning: fsd50k/eval has no usable clips" in done.stderr
    needed = script(*arguments, "--root", root, "--used", "train", "eval")
    assert needed.returncode == 1 and needed.stderr.splitlines()[-1].startswith(
        "error: fsd50k has no usable clip in eval, which the configuration uses: correct the corpus"
    )
    failed = script(*arguments, "--root", tmp_path / "nowhere")
    assert failed.returncode == 1
    assert failed.stderr.startswith(f"error: {tmp_path / 'nowhere'} has no FSD50K.ground_truth/")
    assert failed.stderr.count("\n") == 1


def test_errors_a_user_can_mend_are_one_sentence(tmp_path):
    with pytest.raises(SystemExit, match="error: no dataset named 'esc50'"), one_sentence_errors():
        read("esc50", tmp_path)
    with pytest.raises(SystemExit, match="error: No such file or directory: "):
        one_sentence_errors()((tmp_path / "none").read_bytes)()
    root = write_corpus(tmp_path, [("train", "a", "fine")])
    (root / "FSD50K.ground_truth" / "eval.csv").write_text("fname,labels,mids\n1\n")
    with pytest.raises(SystemExit, match="1 field where 3"), one_sentence_errors():
        read("fsd50k", root)  # raised inside with and try blocks of a generator
    assert issubclass(LayoutError, ValueError)


def test_mistakes_of_ours_keep_their_traceback():
    with pytest.raises(ValueError, match="could not be broadcast"), one_sentence_errors():
        mono_of_ragged = compile("np.zeros(2) + np.zeros(3)", audio.__file__, "eval")
        eval(mono_of_ragged, {"np": np})  # compiled code fails on a line of the package
    with pytest.raises(ZeroDivisionError), one_sentence_errors():
        _ = 1 / 0


@pytest.mark.parametrize("fault", ["lost", "renamed", "count"])
def test_accounts_that_do_not_add_up(tmp_path, monkeypatch, fault):
    root = write_corpus(tmp_path / "corpus", [("train", i, "fine") for i in "abc"])
    if fault == "count":
        listing = replace(read("fsd50k", root), listed=4)
        counted = replace(DATASETS["fsd50k"], read=lambda _: listing)
        monkeypatch.setitem(DATASETS, "fsd50k", counted)
    else:
        whole, more = preparing._batch, [{"clip_id": "d"}] if fault == "renamed" else []

        def spoilt(dataset, corpus, split, number, clips, *others):
            clips = [*clips[:-1], *({**clips[-1], **new} for new in more)] if clips else clips
            return whole(dataset, corpus, split, number, clips, *others)

        monkeypatch.setattr(preparing, "_batch", spoilt)
    with pytest.raises(RuntimeError, match="do not add up"):
        run(root, tmp_path / "out")


@pytest.mark.parametrize("harvested", [False, True])
def test_short_clips_are_repeated_from_the_start_and_cut_and_counted(tmp_path, harvested):
    clips = [("eval", "a", "fine"), ("eval", "b", "short"), ("eval", "c", "silent")]
    root = write_audioset(tmp_path / "corpus", clips, harvested)
    listing, limits = read("audioset", root), {"min_samples": 2_370, "max_s": 2.0}
    out = tmp_path / "out"
    summary = prepare(
        listing, root, out, **limits, clips_per_part=4, min_duration_s=0.35, peak_scaling=True
    )
    assert (summary.used, summary.repeated, summary.reasons) == (2, 2, {"silent": 1})
    assert "2 of 3 listed clips used (0.0 min, 2 of them repeated to length)" in str(summary)
    manifest = tables.read(out / "manifest.parquet", "manifest").set_index("clip_id")
    assert manifest["n_samples"].tolist() == [2_800, 2_800]
    assert manifest["source_samples"].tolist() == [4_000, 900], "as the files have them"
    found = tables.read(out / "eval/part-00000.parquet", "clips").set_index("clip_id")
    for clip_id, own in (("a", 2_000), ("b", 450)):
        pcm = np.frombuffer(found.loc[clip_id, "pcm"], "<i2")
        assert np.array_equal(pcm, np.tile(pcm[:own], 7)[:2_800])
    # Longer clips stay, and without it the short one is refused.
    for shortest, n in ((0.2, [2_000, 1_600]), (None, None)):
        settings = {**limits, "min_samples": 512, "min_duration_s": shortest, "clips_per_part": 4}
        summary = prepare(listing, root, out, **settings)
        if n:
            assert tables.read(out / "manifest.parquet", "manifest")["n_samples"].tolist() == n
        else:
            assert summary.reasons == {"silent": 1, "too_short": 1} and summary.repeated == 0


@pytest.mark.parametrize("harvested", [False, True])
def test_clips_can_stay_at_the_level_of_their_files(tmp_path, harvested):
    root = write_audioset(tmp_path / "corpus", [("eval", "a", "8khz")], harvested)
    settings = {"min_samples": 512, "max_s": 2.0, "clips_per_part": 4}
    prepare(read("audioset", root), root, tmp_path / "out", **settings, peak_scaling=False)
    found = tables.read(tmp_path / "out/eval/part-00000.parquet", "clips")
    assert found["gain"].tolist() == [1.0]
    pcm = np.frombuffer(found["pcm"][0], "<i2") / 32767
    original = np.random.default_rng(0).uniform(-0.5, 0.5, 2_000)
    assert np.abs(pcm - original).max() < 2 / 32767


def test_a_clip_too_faint_for_16_bits_is_silent_without_peak_scaling():
    x = 1e-6 * np.random.default_rng(0).uniform(-1, 1, 4_000)
    pcm, gain = audio.peak_scaled(x)
    recording = audio.Recording(pcm, gain, 8_000, 4_000, 1)
    with pytest.raises(audio.UnusableAudio, match=r"silent: its peak is 1e-06 of full scale"):
        audio.unscaled(recording)
    loud = audio.unscaled(replace(recording, gain=0.8))  # resampling had overshot full scale
    assert np.abs(loud.pcm).max() == 32767 and loud.gain == 1.0


def test_where_no_clip_is_found_a_file_that_is_there_is_named(tmp_path):
    root = write_corpus(tmp_path / "corpus", [("eval", "a", "gone"), ("train", "b", "gone")])
    write_audio(root / "FSD50K.eval_audio" / "A (1).wav", "fine", 0)
    with pytest.raises(ValueError, match=r"has FSD50K\.eval_audio/A \(1\)\.wav, for instance"):
        run(root, tmp_path / "out")


SEGMENTS = "# YTID, start_seconds, end_seconds, positive_labels\n"
LOST = {
    "audioset": (
        {
            "class_labels_indices.csv": "index,mid,display_name\n0,/m/09x0r,Speech\n",
            "balanced_train_segments.csv": SEGMENTS + 'abcdefghijk, 30.0, 40.0, "/m/09x0r"\n',
            "eval_segments.csv": SEGMENTS + 'abcdefghijl, 30.0, 40.0, "/m/09x0r"\n',
        },
        "train/clip of 30 s.wav",
    ),
    "folder": ({"clips.csv": "path,split,labels\na.wav,train,x\nb.wav,eval,x\n"}, "train/a 1.wav"),
}


@pytest.mark.parametrize(("dataset", "lists", "there"), [(d, *LOST[d]) for d in LOST], ids=LOST)
def test_so_in_each_layout(tmp_path, dataset, lists, there):
    root = tmp_path / "corpus"
    for name, text in lists.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    (root / there).parent.mkdir(parents=True, exist_ok=True)
    write_audio(root / there, "fine", 0)
    with pytest.raises(ValueError, match=f"none of the 2 listed clips of {dataset} ") as caught:
        run(root, tmp_path / "out", dataset=dataset)
    assert f"; {root} has {there}, for instance: point data.path at" in str(caught.value)


def test_so_where_speech_commands_has_no_words(tmp_path):
    root = tmp_path / "corpus"
    for place in ("a.wav", "_background_noise_/a tap.wav"):
        (root / place).parent.mkdir(parents=True, exist_ok=True)
        write_audio(root / place, "fine", 0)
        for name in ("validation_list.txt", "testing_list.txt"):
            (root / name).write_text("yes/a_nohash_0.wav\n")
        with pytest.raises(ValueError, match=f", but {place}, for instance: extract the whole"):
            run(root, tmp_path / "out", dataset="speech_commands")
        (root / place).unlink()


class Shared:
    """workflow/scripts/prepare.py on a corpus with all faults, as one job or as several."""

    def __init__(self, root: Path, monkeypatch) -> None:
        self.root, self.patch = root, monkeypatch
        self.settings = {"min_samples": 512, "max_s": 2.0, "clips_per_part": 3}
        self.settings |= {"min_duration_s": None, "peak_scaling": True}

    def __call__(self, out: Path, *options: str) -> Path:
        words = ["prepare.py", "--dataset", "fsd50k", "--root", self.root, "--threads", "2"]
        words += ["--settings", json.dumps(self.settings), "--work", out.with_name(f"w-{out.name}")]
        self.patch.setattr(sys, "argv", [str(word) for word in (*words, *options, "--out", out)])
        runpy.run_path(str(SCRIPT))
        return out

    def share(self, i: int, n: int) -> Path:
        return self(self.root.parent / f"{i}-of-{n}", "--scatter", str(i), str(n))

    def merged(self, folder: Path, shares: list[Path]) -> Path:
        return self(folder / "fsd50k", "--gather", *map(str, shares))


@pytest.fixture
def shared(tmp_path, monkeypatch) -> Shared:
    faults = [*FAULTS, *["fine"] * 9]
    clips = [("eval", f"{n:02d}", fault) for n, fault in enumerate(faults)]
    clips += [("train", f"1{n}", "fine") for n in range(4)]
    return Shared(write_corpus(tmp_path / "corpus", clips), monkeypatch)


def test_any_number_of_shares_prepares_the_bytes_of_one_job(shared, tmp_path):
    expected = digests(shared(tmp_path / "whole" / "fsd50k"))
    assert len([name for name in expected if name.startswith("eval/part-")]) == 5
    for n in (1, 3, 7, 11):  # blocks end elsewhere than parts
        shares = [shared.share(i, n) for i in reversed(range(1, n + 1))]
        with shared.patch.context() as patch:
            patch.setattr(harvest, "recording", lambda *given: pytest.fail("a clip was decoded"))
            assert digests(shared.merged(tmp_path / f"merged-{n}", shares)) == expected, n
    assert not list(shared.root.parent.glob("w-*"))


def test_a_share_that_was_killed_goes_on_with_its_block(shared, tmp_path):
    expected = digests(shared(tmp_path / "whole" / "fsd50k"))
    decoded, decode = [], harvest.recording

    def dying(root: Path, path: str, limits):
        decoded.append(path)
        if len(decoded) == 5:
            raise Killed
        return decode(root, path, limits)

    with shared.patch.context() as patch:
        patch.setattr(harvest, "recording", dying)
        with pytest.raises(Killed):
            shared.share(1, 2)
        assert not (shared.root.parent / "1-of-2").exists()
        first = shared.share(1, 2)
    kept = [path for path in decoded if decoded.count(path) == 1]
    assert len(kept) >= 3 + 3, "the first block was not decoded again"
    merged = shared.merged(tmp_path / "merged", [first, shared.share(2, 2)])
    assert digests(merged) == expected
    with pytest.raises(SystemExit, match="1-of-2 was made with other recordings: delete it"):
        shared.merged(tmp_path / "replaced", [first, first, "--held", "another"])
    shared.settings["max_s"] = 1.0
    with pytest.raises(SystemExit, match="1-of-2 was made with other configuration: delete it"):
        shared.merged(tmp_path / "other", [first, first])
    shared.settings["max_s"] = 2.0
    with pytest.raises(SystemExit, match="1-of-2 was made with other code: delete it"):
        shared.merged(tmp_path / "edited", [first, first, "--code", "edited"])
    lists = shared.root / "FSD50K.ground_truth" / "eval.csv"
    lists.write_text(lists.read_text().replace('"Dog,Bell"', "Dog", 1))
    with pytest.raises(SystemExit, match="1-of-2 was made with other lists: delete it"):
        shared.merged(tmp_path / "relabelled", [first, first])
