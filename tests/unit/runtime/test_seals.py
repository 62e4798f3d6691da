"""What a result says about its making, and about its own bytes."""

import hashlib
import json

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load, save

from sonify.contracts import tables
from sonify.runtime import seals
from sonify.runtime.errors import SonifyError

ROWS = pd.DataFrame(
    {"dataset": "fsd50k", "index": range(40), "label": [f"l{i}" for i in range(40)], "mid": ""}
)


@pytest.fixture
def job(tmp_path, monkeypatch):
    """A job of the workflow in a folder of its own, with one input from elsewhere."""
    monkeypatch.chdir(tmp_path)
    lists = tmp_path / "elsewhere" / "dev.csv"
    lists.parent.mkdir()
    lists.write_text("a,b\n")
    task = {"rule": "prepare", "code": "c0de", "settings": {"settings": {"top": 3}}}
    task |= {"inputs": [str(lists)], "outputs": ["results/x.parquet", "results/page.html"]}
    monkeypatch.setenv(seals.VARIABLE, json.dumps(task))
    return task


def test_a_table_says_what_made_it_and_has_the_checksum_of_its_own_bytes(job, tmp_path):
    file = tmp_path / "results" / "x.parquet"
    tables.write(ROWS, file, "vocabulary")
    note = seals.read_note(file)
    digest = hashlib.sha256(b"a,b\n").hexdigest()[:16]
    assert note["made"] == {
        "rule": "prepare",
        "code": "c0de",
        "settings": {"settings": {"top": 3}},
        "inputs": {"dev.csv": digest},
    }
    content = file.read_bytes()
    assert str(tmp_path).encode() not in content
    assert content.count(note["seal"].encode()) == 1
    assert (
        hashlib.sha256(content.replace(note["seal"].encode(), b"0" * 64)).hexdigest()
        == (note["seal"])
    )
    assert seals.fault(file) is None and seals.seal(file) == note["seal"][:16]
    tables.write(ROWS, tmp_path / "again.parquet", "vocabulary")
    assert (tmp_path / "again.parquet").read_bytes() == content


def test_no_flipped_bit_of_a_table_or_of_weights_is_silent(job, tmp_path, rng):
    table, weights = tmp_path / "t.parquet", tmp_path / "w.safetensors"
    tables.write(ROWS, table, "vocabulary")
    state = {"a": torch.arange(300.0), "b": torch.ones(3)}
    weights.write_bytes(seals.seal_bytes(save(state, {seals.KEY: seals.note()})))
    assert torch.equal(load(weights.read_bytes())["a"], state["a"])
    assert seals.read_note(weights)["made"]["rule"] == "prepare"
    for file in (table, weights):
        content = np.frombuffer(file.read_bytes(), np.uint8)
        assert seals.fault(file) is None
        for at in rng.choice(8 * len(content), 500, replace=False):
            damaged = content.copy()
            damaged[at // 8] ^= 1 << at % 8
            file.write_bytes(damaged.tobytes())
            assert seals.fault(file) is not None, f"bit {at} of {file.name}"
            if file is table and at % 10 == 0:
                with pytest.raises(SonifyError, match=r"t\.parquet: .*delete it and rerun"):
                    tables.read(file, "vocabulary")


def test_a_file_cut_short_is_damaged(job, tmp_path):
    file = tmp_path / "t.parquet"
    tables.write(ROWS, file, "vocabulary")
    content = file.read_bytes()
    for n in (0, 5, 12, len(content) // 2, len(content) - 1):
        file.write_bytes(content[:n])
        assert seals.fault(file) is not None
    file.write_bytes(content[:9])
    assert seals.read_note(file) is None


def test_what_carries_no_note_has_a_receipt(job, tmp_path):
    page = tmp_path / "results" / "page.html"
    page.parent.mkdir()
    page.write_text("<p>")
    tables.write(ROWS, tmp_path / "results" / "x.parquet", "vocabulary")
    seals.write_receipts()
    receipts = tmp_path / "results" / "provenance" / "made"
    assert [f.name for f in receipts.iterdir()] == ["page.html.json"]
    note = seals.read_note(seals.Path("results/page.html"))
    assert note == {"seal": hashlib.sha256(b"<p>").hexdigest(), "made": seals.made()}


def test_the_digest_of_a_folder_is_that_of_names_and_contents(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name / "deep").mkdir(parents=True)
        (tmp_path / name / "deep" / "f").write_text("1")
    assert seals.content_digest(tmp_path / "a") == seals.content_digest(tmp_path / "b")
    (tmp_path / "b" / ".snakemake_timestamp").write_text("Snakemake's, when the job is done")
    assert seals.content_digest(tmp_path / "a") == seals.content_digest(tmp_path / "b")
    (tmp_path / "b" / "deep" / "f").rename(tmp_path / "b" / "deep" / "g")
    assert seals.content_digest(tmp_path / "a") != seals.content_digest(tmp_path / "b")


def test_an_input_is_known_by_what_it_says_itself(job, tmp_path):
    folder = tmp_path / "results" / "data" / "fsd50k" / "train"
    folder.mkdir(parents=True)
    assert seals.seal(folder) is None
    tables.write(ROWS, folder.parent / "manifest.parquet", "vocabulary")
    assert seals.seal(folder) == seals.seal(folder.parent / "manifest.parquet") is not None
    facts = {"run": "r", "sha256": {}}
    facts["sha256"]["model.json"] = seals.card_digest(facts)
    (tmp_path / "model.json").write_text(json.dumps(facts))
    assert seals.seal(tmp_path / "model.json") == facts["sha256"]["model.json"][:16]
    assert seals.card_fault(tmp_path / "model.json") is None
    (tmp_path / "model.json").write_text(json.dumps({**facts, "run": "other"}))
    assert seals.card_fault(tmp_path / "model.json") == "it is not as training wrote it"
    assert seals.seal(tmp_path / "absent.parquet") is None
