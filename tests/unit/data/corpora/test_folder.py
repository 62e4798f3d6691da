"""Anybody's recordings, as a list or in folders: read, counted out and prepared."""

import csv
import os
from pathlib import Path

import numpy as np
import pytest
import soundfile
from fuzz import examples
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sonify.contracts import tables
from sonify.data import attrition
from sonify.data.clips import load
from sonify.data.corpora.listing import Listing
from sonify.data.corpora.lists import LayoutError
from sonify.data.corpora.registry import read
from sonify.data.prepare import prepare
from sonify.runtime.errors import SonifyError

SETTINGS = {"min_samples": 512, "max_s": 2.0, "clips_per_part": 2}


def record(root: Path, *names: str | bytes) -> Path:
    """Write half a second of noise to each name below `root`."""
    for seed, name in enumerate(names):
        path = root / os.fsdecode(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            noise = np.random.default_rng(seed).uniform(-0.5, 0.5, 8000)
            soundfile.write(file, noise, 16000, format="WAV")
    return root


def listed(root: Path, *lines: str, header: str = "path,split,labels") -> Path:
    """Write the list."""
    root.mkdir(exist_ok=True)
    (root / "clips.csv").write_text("\n".join([header, *lines, ""]), encoding="utf-8")
    return root


def rows(listing: Listing) -> list[tuple]:
    """split, clip_id, labels and path of each clip."""
    labels = map(tuple, listing.clips["labels"])
    columns = ["split", "clip_id", "labels", "path"]
    frame = listing.clips.assign(labels=list(labels))
    return list(frame[columns].itertuples(index=False, name=None))


def problems(listing: Listing) -> dict[str, tuple[str, str]]:
    """clip_id -> reason and detail."""
    columns = listing.problems[["reason", "detail"]].itertuples(index=False, name=None)
    return dict(zip(listing.problems["clip_id"], columns, strict=True))


def test_a_list(tmp_path):
    record(tmp_path, "a.wav", "deep/b.wav", "c.wav", "d.wav")
    listed(
        tmp_path,
        "a.wav,train,dog;bell",
        "./deep/b.wav, val, dog ;; dog",
        '"c.wav",eval,"Walk, footsteps;bell"',
    )
    listing = read("folder", tmp_path)
    assert list(listing.vocabulary["label"]) == ["Walk, footsteps", "bell", "dog"]
    assert rows(listing) == [
        ("train", "a.wav", ("bell", "dog"), "a.wav"),
        ("val", "deep/b.wav", ("dog",), "deep/b.wav"),
        ("eval", "c.wav", ("Walk, footsteps", "bell"), "c.wav"),
    ]
    assert listing.problems.empty and listing.listed == 3  # d.wav is on no line


def test_a_list_with_ids_and_provenance_in_any_order_of_columns(tmp_path):
    record(tmp_path, "a.wav", "b.wav")
    header = "licence,labels,mood,split,clip_id,path"
    listed(tmp_path, "CC0,dog,glad,train,one,a.wav", ",bell,sad,eval,,b.wav", header=header)
    clips = read("folder", tmp_path).clips
    assert list(clips["clip_id"]) == ["one", "b.wav"]
    assert list(clips["licence"]) == ["CC0", ""] and list(clips["uploader"]) == ["", ""]


def test_every_line_is_accounted_for(tmp_path):
    record(tmp_path, "a.wav", "b.wav", "e.wav")
    (tmp_path / "broken.wav").write_text("no sound")
    (tmp_path / "vocabulary.txt").write_text("dog\n\nbell\n")
    header = "path,split,labels,clip_id"
    listed(
        tmp_path,
        "a.wav,train,dog,",
        "a.wav,eval,dog,",
        "./a.wav,val,bell,other",
        "gone.wav,train,dog,",
        "b.wav,train,,",
        "e.wav,val,cat;dog,",
        "broken.wav,eval,bell,",
        header=header,
    )
    listing = read("folder", tmp_path)
    assert list(listing.vocabulary["label"]) == ["dog", "bell"]  # in the order of the file
    assert problems(listing) == {
        "a.wav": (
            "duplicate_id",
            "clips.csv, line 3: id 'a.wav' is listed already in clips.csv, line 2.",
        ),
        "other": ("duplicate_file", "clips.csv, line 4: a.wav is listed already in line 2."),
        "gone.wav": ("missing_file", "clips.csv, line 5: there is no audio file gone.wav."),
        "b.wav": ("no_label", "clips.csv, line 6: id 'b.wav' has no label."),
        "e.wav": ("unknown_label", "clips.csv, line 7: label 'cat' is not in vocabulary.txt."),
    }
    summary = prepare(listing, tmp_path, tmp_path / "out", **SETTINGS)
    assert summary.listed == 7 and summary.used == 1
    assert summary.reasons["unreadable"] == 1 and sum(summary.reasons.values()) == 6
    assert summary.empty == ("val", "eval")


def test_prepared_recordings_are_those_of_the_files(tmp_path):
    names = [f"{split}-{n}.wav" for split in ("train", "val", "eval") for n in range(3)]
    record(tmp_path, *names)
    listed(tmp_path, *(f"{name},{name.partition('-')[0]},dog" for name in names))
    listing = read("folder", tmp_path)
    prepare(listing, tmp_path, tmp_path / "out", **SETTINGS)
    attrition.write(listing, tmp_path / "out")
    clips = load(tmp_path / "out", ["train", "eval"])
    assert clips.ids == [n for n in names if not n.startswith("val")]
    assert clips.dataset == "folder" and (clips.lengths == 4000).all()
    counts = tables.read(tmp_path / "out" / "attrition.parquet", "attrition")
    assert (counts["used"] == 3).all() and set(counts["split"]) == {"train", "val", "eval"}


def test_split_and_label_folders(tmp_path):
    record(tmp_path, "train/dog/a.wav", "train/dog/more/b.wav", "eval/bell/a.wav", "val/dog/c.wav")
    record(tmp_path, "train/stray.wav", "notes.wav", ".hidden/x/a.wav", "train/.trash/a.wav")
    for name in (".DS_Store", "train/.DS_Store", "train/dog/.DS_Store"):
        (tmp_path / name).write_text("")
    (tmp_path / "train" / "dog" / "readme.txt").write_text("not a sound")
    listing = read("folder", tmp_path)
    assert list(listing.vocabulary["label"]) == ["bell", "dog"]
    assert rows(listing) == [
        ("eval", "eval/bell/a.wav", ("bell",), "eval/bell/a.wav"),
        ("train", "train/dog/a.wav", ("dog",), "train/dog/a.wav"),
        ("train", "train/dog/readme.txt", ("dog",), "train/dog/readme.txt"),
        ("train", "train/dog/more/b.wav", ("dog",), "train/dog/more/b.wav"),
        ("val", "val/dog/c.wav", ("dog",), "val/dog/c.wav"),
    ]
    assert {key: reason for key, (reason, _) in problems(listing).items()} == {
        "train/stray.wav": "no_label"
    }
    summary = prepare(listing, tmp_path, tmp_path / "out", **SETTINGS)
    assert summary.used == 4 and summary.reasons == {"no_label": 1, "unreadable": 1}


def test_linked_folders_are_followed_and_none_counts_twice(tmp_path):
    store = record(tmp_path / "store", "a.wav")
    root = record(tmp_path / "root", "eval/bell/b.wav")
    (root / "train").mkdir()
    (root / "train" / "dog").symlink_to(store)
    assert rows(read("folder", root))[1] == (
        "train", "train/dog/a.wav", ("dog",), "train/dog/a.wav",
    )  # fmt: skip
    (root / "val").mkdir()
    (root / "val" / "dog").symlink_to(store)
    with pytest.raises(SonifyError, match="val/dog links to a folder already listed: remove"):
        read("folder", root)
    (root / "val" / "dog").unlink()
    (store / "loop").symlink_to(root)
    with pytest.raises(SonifyError, match="loop links to a folder already listed"):
        read("folder", root)


def test_names_that_are_not_utf8_are_rejected_escaped(tmp_path):
    names = [
        b"train/dog/caf\xe9.wav",
        b"train/caf\xe9/a.wav",
        "train/dog/café.wav",
        "eval/cat/a.wav",
    ]
    try:
        record(tmp_path, *names)
    except OSError:  # a disk that takes no such names has no such corpora
        assert os.name != "posix" or os.uname().sysname != "Linux"
        return
    listing = read("folder", tmp_path)
    assert list(listing.vocabulary["label"]) == ["cat", "dog"]
    assert [row[1] for row in rows(listing)] == ["eval/cat/a.wav", "train/dog/café.wav"]
    assert problems(listing) == {
        r"train/dog/caf\xe9.wav": (
            "bad_name",
            r"folder train/dog, line 4: the name of train/dog/caf\xe9.wav is not UTF-8 text.",
        ),
        r"train/caf\xe9/a.wav": (
            "bad_name",
            r"folder train/caf\xe9, line 2: the name of train/caf\xe9/a.wav is not UTF-8 text.",
        ),
    }
    summary = prepare(listing, tmp_path, tmp_path / "out", **SETTINGS)
    attrition.write(listing, tmp_path / "out")
    assert summary.used == 2 and summary.reasons == {"bad_name": 2}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("a.wav,test,dog", "line 2: split 'test' is not one of train, val, eval: correct it"),
        ("a.wav,train", "line 2: the number of fields differs"),
        ("a.wav,train,dog,bell", "line 2: the number of fields differs"),
        ("../a.wav,train,dog", "line 2: path '../a.wav' does not name a file below"),
        ("/a.wav,train,dog", "line 2: path '/a.wav' does not name a file below"),
        (",train,dog", "line 2: path '' does not name a file below"),
        ("a.wav,train,", "has no labelled clips: add a list clips.csv, or folders train, val"),
    ],
)
def test_a_faulty_list_is_one_sentence(tmp_path, line, message):
    listed(record(tmp_path, "a.wav"), line)
    with pytest.raises(LayoutError, match=message):
        read("folder", tmp_path)


