"""Models are compared on a list of clips by the scores that are kept."""

import re

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from sonify.contracts import tables
from sonify.evaluation import subset
from sonify.runtime.errors import SonifyError

CLASSES = ["Bell", "Dog", "Rain"]
KEYS = {"dataset": "fsd50k", "split": "eval"}


@pytest.fixture
def results(tmp_path, rng):
    """Two models of two seeds, each with its own corpus of 30 clips; the ids are shared."""
    for seed in (0, 1):
        ids = [f"c{i:02d}" for i in range(30)]
        labels = [[c for c in CLASSES if rng.random() < 0.4] for _ in ids]
        data = tmp_path / "data" / f"fsd50k-s{seed}"
        manifest = pd.DataFrame({**KEYS, "clip_id": ids, "labels": labels}).assign(
            corpus=data.name, path="x", source_rate=1, source_samples=1, channels=1, n_samples=1,
            gain=1.0, digest=[f"{i:016d}" for i in range(30)], part="eval/part-00000.parquet",
            source_url="", uploader="", licence="",
        )  # fmt: skip
        tables.write(manifest, data / "manifest.parquet", "manifest")
        classes = pd.DataFrame({"dataset": "fsd50k", "index": range(3), "label": CLASSES})
        tables.write(classes.assign(mid=""), data / "vocabulary.parquet", "vocabulary")
        model = {"model": f"m-s{seed}", "run": "m", "regime": "supervised", "finetune": "none"}
        scores = pd.DataFrame(
            {**KEYS, **model, "architecture": "cnn12", "seed": seed, "clip_id": ids}
        )
        scores["class_scores"] = list(rng.normal(size=(30, 3)).astype(np.float32))
        tables.write(scores, tmp_path / "evaluation" / "scores" / f"m-s{seed}.parquet", "scores")
    return tmp_path


def test_the_metrics_are_those_of_the_listed_clips(results):
    ids = [f"c{i:02d}" for i in range(0, 30, 2)]
    got = subset.subset(results, [*ids, "gone"])
    assert got["model"].tolist() == ["m-s0", "m-s1"]
    assert got["clips"].tolist() == [15, 15] and got["absent"].tolist() == [1, 1]
    for seed, row in enumerate(got.itertuples()):
        data = results / "data" / f"fsd50k-s{seed}"
        labels = tables.read(data / "manifest.parquet", "manifest").set_index("clip_id")["labels"]
        scores = tables.read(
            results / "evaluation" / "scores" / f"m-s{seed}.parquet", "scores"
        ).set_index("clip_id")["class_scores"]
        y = np.array([[c in labels[i] for c in CLASSES] for i in ids])
        s = np.stack([scores[i] for i in ids])
        assert row.mAP == pytest.approx(average_precision_score(y, s, average="macro"))
        assert row.mAUC == pytest.approx(roc_auc_score(y, s, average="macro"))
    assert len(set(got["fingerprint"])) == 2, "the corpora have other labels"


def test_all_clips_give_the_published_number_and_none_an_empty_one(results):
    everything = subset.subset(results, [f"c{i:02d}" for i in range(30)])
    assert everything["absent"].tolist() == [0, 0]
    with pytest.raises(SonifyError, match="no model has scores .* 1 clip listed, such as 'gone'"):
        subset.subset(results, ["gone"])
    with pytest.raises(SonifyError, match="has no scores: make run ARGS=evaluation"):
        subset.subset(results / "empty", ["c00"])


def test_a_corpus_that_all_seeds_share_is_found(results):
    (results / "data" / "fsd50k-s0").rename(results / "data" / "fsd50k")
    for file in (results / "data" / "fsd50k-s1").iterdir():
        file.unlink()
    (results / "data" / "fsd50k-s1").rmdir()
    got = subset.subset(results, [f"c{i:02d}" for i in range(30)])
    assert got["clips"].tolist() == [30, 30]
    assert len(set(got["fingerprint"])) == 1, "the same clips with the same labels"


def test_the_command_prints_a_line_for_each_model_with_four_decimals(
    results, tmp_path, monkeypatch, capsys
):
    listed = tmp_path / "ids.txt"
    listed.write_text("".join(f"c{i:02d}\n" for i in range(20)))
    monkeypatch.setattr("sys.argv", ["subset", str(listed), "--results", str(results)])
    subset.main()
    header, *lines = capsys.readouterr().out.splitlines()
    assert header.split(",") == subset.COLUMNS
    made = subset.subset(results, subset.read_ids(listed))
    assert [line.split(",") for line in lines] == [
        [row.model, "fsd50k", "eval", "20", "0"]
        + [f"{value:.4f}" for value in (row.mAP, row.mAUC, row.d_prime)]
        + [row.fingerprint]
        for row in made.itertuples()
    ]


