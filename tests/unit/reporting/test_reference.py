"""The reference page says what the contracts say, and its queries run on tables that keep them."""

from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sonify import tables
from sonify.reporting.reference import queries, reference

ROOT = Path(__file__).resolve().parents[3]
PLACES = {
    "<root of the corpus>": "corpora/audioset",
    "<dataset>": "fsd50k",
    "<split>": "eval",
    "<shard>": "shard",
    "<model>": "contrastive-s0",
    "<name>": "A2",
    "*": "00000",
}
VALUES = {"string": "x", "bool": False, "binary": b"\0\0", "list<string>": ["Speech"]}


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> Path:
    """A table of one row of every contract, where its path says."""
    root = tmp_path_factory.mktemp("root")
    for name in tables.names():
        contract = tables.contract(name)
        row = {
            column: VALUES.get(spec["type"], spec.get("minimum", 0))
            for column, spec in contract.columns.items()
        }
        path = contract.path
        for placeholder, value in PLACES.items():
            path = path.replace(placeholder, value)
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.Table.from_pylist([row], schema=contract.schema), file)
    return root


def test_the_committed_page_is_what_the_contracts_say():
    page = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
    assert page == reference(), "run: python -m sonify.reporting.reference > docs/results.md"
    for name in tables.names():
        assert f"\n### {name}\n" in page, f"{name} belongs to no stage"


@pytest.mark.parametrize("name", tables.names())
def test_every_query_reads_its_table(name, results, monkeypatch):
    monkeypatch.chdir(results)
    found = duckdb.sql(queries()[name])
    assert found.columns
    found.fetchall()


@pytest.fixture
def contracts(tmp_path, monkeypatch):
    """Contracts of one table, of things."""
    monkeypatch.setattr(tables, "SCHEMAS", tmp_path)
    (tmp_path / "columns.yaml").write_text(
        "thing: {type: string, description: a <thing> | b}\n"
        "size: {type: float64, minimum: 0, maximum: 1, unit: m, description: how large}\n"
        "age: {type: int32, minimum: 0, description: how old}\n"
    )
    file = tmp_path / "things.yaml"
    file.write_text(
        "description: All things.\npath: results/models/<model>/things.parquet\nkey: [thing]\n"
        "columns: [thing, size, age]\nnullable: [size]\nquery: |\n  SELECT 1\n"
    )
    return file


def test_a_contract_is_told_in_full(contracts):
    told = reference().partition("## Models\n")[2]
    assert told.split("\n\n## ")[0].strip().splitlines() == [
        "### things",
        "",
        "All things.",
        "",
        "`results/models/<model>/things.parquet`, one row for each `thing`.",
        "",
        "| column | type | unit | range | empty | meaning |",
        "| --- | --- | --- | --- | --- | --- |",
        "| `thing` | string |  |  |  | a &lt;thing> \\| b |",
        "| `size` | float64 | m | 0 to 1 | may be | how large |",
        "| `age` | int32 |  | ≥ 0 |  | how old |",
        "",
        "```sql",
        "SELECT 1",
        "```",
    ]


def test_a_contract_without_a_query_is_named(contracts):
    contracts.write_text(contracts.read_text().partition("query")[0])
    with pytest.raises(ValueError, match=r"things\.yaml has no query: add an example"):
        reference()