def test_a_list_without_a_column_or_in_another_encoding(tmp_path):
    listed(tmp_path, "a.wav,dog", header="path,labels")
    with pytest.raises(LayoutError, match="clips.csv has no column split: name the columns path"):
        read("folder", tmp_path)
    (tmp_path / "clips.csv").write_bytes(b"path,split,labels\ncaf\xe9.wav,train,dog\n")
    with pytest.raises(LayoutError, match="clips.csv is not a UTF-8 CSV file"):
        read("folder", tmp_path)


def test_faulty_vocabularies(tmp_path):
    listed(record(tmp_path, "a.wav"), "a.wav,train,dog")
    (tmp_path / "vocabulary.txt").write_text("dog\ndog\n")
    with pytest.raises(LayoutError, match="vocabulary.txt: label 'dog' names two classes: correct"):
        read("folder", tmp_path)
    (tmp_path / "vocabulary.txt").write_bytes(b"\xff\n")
    with pytest.raises(LayoutError, match="vocabulary.txt is not UTF-8 text"):
        read("folder", tmp_path)


def test_folders_of_another_split_are_named(tmp_path):
    record(tmp_path, "train/dog/a.wav", "test/dog/b.wav")
    with pytest.raises(LayoutError, match="test is not one of the splits train, val, eval: rename"):
        read("folder", tmp_path)