@pytest.mark.parametrize(
    ("name", "text", "ids"),
    [
        ("ids.txt", "a\r\n b \n\n", ["a", "b"]),
        ("ids.txt", '\ufefffarm/dog, barking\nfarm/"b"\n', ["farm/dog, barking", 'farm/"b"']),
        ("ids.csv", 'label, clip_id\nDog,a\nx,"farm/dog, barking"\n', ["a", "farm/dog, barking"]),
        ("ids.CSV", "split,clip_id\neval,a\neval,b\n", ["a", "b"]),
        ("ids.csv", "\n,\nsplit,clip_id\neval,a\n", ["a"]),
        ("ids", 'clip_id\na\n"b, c"\n', ["a", "b, c"]),
        ("ids.tsv", "clip_id\tx\na\t1\nfarm/dog, barking\t2\n", ["a", "farm/dog, barking"]),
        ("ids.TSV", '\ufeffx\tclip_id\r\n1\t"a\tb"\r\n\r\n\t\r\n2\tc\r\n', ["a\tb", "c"]),
        ("ids.csv", '\ufeff"clip_id";"x"\r\na;1,5\r\n"b;c";2\r\n;\r\n', ["a", "b;c"]),
        ("ids.txt", "x;clip_id\n1;a\n", ["a"]),
        ("ids.txt", '"a\nb\n' + 20_000 * "c, c" + "\n", ['"a', "b", 20_000 * "c, c"]),
    ],
)
def test_lists_have_one_id_a_line_and_tables_a_column(tmp_path, name, text, ids):
    (tmp_path / name).write_text(text, encoding="utf-8", newline="")
    assert subset.read_ids(tmp_path / name) == ids


@pytest.mark.parametrize("text", ["fname,labels\na,Dog\n", "fname\na\n", "a\nb\n", "clip_id|x\n"])
@pytest.mark.parametrize("name", ["ids.csv", "ids.tsv", "ids.TSV"])
def test_a_table_without_the_column_of_ids_is_refused_as_its_heading_is_no_clip(
    tmp_path, name, text
):
    (tmp_path / name).write_text(text)
    first = re.escape(repr(text.splitlines()[0]))
    with pytest.raises(
        SonifyError,
        match=rf"{name} has no column clip_id, its first line is {first}: head .*\.txt file$",
    ):
        subset.read_ids(tmp_path / name)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (
            "clip_id\na\nfarm/dog, barking\n",
            "line 3: the number of fields differs from that of the first line: put quotes around "
            "fields that contain commas",
        ),
        (
            "\nclip_id;x\na\n",
            "line 3: the number of fields differs from that of the first line: put quotes around "
            "fields that contain semicolons",
        ),
        ("x\tclip_id\n1\ta\n2\t \n", "line 3: there is no clip_id: add it"),
        (
            'clip_id\na\n"b\nc\nd\n',
            "line 3: a quotation mark there is not closed, so that 3 lines are one: add or remove "
            "it",
        ),
        (
            'clip_id\n"a' + "\nbb" * 70_000,
            "is no table (field larger than field limit (131072)): save it as a CSV file",
        ),
    ],
)
def test_no_row_of_a_table_is_left_out_or_cut(tmp_path, text, why):
    file = tmp_path / "ids.csv"
    file.write_text(text)
    with pytest.raises(SonifyError) as refused:
        subset.read_ids(file)
    assert str(refused.value) == f"{file}{', ' if why.startswith('line') else ' '}{why}"


def test_a_list_that_is_not_there_is_named_with_what_to_write(tmp_path):
    for name in ("gone.txt", "."):
        with pytest.raises(SonifyError, match=r"there is no list .*: name a file .* IDS=ids\.txt$"):
            subset.read_ids(tmp_path / name)


def test_a_list_in_another_encoding_is_named(tmp_path):
    (tmp_path / "ids.txt").write_text("caf\u00e9\n", encoding="utf-16")
    with pytest.raises(SonifyError, match="ids.txt is not UTF-8 text .* at byte 0.: save it"):
        subset.read_ids(tmp_path / "ids.txt")


@pytest.mark.parametrize(("text", "why"), [("a\na\n", "has 'a' twice"), ("\n", "has no clip ids")])
def test_lists_that_say_too_much_or_nothing(tmp_path, text, why):
    (tmp_path / "ids").write_text(text)
    with pytest.raises(SonifyError, match=f"ids {why}: list each clip once"):
        subset.read_ids(tmp_path / "ids")
