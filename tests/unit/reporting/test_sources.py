"""What the reports read, and what they leave on disk."""

from pathlib import Path

import pytest

from sonify.reporting.accounting import USED_COLUMNS, clip_accounts
from sonify.reporting.sources import read_all, texts


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


def test_texts_are_known_by_folder_and_name(tmp_path):
    (tmp_path / "train").mkdir()
    (tmp_path / "train/a.tsv").write_text("s\n1\n")
    found = texts([tmp_path / "train/a.tsv", tmp_path / "train/gone.tsv"])
    assert found == {Path("train/a.tsv"): "s\n1\n"}
