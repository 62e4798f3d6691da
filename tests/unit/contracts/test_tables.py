import os
import resource
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from sonify.contracts import tables
from sonify.runtime.errors import SonifyError, one_sentence_errors

ROW = {"dataset": "fsd50k", "index": 0, "label": "Bell", "mid": "/m/0395lw"}


def frame(**changes) -> pd.DataFrame:
    return pd.DataFrame([ROW, {**ROW, "index": 1, "label": "Rain", **changes}])


def test_every_contract_describes_every_column():
    assert len(tables.names()) >= 10
    for name in tables.names():
        spec = tables.contract(name)
        assert spec.description and spec.path.startswith(("results/", "<root of the corpus>/"))
        assert set(spec.key) <= set(spec.columns) and spec.nullable <= set(spec.columns)
        for field in spec.schema:
            assert field.metadata[b"description"], f"{name}.{field.name}"


def test_rows_come_back_sorted_and_described(tmp_path):
    file = tmp_path / "deep" / "v.parquet"
    tables.write(frame().iloc[::-1], file, "vocabulary")
    assert tables.read(file, "vocabulary")["index"].tolist() == [0, 1]
    assert b"position of the class" in pq.read_schema(file).field("index").metadata[b"description"]
    assert list(file.parent.iterdir()) == [file], "no partial file is left"


def test_the_same_rows_give_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        tables.write(frame(), tmp_path / name, "vocabulary")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_large_table_has_groups_of_rows_and_its_lists_of_numbers_no_dictionary(
    tmp_path, monkeypatch
):
    keys = {"dataset": "d", "split": "eval", "model": "m-s0", "run": "m", "regime": "supervised"}
    keys |= {"finetune": "none", "architecture": "CNN12", "seed": 0}
    rows = [{**keys, "clip_id": f"{i:02d}", "class_scores": [float(i)] * 50} for i in range(40)]
    tables.write(pd.DataFrame(rows), tmp_path / "one", "scores")
    monkeypatch.setattr(tables, "_GROUP_BYTES", 3_000)
    tables.write(pd.DataFrame(rows).iloc[::-1], tmp_path / "several", "scores")
    one, several = (pq.read_metadata(tmp_path / name) for name in ("one", "several"))
    assert one.num_row_groups == 1 and 3 <= several.num_row_groups <= 8
    of = {
        group.column(i).path_in_schema: group.column(i)
        for group in [one.row_group(0)]
        for i in range(10)
    }
    assert not of["class_scores.list.element"].has_dictionary_page
    assert of["clip_id"].has_dictionary_page
    read = (tables.read(tmp_path / name, "scores") for name in ("one", "several"))
    pd.testing.assert_frame_equal(*read)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (frame(index=0), r"more than one row for {'index': 0}"),
        (frame(index=-1), "column index has -1, but its minimum is 0"),
        (frame(label=None), "table vocabulary: .*label.* had 1 null values"),
        (frame(label=3), "table vocabulary: .*label"),
        (frame().drop(columns="mid"), r"missing columns \['mid'\]"),
        (frame().assign(extra=1), r"unknown columns \['extra'\]"),
    ],
)
def test_what_breaks_the_contract_is_named(wrong, message):
    with pytest.raises(ValueError, match=message):
        tables.checked(wrong, "vocabulary")


def test_nan_is_refused_where_a_value_must_be():
    row = {"dataset": "d", "model": "m", "run": "r", "regime": "supervised", "finetune": "none"}
    row |= {"architecture": "CNN12", "seed": 0, "epoch": 1, "step": 1, "loss": float("nan")}
    row |= {"learning_rate": 0.1, "val_score": float("nan"), "chosen": True, "constant_loss": 3.4}
    with pytest.raises(ValueError, match="table history: .*loss.* null"):
        tables.checked(pd.DataFrame([row]), "history")


def test_unknown_contracts_and_broken_files_are_named(tmp_path):
    with pytest.raises(
        ValueError, match="no table contract named 'columns': choose one of attrition, c"
    ):
        tables.contract("columns")
    (tmp_path / "x.parquet").write_bytes(b"no")
    with pytest.raises(ValueError, match=r"x\.parquet: .*delete it and rerun the stage"):
        tables.read(tmp_path / "x.parquet", "vocabulary")


def test_parts_are_gathered_and_streamed_alike(tmp_path):
    tables.write(frame().iloc[:1], tmp_path / "1", "vocabulary")
    tables.write(frame().iloc[1:], tmp_path / "2", "vocabulary")
    tables.gather([tmp_path / "2", tmp_path / "1"], tmp_path / "all", "vocabulary")
    tables.write_parts([frame().iloc[:1], frame().iloc[1:]], tmp_path / "parts", "vocabulary")
    pd.testing.assert_frame_equal(
        tables.read(tmp_path / "all", "vocabulary"), tables.read(tmp_path / "parts", "vocabulary")
    )
    assert pq.ParquetFile(tmp_path / "parts").num_row_groups == 2


