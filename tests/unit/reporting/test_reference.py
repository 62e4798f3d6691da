"""The reference page says what the contracts say, and its queries run on tables that keep them."""

from pathlib import Path

import duckdb
import pandas as pd
import pytest

from sonify.contracts import tables
from sonify.reporting.reference import queries, reference

ROOT = Path(__file__).resolve().parents[3]


def test_the_committed_page_is_what_the_contracts_say():
    page = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
    assert page == reference(), "run: python -m sonify.reporting.reference > docs/results.md"
    for name in tables.names():
        assert f"\n### {name}\n" in page, f"{name} belongs to no stage"


@pytest.mark.parametrize("name", tables.names())
def test_every_query_reads_its_table(name, every_table, monkeypatch):
    monkeypatch.chdir(every_table)
    found = duckdb.sql(queries()[name])
    assert found.columns
    found.fetchall()


@pytest.fixture
def asked(tmp_path, monkeypatch):
    """What the query of a contract finds in a frame, by rows as dicts."""
    monkeypatch.chdir(tmp_path)

    def ask(name, frame):
        path = tables.contract(name).path.replace("<model>", "any")
        tables.write(frame, tmp_path / path, name)
        return duckdb.sql(queries()[name]).df().to_dict("records")

    return ask


def test_means_over_models_keep_runs_of_one_regime_apart(asked, coherence):
    table = coherence(layers=1)
    strided = table.assign(run="contrastive_strided", model=lambda t: "strided-" + t["model"])
    strided = strided.assign(coherence=0.1, regime="contrastive")
    found = asked("coherence", pd.concat([table, strided]))
    assert [row["run"] for row in found] == ["contrastive", "contrastive_strided", "supervised"]
    assert [row["coherence"] for row in found] == pytest.approx([0.855, 0.1, 0.855])
    assert [row["seeds"] for row in found] == [2, 2, 2]


def test_dead_filters_lower_no_mean(asked, sonifications):
    one = sonifications[sonifications["model"] == "contrastive-s0"].copy()
    dead = (one["layer"] == 4) & (one["filter"] > 0)
    one.loc[dead, ["peak", "scale_factor", "dead"]] = [0.0, 0.0, True]
    found = asked("sonifications", one)
    assert [row["scale_factor"] for row in found] == [1.0, 1.0]
    assert [row["dead"] for row in found] == [0.0, 0.75]


def test_falls_are_means_over_seeds(asked, removal):
    table = removal(layers=4)
    other = table.assign(rule="max", value=0.0)
    found = asked("removal", pd.concat([table, other]))
    assert len(found) == 4 * 4
    last = next(r for r in found if r["run"] == "fsd50k-supervised-full" and r["layer"] == 4)
    assert last["mAP_drop"] == pytest.approx(0.6 * 4 / 20) and last["seeds"] == 2
    assert last["baseline"] == pytest.approx(0.61) and last["sd"] == pytest.approx(0)


def test_layers_retained_have_the_metric_of_figure_4(asked, layer_importance):
    found = asked("layer_importance", layer_importance(layers=[1]))
    metrics = {(row["dataset"], row["metric"]) for row in found}
    assert metrics == {("fsd50k", "mAP"), ("speech_commands", "accuracy")}
    assert len(found) == 8 and all(row["seeds"] == 2 for row in found)


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
