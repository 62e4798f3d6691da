"""The readers against corpora of a few files, written here in each public layout."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from sonify.data.corpora import audioset, fsd50k, listed_rows, roots, speech_commands
from sonify.data.corpora.listing import Listing
from sonify.data.corpora.lists import LayoutError
from sonify.data.corpora.registry import DATASETS, read
from sonify.data.corpora.roots import SYNTHESISED, names_hash


def write(root: Path, files: dict[str, str]) -> Path:
    """Write each text to its path below `root`."""
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    return root


@pytest.fixture
def fsd(tmp_path: Path) -> Path:
    """An FSD50K root of three classes and five clips; readers look at names only."""
    truth = "FSD50K.ground_truth"
    return write(
        tmp_path,
        {
            f"{truth}/vocabulary.csv": "0,Bell,/m/0395lw\n1,Dog,/m/0bt9lr\n"
            "2,Electric_guitar,/m/02sgy\n",
            f"{truth}/dev.csv": "fname,labels,mids,split\n"
            '10,"Dog,Bell","/m/0bt9lr,/m/0395lw",train\n'
            "11,Dog,/m/0bt9lr,val\n9,Bell,/m/0395lw,train\n",
            f"{truth}/eval.csv": "fname,labels,mids\n20,Bell,/m/0395lw\n21,Dog,/m/0bt9lr\n",
            **{f"FSD50K.dev_audio/{i}.wav": "" for i in (9, 10, 11)},
            **{f"FSD50K.eval_audio/{i}.wav": "" for i in (20, 21)},
        },
    )


SEGMENTS = """# Segments csv created Sun Mar  5 10:54:31 2017
# num_ytids=1, num_segs=1, num_unique_labels=1, num_positive_labels=1
# YTID, start_seconds, end_seconds, positive_labels
"""


@pytest.fixture
def yt(tmp_path: Path) -> Path:
    """An AudioSet root with one segment in each list and no audio."""
    return write(
        tmp_path,
        {
            "class_labels_indices.csv": 'index,mid,display_name\n0,/m/09x0r,"Speech"\n'
            '1,/m/07pbtc8,"Walk, footsteps"\n',
            "balanced_train_segments.csv": SEGMENTS
            + '-0RWZT-miFs, 420.000, 430.000, "/m/07pbtc8,/m/09x0r"\n',
            "unbalanced_train_segments.csv": SEGMENTS + '_a_b_c_d_e_, 30.500, 40.500, "/m/09x0r"\n',
            "eval_segments.csv": SEGMENTS + 'AbCdEfGhIjK, 0.000, 10.000, "/m/09x0r"\n',
        },
    )


@pytest.fixture
def words(tmp_path: Path) -> Path:
    """A Speech Commands root of two words."""
    names = ("yes/a_nohash_0", "yes/b_nohash_0", "no/a_nohash_0", "no/b_nohash_1")
    return write(
        tmp_path,
        {
            **{f"{name}.wav": "" for name in names},
            "_background_noise_/running_tap.wav": "",
            "validation_list.txt": "yes/b_nohash_0.wav\n",
            "testing_list.txt": "no/a_nohash_0.wav\n",
        },
    )


def paths(listing: Listing) -> dict[str, str]:
    """clip_id -> path."""
    return dict(zip(listing.clips["clip_id"], listing.clips["path"], strict=True))


def reasons(listing: Listing) -> dict[str, str]:
    """clip_id -> reason."""
    return dict(zip(listing.problems["clip_id"], listing.problems["reason"], strict=True))


def test_fsd50k(fsd):
    listing = fsd50k.read(fsd)
    assert list(listing.vocabulary["label"]) == ["Bell", "Dog", "Electric_guitar"]  # class 0 kept
    assert list(listing.vocabulary["mid"]) == ["/m/0395lw", "/m/0bt9lr", "/m/02sgy"]
    rows = [tuple(row) for row in listing.clips.itertuples(index=False)]
    assert rows[0][:4] == ("train", "10", ["Bell", "Dog"], "FSD50K.dev_audio/10.wav")
    assert {row[4:] for row in rows} == {("", "", "")}  # there are no metadata
    assert [row[:2] for row in rows[1:]] == [
        ("val", "11"), ("train", "9"), ("eval", "20"), ("eval", "21"),
    ]  # fmt: skip
    assert listing.listed == 5 and listing.problems.empty


def test_fsd50k_problems(fsd):
    with (fsd / fsd50k.DEV).open("a") as file:
        file.write(
            "12,Cat,/m/01yrx,train\n13,,,train\n14,Dog,/m/0bt9lr,val\n10,Dog,/m/0bt9lr,val\n"
        )
    listing = fsd50k.read(fsd)
    assert reasons(listing) == {
        "12": "unknown_label", "13": "no_label", "14": "missing_file", "10": "duplicate_id",
    }  # fmt: skip
    details = " ".join(listing.problems["detail"])
    assert "dev.csv, line 5: label 'Cat' is not in FSD50K.ground_truth/vocabulary.csv." in details
    assert "FSD50K.dev_audio/14.wav" in details
    assert "line 8: id '10' is listed already in FSD50K.ground_truth/dev.csv, line 2." in details
    assert listing.listed == len(listing.clips) + len(listing.problems) == 9


def test_an_id_in_two_splits_is_used_once(fsd):
    with (fsd / fsd50k.EVAL).open("a") as file:
        file.write("10,Dog,/m/0bt9lr\n")
    listing = fsd50k.read(fsd)
    assert reasons(listing) == {"10": "duplicate_id"}
    assert listing.clips["clip_id"].is_unique


def test_fsd50k_provenance(fsd):
    zero = "http://creativecommons.org/publicdomain/zero/1.0/"
    ann = {"title": "t", "description": "d", "tags": ["x"], "license": zero, "uploader": "ann"}
    write(fsd, {"FSD50K.metadata/dev_clips_info_FSD50K.json": json.dumps({"10": ann})})
    clips = fsd50k.read(fsd).clips.set_index("clip_id")
    columns = ["source_url", "uploader", "licence"]
    assert clips.loc["10", columns].tolist() == ["https://freesound.org/s/10/", "ann", zero]
    assert clips.loc["9", columns].tolist() == clips.loc["20", columns].tolist() == ["", "", ""]
    write(fsd, {SYNTHESISED: "made here"})  # its ids are nobody's recordings
    assert fsd50k.read(fsd).clips.set_index("clip_id").loc["10", columns].tolist()[0] == ""


@pytest.mark.parametrize("text", ["{", "[]", '{"10": {"license": "x"}}', '{"10": 3}', "\xff"])
def test_fsd50k_malformed_metadata(fsd, text):
    path = fsd / "FSD50K.metadata" / "eval_clips_info_FSD50K.json"
    write(fsd, {str(path.relative_to(fsd)): ""})
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(LayoutError, match=r"eval_clips_info_FSD50K.json is not the published JSON"):
        fsd50k.read(fsd)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        (fsd50k.DEV, "10,Dog,/m/0bt9lr,train\n", "dev.csv begins with '10,Dog"),
        (fsd50k.DEV, "fname,labels,mids,split\n10,Dog,x,test\n", "line 2: split 'test'"),
        (fsd50k.DEV, "fname,labels,mids,split\n10,Dog\n", "line 2: 2 fields where 4"),
        (fsd50k.VOCABULARY, "index,label,mid\n0,Bell,x\n", "class index 'index'"),
        (fsd50k.VOCABULARY, "0,Bell,x\n2,Dog,y\n", "indices of its 2 classes"),
        (fsd50k.VOCABULARY, "0,Bell,x\n1,Bell,y\n", "label 'Bell' names two"),
        (fsd50k.VOCABULARY, "", "indices of its 0 classes"),
    ],
)
def test_fsd50k_malformed(fsd, name, text, message):
    (fsd / name).write_text(text)
    with pytest.raises(LayoutError, match=message):
        fsd50k.read(fsd)


def test_not_utf8(fsd):
    (fsd / fsd50k.EVAL).write_bytes(b"fname,labels,mids\n20,\xff\xfe,x\n")
    with pytest.raises(LayoutError, match=r"eval\.csv is not a UTF-8 CSV file"):
        fsd50k.read(fsd)


@pytest.mark.parametrize(
    "name",
    [
        "Y-0RWZT-miFs.wav",
        "-0RWZT-miFs.wav",
        "-0RWZT-miFs.flac",
        "-0RWZT-miFs_420.000.wav",
        "-0RWZT-miFs_420.wav",
        "-0RWZT-miFs_420000.ogg",
        "Y-0RWZT-miFs_420.000_430.000.wav",
        "-0RWZT-miFs_420.000_430.000.WAV",
        "-0RWZT-miFs_420_430.mp3",
        "-0RWZT-miFs_420000_430000.wav",
        "-0RWZT-miFs_420.0-430.0.wav",
        "-0RWZT-miFs_420.0_430.0.oga",
        "Y-0RWZT-miFs_420.00-430.00.wma",
        "-0RWZT-miFs_420-430.mka",
    ],
)
@pytest.mark.parametrize("folder", ["", "audio/", "a/b/"])
def test_audioset_names(yt, name, folder):
    write(yt, {folder + name: ""})
    assert paths(audioset.read(yt)) == {"-0RWZT-miFs": folder + name}


def test_audioset(yt):
    write(yt, {"x/-0RWZT-miFs.wav": "", "x/Y_a_b_c_d_e__30.500.wav": "", "AbCdEfGhIjK_0.wav": ""})
    listing = audioset.read(yt)
    assert list(listing.vocabulary["label"]) == ["Speech", "Walk, footsteps"]
    assert list(listing.clips["split"]) == list(DATASETS["audioset"].splits)
    assert listing.clips["labels"][0] == ["Speech", "Walk, footsteps"]  # in vocabulary order
    assert len(paths(listing)) == 3
    assert list(listing.clips["source_url"])[:2] == [
        "https://www.youtube.com/watch?v=-0RWZT-miFs&t=420s",
        "https://www.youtube.com/watch?v=_a_b_c_d_e_&t=30s",
    ]
    assert set(listing.clips["licence"]) == {""}
    write(yt, {SYNTHESISED: "made here"})
    assert set(audioset.read(yt).clips["source_url"]) == {""}


@pytest.mark.parametrize(
    "name",
    [
        "YABCDEFGHIJK.wav",  # ids differ in case alone
        "AbCdEfGhIjK.txt",
        "AbCdEfGhIjK_10.wav",  # another segment of the video
        ".AbCdEfGhIjK.wav",
        "eval_stems/YAbCdEfGhIjK.wav",
        "audio/eval_stems/AbCdEfGhIjK/YAbCdEfGhIjK.wav",
        ".trash/YAbCdEfGhIjK.wav",
    ],
)
def test_audioset_takes_no_other_file(yt, name):
    write(yt, {name: ""})
    listing = audioset.read(yt)
    assert listing.clips.empty
    assert reasons(listing)["AbCdEfGhIjK"] == "missing_file"
    assert "eval_segments.csv, line 4" in listing.problems["detail"].iloc[-1]


def test_audioset_prefers_the_segment_then_the_readable_format(yt):
    write(yt, {"YAbCdEfGhIjK.wav": "", "b/AbCdEfGhIjK_0.m4a": "", "c/AbCdEfGhIjK_0.flac": ""})
    assert paths(audioset.read(yt)) == {"AbCdEfGhIjK": "c/AbCdEfGhIjK_0.flac"}


def test_audioset_follows_linked_folders_once(yt, tmp_path_factory):
    store = write(tmp_path_factory.mktemp("store"), {"YAbCdEfGhIjK.wav": ""})
    (yt / "audio").symlink_to(store)
    (store / "loop").symlink_to(yt)
    assert paths(audioset.read(yt)) == {"AbCdEfGhIjK": "audio/YAbCdEfGhIjK.wav"}


def test_audioset_problems(yt):
    write(yt, {"AbCdEfGhIjK.wav": "", "abcdefghijk.wav": "", "unknown____.wav": ""})
    with (yt / "eval_segments.csv").open("a") as file:
        file.write('abcdefghijk, 0.000, 10.000, "/m/09x0r"\n')  # another id, not a duplicate
        file.write('unknown____, 0.000, 10.000, "/m/09x0r,/m/nothing"\n')
        file.write('AbCdEfGhIjK, 0.000, 10.000, "/m/09x0r"\n')
    listing = audioset.read(yt)
    assert set(paths(listing)) == {"AbCdEfGhIjK", "abcdefghijk"}
    assert reasons(listing)["unknown____"] == "unknown_label"
    assert reasons(listing)["AbCdEfGhIjK"] == "duplicate_id"
    assert "'/m/nothing' is not in class_labels_indices.csv" in " ".join(listing.problems["detail"])


@pytest.mark.parametrize("first", [True, False])
def test_lines_that_a_spreadsheet_spoilt_are_counted(yt, first):
    good = 'AbCdEfGhIjK, 0.000, 10.000, "/m/09x0r"\n'
    bad = "".join(f'{word},0.000,10.000,"/m/09x0r"\n' for word in ("#NAME?", "#NAME?", "#N/A"))
    write(
        yt,
        {
            "AbCdEfGhIjK.wav": "",
            "eval_segments.csv": SEGMENTS + (bad + good if first else good + bad),
        },
    )
    listing = audioset.read(yt)
    rows = listing.problems[listing.problems["split"] == "eval"]
    assert list(rows["reason"]) == ["bad_id"] * 3
    line = 4 if first else 5
    assert (
        rows["detail"].iloc[0].startswith(f"eval_segments.csv, line {line}: #NAME? is what a spr")
    )
    assert list(listing.clips["clip_id"]) == ["AbCdEfGhIjK"]
    assert listing.listed == len(listing.clips) + len(listing.problems) == 2 + 4


def test_ids_and_labels_that_begin_with_a_number_sign_are_no_comments(fsd):
    write(fsd, {fsd50k.EVAL: "fname,labels,mids\n#REF!,Bell,/m/0395lw\n20,Bell,/m/0395lw\n"})
    listing = fsd50k.read(fsd)
    assert reasons(listing)["#REF!"] == "bad_id" and "20" in set(listing.clips["clip_id"])


def test_a_quotation_mark_that_swallows_lines_is_named(fsd):
    write(fsd, {fsd50k.EVAL: 'fname,labels,mids\n20,"Bell,x\n21,Dog",y\n22,Dog,y\n'})
    with pytest.raises(LayoutError, match=r"eval\.csv, line 2: a quotation mark there is not clo"):
        fsd50k.read(fsd)


@pytest.mark.parametrize("start", ["soon", "inf", "nan"])
def test_audioset_malformed_time(yt, start):
    write(yt, {"eval_segments.csv": SEGMENTS + f'AbCdEfGhIjK, {start}, 10.000, "/m/09x0r"\n'})
    with pytest.raises(LayoutError, match=f"eval_segments.csv, line 4: segment from '{start}'"):
        audioset.read(yt)


def test_speech_commands(words):
    listing = speech_commands.read(words)
    assert list(listing.vocabulary["label"]) == ["no", "yes"]
    assert set(listing.clips["licence"]) == {"https://creativecommons.org/licenses/by/4.0/"}
    assert [tuple(row)[:4] for row in listing.clips.itertuples(index=False)] == [
        ("train", "no/b_nohash_1", ["no"], "no/b_nohash_1.wav"),
        ("train", "yes/a_nohash_0", ["yes"], "yes/a_nohash_0.wav"),
        ("val", "yes/b_nohash_0", ["yes"], "yes/b_nohash_0.wav"),
        ("test", "no/a_nohash_0", ["no"], "no/a_nohash_0.wav"),
    ]


def test_speech_commands_problems(words):
    with (words / "testing_list.txt").open("a") as file:
        file.write("./yes/gone.wav\n\nmaybe/x.wav\nyes/b_nohash_0.wav\n")
    listing = speech_commands.read(words)
    assert reasons(listing) == {
        "yes/gone": "missing_file", "maybe/x": "unknown_label", "yes/b_nohash_0": "duplicate_id",
    }  # fmt: skip
    assert listing.listed == 7


@pytest.mark.parametrize(
    "line",
    [
        r"yes\a_nohash_0.wav",
        r".\yes\a_nohash_0.wav",
        "Yes/A_nohash_0.WAV",
        "/data/speech_commands_v0.02/yes/a_nohash_0.wav",
        "yes//a_nohash_0.wav",
        '"yes/a_nohash_0.wav",,',
        "yes/a_nohash_0.flac",
    ],
)
@pytest.mark.parametrize("file", ["testing_list.txt", "validation_list.txt"])
def test_a_line_spelt_otherwise_moves_no_file_to_training(tmp_path, file, line):
    lists = {"testing_list.txt": "", "validation_list.txt": "", file: line + "\n"}
    write(tmp_path, {"yes/a_nohash_0.wav": "", "yes/b_nohash_0.wav": "", **lists})
    listing = speech_commands.read(tmp_path)
    splits = dict(zip(listing.clips["clip_id"], listing.clips["split"], strict=True))
    held_out = "test" if file == "testing_list.txt" else "val"
    assert splits == {"yes/a_nohash_0": held_out, "yes/b_nohash_0": "train"}
    assert listing.listed == 2 and listing.problems.empty


def test_accents_in_either_encoding(tmp_path):
    write(tmp_path, {"ja/cafe\u0301_nohash_0.wav": "", "ja/b_nohash_0.wav": ""})
    write(tmp_path, {"testing_list.txt": "ja/caf\u00e9_nohash_0.wav\n", "validation_list.txt": ""})
    listing = speech_commands.read(tmp_path)
    assert sorted(listing.clips["split"]) == ["test", "train"]


def test_a_line_that_could_be_either_of_two_files(words):
    write(words, {"yes/X_nohash_0.wav": "", "yes/x_nohash_0.wav": ""})
    write(words, {"testing_list.txt": "YES/x_nohash_0.wav\n"})
    message = "testing_list.txt, line 1: YES/x_nohash_0.wav could be yes/X_nohash_0.wav or yes/x_n"
    with pytest.raises(LayoutError, match=message):
        speech_commands.read(words)


def test_words_that_differ_only_in_spelling(words):
    write(words, {"Yes/z_nohash_0.wav": ""})
    with pytest.raises(LayoutError, match="the labels 'Yes' and 'yes' differ only in spelling"):
        speech_commands.read(words)


def test_words_in_another_format_are_clips(words):
    write(words, {"yes/z_nohash_0.flac": ""})
    assert paths(speech_commands.read(words))["yes/z_nohash_0"] == "yes/z_nohash_0.flac"


def test_speech_commands_without_words(tmp_path):
    write(tmp_path, {"validation_list.txt": "", "testing_list.txt": ""})
    with pytest.raises(LayoutError, match="no word folders"):
        speech_commands.read(tmp_path)


def test_speech_commands_folders_without_words(words):
    write(words, {"notes/readme.txt": "", ".cache/x.wav": ""})
    (words / "empty").mkdir()
    assert list(speech_commands.read(words).vocabulary["label"]) == ["no", "yes"]


def test_speech_commands_words_beside_the_published_ones(words):
    assert len(speech_commands.WORDS) == 35
    write(words, {f"{word}/c_nohash_0.wav": "" for word in speech_commands.WORDS})
    assert len(speech_commands.read(words).vocabulary) == 35
    write(words, {"backup/c_nohash_0.wav": ""})
    with pytest.raises(LayoutError, match="beside the 35 published words, in backup: move"):
        speech_commands.read(words)


@pytest.mark.parametrize("extra", ["_silence_", "_unknown_"])
def test_speech_commands_of_12_classes(words, extra):
    write(words, {f"{extra}/x.wav": ""})
    with pytest.raises(LayoutError, match=f"has a folder {extra}, so it is the 12-class benchmark"):
        speech_commands.read(words)


def test_names_hash(tmp_path, monkeypatch):
    corpus = write(tmp_path / "a", {"b.wav": "12", "x/c.wav": "345"})
    first = names_hash(corpus)
    copy = shutil.copytree(corpus, tmp_path / "copy")
    assert names_hash(copy) == first  # the place does not count
    (copy / "gone.wav").symlink_to("nowhere")
    assert names_hash(copy) != first
    (corpus / "b.wav").write_text("123")
    second = names_hash(corpus)
    assert second != first
    (corpus / "b.wav").write_text("321")  # of the same length
    os.utime(corpus / "b.wav", (1, 1))
    assert names_hash(corpus) != second
    monkeypatch.setattr(roots, "SIZED_FILES", 1)
    large = names_hash(corpus)
    (corpus / "b.wav").write_text("1")
    assert names_hash(corpus) == large
    (corpus / "b.wav").rename(corpus / "d.wav")
    assert names_hash(corpus) != large


def test_names_hash_notices_changes_behind_links(tmp_path):
    store = write(tmp_path / "store", {"a.wav": "1", "deep/b.wav": "2"})
    corpus = write(tmp_path / "corpus", {"list.csv": ""})
    (corpus / "audio").symlink_to(store)
    (corpus / "single.wav").symlink_to(store / "a.wav")
    (store / "loop").symlink_to(corpus)
    seen = {names_hash(corpus)}
    (store / "a.wav").write_text("fixed")
    seen.add(names_hash(corpus))
    (store / "deep" / "b.wav").unlink()
    seen.add(names_hash(corpus))
    assert len(seen) == 3


@pytest.fixture
def placed(tmp_path: Path) -> Path:
    """Own recordings in a folder for each split and label."""
    return write(tmp_path, {"train/dog/a.wav": "", "eval/dog/deep/b.flac": ""})


@pytest.fixture
def listed(tmp_path: Path) -> Path:
    """Own recordings with a list, one of them of an unusual name."""
    lines = "path,split,labels\nx/a.wav,train,dog\nx/b.sph,eval,dog\nx\\c.wav,val,dog\n"
    return write(tmp_path, {"clips.csv": lines, **{f"x/{n}": "" for n in ("a.wav", "b.sph")}})


READ = {  # files that are read from a corpus, which the fixture has or lacks
    "fsd": [
        *("FSD50K.ground_truth/dev.csv", "FSD50K.dev_audio/9.wav", "FSD50K.eval_audio/33.wav"),
        *("FSD50K.metadata/eval_clips_info_FSD50K.json", SYNTHESISED),
    ],
    "yt": [
        *("class_labels_indices.csv", "eval_segments.csv", "a/b/AbCdEfGhIjK.WebM", SYNTHESISED),
        *("AbCdEfGhIjK.wav", "harvest/eval/0.parquet"),
    ],
    "words": [
        *("testing_list.txt", "yes/a_nohash_0.wav", "yes/new.FLAC", "up/a_nohash_0.wav"),
        SYNTHESISED,
    ],
    "placed": [
        *("vocabulary.txt", "train/dog/a.wav", "eval/dog/deep/b.flac", "val/cat/c.wav"),
        # Rejected, or an error, as is all that lies there: it must be noticed.
        *("train/dog/notes.pdf", "tset/dog/a.wav"),
    ],
    "listed": ["clips.csv", "vocabulary.txt", "x/a.wav", "x/b.sph", "x/c.wav"],
}
NOT_READ = {
    "fsd": [
        *("FSD50K.dev_audio/9.mp3", "FSD50K.dev_audio/more/9.wav", "9.wav", "clips.csv"),
        *("FSD50K.ground_truth/notes.csv", "FSD50K.metadata/pp_pnp_ratings_FSD50K.json"),
        *("FSD50K.doc/README.wav", "LICENSE.txt"),
    ],
    "yt": [
        *("eval_stems/AbCdEfGhIjK/0.wav", "my_segments.csv", "notes.txt", "clips.parquet"),
        *("harvest/eval/shards.json", "harvest/eval/.0.parquet", "harvest/test/0.parquet"),
    ],
    "words": [
        *("_background_noise_/running_tap.wav", "a.wav", "yes/more/a.wav", "yes/list.txt"),
        *("LICENSE.txt", "my_list.txt"),
    ],
    "placed": ["clips.txt", "other.csv", "a.wav", "sources.csv"],
    "listed": ["other.csv", "x/d.wav", "train/dog/a.wav", "stems/a/0.flac", "x/b.pdf", "d.wav"],
}
LAYOUTS = {"fsd": "fsd50k", "yt": "audioset", "words": "speech_commands"}
STRAY = ["README.txt", "notes.pdf", "notes.docx", ".DS_Store", "Thumbs.db", "desktop.ini"]
STRAY += [".hidden/b.wav", "@eaDir/b.wav/x.wav", "#recycle/b.wav", "._b.wav", ".nfs0000000001"]


@pytest.mark.parametrize("layout", READ)
def test_only_files_that_a_layout_reads_count(request, layout):
    """As changes of a corpus: those of other names and places do not."""
    root = request.getfixturevalue(layout)
    files = DATASETS[LAYOUTS.get(layout, "folder")].files
    seen = [names_hash(root, files)]
    for name in [*NOT_READ[layout], *STRAY]:
        write(root, {name: "not a clip"})
        assert names_hash(root, files) == seen[0], name
    for name in READ[layout]:
        there = (root / name).read_text() if (root / name).is_file() else ""
        write(root, {name: f"{there}\n"})
        seen.append(names_hash(root, files))
        assert seen.count(seen[-1]) == 1, f"{name} changed"
    for name in READ[layout]:
        if name != "clips.csv":  # without it all files below folders count
            (root / name).unlink()
            seen.append(names_hash(root, files))
            assert seen.count(seen[-1]) == 1, f"{name} removed"


def test_a_list_of_own_recordings_that_cannot_be_read_is_left_to_the_reader(listed):
    files = DATASETS["folder"].files
    (listed / "clips.csv").write_bytes(b"path,split,labels\nx/a.wav,train,\xff\n")
    assert len(names_hash(listed, files)) == 16
    (listed / "clips.csv").write_text(
        "path\n/etc/hosts\n../a.wav\n\n  \nx/a.wav\nx/a.wav\nno.wav\n"
    )
    assert [str(folder / name) for folder, name in files(listed)] == ["clips.csv", "x/a.wav"]


@pytest.mark.parametrize(
    ("dataset", "name"),
    [(d, name) for d in DATASETS for name in DATASETS[d].required],
)
def test_a_missing_file_is_named(request, dataset, name):
    root = request.getfixturevalue(
        {"audioset": "yt", "fsd50k": "fsd", "speech_commands": "words"}[dataset]
    )
    assert DATASETS[dataset].missing(root) == []
    (root / name).rename(root.parent / f"{root.name}-taken")
    assert DATASETS[dataset].missing(root) == [name]
    with pytest.raises(LayoutError, match=f"has no {name}: point data.{dataset}.path"):
        DATASETS[dataset].read(root)


def test_audioset_leaves_out_a_split_without_its_list(yt):
    write(yt, {"AbCdEfGhIjK.wav": "", "-0RWZT-miFs.wav": ""})
    (yt / "unbalanced_train_segments.csv").unlink()
    (yt / "balanced_train_segments.csv").unlink()
    listing = audioset.read(yt)
    assert listing.listed == 1 and list(listing.clips["split"]) == ["eval"]
    (yt / "eval_segments.csv").unlink()
    with pytest.raises(LayoutError, match="has no segment list: point data.audioset.path"):
        audioset.read(yt)


def test_labels_of_problems(fsd):
    with (fsd / fsd50k.DEV).open("a") as file:
        file.write('12,"Cat,Dog,Bell",/m/01yrx,train\n13,,,train\n14,Dog,/m/0bt9lr,val\n')
    listing = fsd50k.read(fsd)
    assert list(listing.problems["labels"]) == [["Bell", "Dog"], [], ["Dog"]]
    assert len(listing.problems) == 3


def test_unknown_dataset():
    with pytest.raises(
        ValueError, match="no dataset named 'esc50': choose one of audioset, fsd50k"
    ):
        read("esc50", Path())


def test_declarations_are_light():
    code = "import sys, sonify.data.corpora.registry; print(*sys.modules, sep=',')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"numpy", "pandas", "pyarrow", "soundfile"} & set(done.stdout.strip().split(","))


def test_a_table_is_the_same_however_many_rows_are_converted_at_once(yt, monkeypatch):
    lines = [f'id{i:02d}, 0.000, 10.000, "/m/09x0r,/m/07pbtc8"\n' for i in range(7)]
    (yt / "eval_segments.csv").write_text(SEGMENTS + "".join([*lines, *lines[:3]]))
    (yt / "audio").mkdir()
    for i in range(5):
        (yt / f"audio/Yid{i:02d}.wav").touch()
    whole = audioset.read(yt)
    assert len(whole.clips) == 5
    again = whole.problems[whole.problems["reason"] == "duplicate_id"]["detail"].tolist()
    assert again == [
        f"eval_segments.csv, line {11 + i}: id 'id{i:02d}' is listed already in "
        f"eval_segments.csv, line {4 + i}."
        for i in range(3)
    ]
    for at_once in (1, 2, 3, 5):
        monkeypatch.setattr(listed_rows.ListedRows, "AT_ONCE", at_once)
        found = audioset.read(yt)
        pd.testing.assert_frame_equal(found.clips, whole.clips)
        pd.testing.assert_frame_equal(found.problems, whole.problems)
        assert found.listed == whole.listed