def test_nothing_at_all(tmp_path):
    with pytest.raises(LayoutError, match="has no labelled clips: add a list clips.csv"):
        read("folder", tmp_path)


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")


def test_one_file_under_two_names_is_one_clip(tmp_path):
    write(tmp_path, {"a.wav": "x", "sub/c.wav": "y"})
    (tmp_path / "b.wav").symlink_to("a.wav")
    os.link(tmp_path / "sub" / "c.wav", tmp_path / "d.wav")
    lines = ["a.wav,train,dog", "b.wav,eval,dog", "sub\\c.wav,train,dog", "d.wav,eval,dog"]
    write(tmp_path, {"clips.csv": "path,split,labels\n" + "\n".join(lines) + "\n"})
    listing = read("folder", tmp_path)
    assert list(listing.clips["path"]) == ["a.wav", "sub/c.wav"]
    assert list(listing.problems["reason"]) == ["duplicate_file"] * 2
    assert listing.problems["detail"][0] == "clips.csv, line 3: b.wav is listed already in line 2."


def test_a_link_from_one_split_into_another_is_no_second_clip(tmp_path):
    write(tmp_path, {"train/dog/a.wav": "x", "eval/dog/b.wav": "y"})
    (tmp_path / "train" / "dog" / "c.wav").symlink_to(tmp_path / "eval" / "dog" / "b.wav")
    listing = read("folder", tmp_path)
    assert list(listing.problems["reason"]) == ["duplicate_file"]
    assert listing.listed == 3


def test_what_systems_leave_behind_is_no_clip(tmp_path):
    litter = ("Thumbs.db", "train/dog/desktop.ini", "train/dog/@eaDir/a.wav/x", "@eaDir/dog/x")
    write(tmp_path, {"train/dog/a.wav": "x", **dict.fromkeys(litter, "")})
    assert list(read("folder", tmp_path).clips["path"]) == ["train/dog/a.wav"]


def test_labels_that_differ_only_in_spelling(tmp_path):
    write(tmp_path, {"train/dog/a.wav": "x", "train/Dog/b.wav": "y"})
    with pytest.raises(LayoutError, match="'Dog' and 'dog' differ only in spelling"):
        read("folder", tmp_path)


def test_a_column_given_twice(tmp_path):
    write(tmp_path, {"clips.csv": "path,split,labels,labels\na.wav,train,dog,cat\n", "a.wav": "x"})
    with pytest.raises(LayoutError, match="has two columns labels"):
        read("folder", tmp_path)


FIELD = st.text(st.sampled_from(list("ab/\\.~ ;,#'\"<>$`\0\t\nä%")), max_size=9) | st.text(
    max_size=9
)


@pytest.mark.fuzz
@settings(max_examples=examples(400))
@given(st.lists(st.tuples(FIELD, st.sampled_from(["train", "eval"]), FIELD, FIELD), max_size=4))
@example([("../secret.wav", "train", "a", "")])
@example([("a\0.wav", "train", "a", "\0")])
@example([("/etc/passwd", "train", "a", "../../x")])
def test_whatever_a_list_says_no_file_outside_is_read_and_every_line_counts(
    tmp_path_factory, lines
):
    """Random paths, labels and ids: refused in a sentence, or listed = used + rejected."""
    root = tmp_path_factory.mktemp("fuzz") / "corpus"
    root.mkdir()
    (root.parent / "secret.wav").write_text("x")
    with (root / "clips.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("path", "split", "labels", "clip_id"), *lines])
    try:
        listing = read("folder", root)
    except SonifyError as error:
        assert "\n" not in str(error)
        return
    assert listing.listed == len(lines) == len(listing.clips) + len(listing.problems)
    for path in listing.clips["path"]:
        assert (root / path).resolve().is_relative_to(root.resolve())