def test_a_large_table_is_read_a_few_rows_at_a_time(tmp_path):
    tables.write(frame(), tmp_path / "all", "vocabulary")
    one, other = tables.read_parts(tmp_path / "all", "vocabulary", rows=1)
    assert (one["label"].tolist(), other["label"].tolist()) == (["Bell"], ["Rain"])
    (tmp_path / "all").write_bytes(b"no")
    with pytest.raises(ValueError, match="all: .*delete it and rerun the stage"):
        next(tables.read_parts(tmp_path / "all", "vocabulary", rows=1))


def flipped(content: bytes, bit: int) -> bytes:
    return content[: bit // 8] + bytes([content[bit // 8] ^ 1 << bit % 8]) + content[bit // 8 + 1 :]


def pages_of(file) -> int:
    """Bytes of a Parquet file before its footer."""
    content = file.read_bytes()
    return len(content) - 8 - int.from_bytes(content[-8:-4], "little")


@pytest.mark.parametrize("how", ["read", "read_parts", "gathered"])
def test_a_flipped_bit_in_a_page_is_never_silent(tmp_path, rng, how):
    n = 300
    labels = [f"label {i}" for i in range(n)]
    whole = pd.DataFrame({**ROW, "index": range(n), "label": labels, "mid": ""})
    file, damaged = tmp_path / "whole.parquet", tmp_path / "damaged.parquet"
    tables.write(whole, file, "vocabulary")
    content = file.read_bytes()

    def read():
        if how == "read":
            return tables.read(damaged, "vocabulary")
        if how == "read_parts":
            return pd.concat(tables.read_parts(damaged, "vocabulary", 50), ignore_index=True)
        tables.gather([damaged], tmp_path / "all.parquet", "vocabulary")
        return tables.read(tmp_path / "all.parquet", "vocabulary")

    refused = 0
    for bit in rng.integers(4 * 8, 8 * pages_of(file), 300):
        damaged.write_bytes(flipped(content, int(bit)))
        try:
            pd.testing.assert_frame_equal(read(), whole, check_dtype=False)
        except SonifyError as error:
            refused += 1
            assert str(error).startswith(f"{damaged}: ") and "delete it and rerun" in str(error)
            assert "\n" not in str(error)
    assert refused > 250


def test_a_full_disk_leaves_the_table_of_before(tmp_path):
    """A limit on the size of files stands for the disk: the system refuses the write likewise."""
    file = tmp_path / "v.parquet"
    tables.write(frame(), file, "vocabulary")
    before, limits = file.read_bytes(), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, limits[1]))
    try:
        with pytest.raises(SystemExit) as caught, one_sentence_errors():
            tables.write(frame(label="Wind"), file, "vocabulary")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert str(caught.value).startswith(f"error: File too large: {file}: raise the limit")
    assert file.read_bytes() == before


def test_what_a_killed_process_has_left_is_removed_and_nothing_else(tmp_path):
    child = os.fork()
    if not child:
        os._exit(0)
    os.waitpid(child, 0)
    names = (
        f".t.parquet.{child}.partial",
        f".t.parquet.{os.getppid()}.partial",
        ".t.parquet.partial",
    )
    left, living, other = (tmp_path / name for name in names)
    (also := tmp_path / f".other.parquet.{child}.partial").touch()
    for file in (left, living, other):
        file.touch()
    tables.write(frame(), tmp_path / "t.parquet", "vocabulary")
    assert not left.exists() and living.exists() and other.exists() and also.exists()


def test_parts_of_a_folder_list_it_once_however_many_they_are(tmp_path, monkeypatch):
    """Thousands of parts would otherwise list thousands of files as often."""
    listed, glob = [], Path.glob
    monkeypatch.setattr(Path, "glob", lambda self, *how: listed.append(self) or glob(self, *how))
    for part in range(5):
        tables.write(frame(), tmp_path / f"{part}.parquet", "vocabulary")
    assert listed.count(tmp_path) == 1


def test_a_table_in_the_place_of_another_is_named(tmp_path):
    for name in ("a", "b"):
        tables.write(frame(), tmp_path / f"{name}.parquet", "vocabulary")
    parts = [tmp_path / "a.parquet", tmp_path / "b.parquet"]
    with pytest.raises(
        SonifyError, match=r"a\.parquet and .*b\.parquet both have the row {'index'"
    ):
        tables.gather(parts, tmp_path / "all.parquet", "vocabulary")


def test_a_file_that_is_not_there_is_not_called_damaged(tmp_path):
    with pytest.raises(FileNotFoundError):
        tables.read(tmp_path / "none.parquet", "vocabulary")
