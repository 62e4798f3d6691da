"""What the reports read, and what they leave on disk."""

from pathlib import Path

import pandas as pd
import pytest

from sonify.contracts import tables
from sonify.reporting.accounting import USED_COLUMNS, clip_accounts
from sonify.reporting.sources import check_vocabularies, parts_of, read_all, texts


def test_some_columns_are_enough_for_the_accounts(tmp_path, attrition, manifest, rejected):
    manifest.to_parquet(tmp_path / "manifest.parquet", index=False)
    found = read_all([tmp_path / "manifest.parquet"], "manifest", columns=USED_COLUMNS)
    assert list(found) == USED_COLUMNS and len(found) == len(manifest)
    accounts = clip_accounts(attrition, found, rejected)
    assert accounts.equals(clip_accounts(attrition, manifest, rejected))


def test_a_file_without_such_a_column_is_named(tmp_path, manifest):
    manifest.drop(columns="n_samples").to_parquet(tmp_path / "manifest.parquet")
    with pytest.raises(ValueError, match=r"manifest\.parquet: .*n_samples.*: delete it and rerun"):
        read_all([tmp_path / "manifest.parquet"], "manifest", columns=USED_COLUMNS)


def test_a_clip_lies_where_its_manifest_says(manifest):
    data = [Path("results/data/audioset-s0"), Path("results/data/audioset-s1")]
    own = manifest.assign(corpus=["audioset-s0"] * 4 + ["audioset-s1"] * 2)
    found = [file.as_posix() for file in parts_of(own, data)]
    assert found == [
        "results/data/audioset-s0/eval/part-00000.parquet",
        "results/data/audioset-s0/eval/part-00001.parquet",
        "results/data/audioset-s1/eval/part-00001.parquet",
    ]
    twice = pd.concat([own, own[:1].assign(corpus="audioset-s1")])
    with pytest.raises(ValueError, match="have a clip clip0: change data.synthetic.audioset.seed"):
        parts_of(twice, data)


def test_corpora_of_a_dataset_have_one_vocabulary(tmp_path):
    def write(corpus, dataset, labels):
        rows = [(dataset, i, label, "") for i, label in enumerate(labels)]
        frame = pd.DataFrame(rows, columns=["dataset", "index", "label", "mid"])
        tables.write(frame, tmp_path / corpus / "vocabulary.parquet", "vocabulary")
        return tmp_path / corpus

    data = [write(f"speech_commands-s{seed}", "speech_commands", ["no", "yes"]) for seed in (0, 1)]
    data.append(write("fsd50k", "fsd50k", ["Bell"]))
    check_vocabularies(data)
    write("speech_commands-s1", "speech_commands", ["no", "up"])
    with pytest.raises(ValueError, match=r"commands-s0 and .*commands-s1 have different classes"):
        check_vocabularies(data)


def test_texts_are_known_by_folder_and_name(tmp_path):
    (tmp_path / "train").mkdir()
    (tmp_path / "train/a.tsv").write_text("s\n1\n")
    found = texts([tmp_path / "train/a.tsv", tmp_path / "train/gone.tsv"])
    assert found == {Path("train/a.tsv"): "s\n1\n"}
