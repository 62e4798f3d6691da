"""The database shows every table's rows, described, wherever it stands and is opened from."""

import os
import re
import shutil
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow.parquet as pq
import pytest

from sonify.contracts import tables
from sonify.reporting.database import files_of, write_database
from sonify.runtime.errors import SonifyError

ROOT = Path(__file__).resolve().parents[3]
VIEWS = [name for name in tables.names() if name != "harvest"]
UNITS = {"harvest": None, "clips": "data/*/*/part-*.parquet", "claims": "reporting/claims.parquet"}


@pytest.fixture(scope="module")
def database(every_table, tmp_path_factory) -> Path:
    """The database of results with a row of every table, in a folder with hostile characters."""
    folder = tmp_path_factory.mktemp("a=1 [it's] *") / "results"
    shutil.copytree(every_table / "results", folder)
    write_database(folder / "results.duckdb")
    return folder / "results.duckdb"


@pytest.fixture
def ask(tmp_path):
    """What a query finds in the database of given tables, by rows as dicts."""

    def asked(query, **frames):
        for name, frame in frames.items():
            path = files_of(tables.contract(name))
            tables.write(frame, tmp_path / "results" / path.replace("*", "any"), name)
        write_database(tmp_path / "results" / "results.duckdb")
        with duckdb.connect(tmp_path / "results" / "results.duckdb", read_only=True) as opened:
            return opened.sql(query).df().to_dict("records")

    return asked


def rows(file: Path, view: str) -> list[tuple]:
    with duckdb.connect(str(file), read_only=True) as opened:
        return opened.sql(f'FROM "{view}"').fetchall()


def test_every_table_of_the_results_is_a_view(database):
    with duckdb.connect(str(database), read_only=True) as opened:
        found = opened.sql("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall()
    assert sorted(name for (name,) in found) == VIEWS
    assert {name: files_of(tables.contract(name)) for name in UNITS} == UNITS


@pytest.mark.parametrize("name", VIEWS)
def test_a_view_has_the_rows_and_columns_of_its_files(name, database):
    """Asked of PyArrow: names in order, types, values; no column from a folder called a=1."""
    contract = tables.contract(name)
    (file,) = database.parent.glob(files_of(contract))
    with duckdb.connect(str(database), read_only=True) as opened:
        found = opened.sql(f'FROM "{name}"').to_arrow_table()
    expected = pq.read_table(file, partitioning=None)
    assert found.column_names == list(contract.columns)
    assert found.to_pylist() == expected.to_pylist()
    assert found.schema.types == expected.schema.types


@pytest.mark.parametrize("name", VIEWS)
def test_comments_tell_descriptions_keys_and_units(name, database):
    contract = tables.contract(name)
    with duckdb.connect(str(database), read_only=True) as opened:
        (about,) = opened.execute(
            "SELECT comment FROM duckdb_views() WHERE view_name = ? AND NOT internal", [name]
        ).fetchone()
        columns = dict(
            opened.execute(
                "SELECT column_name, comment FROM duckdb_columns()"
                " WHERE table_name = ? AND NOT internal",
                [name],
            ).fetchall()
        )
    assert about == f"{contract.description} One row for each {', '.join(contract.key)}."
    assert list(columns) == list(contract.columns)
    for column, spec in contract.columns.items():
        unit = f" [{spec['unit']}]" if "unit" in spec else ""
        assert columns[column] == spec["description"] + unit


@pytest.mark.parametrize("place", ["above", "beside", "below", "far"])
def test_it_is_opened_from_any_folder(place, database, monkeypatch):
    folder = database.parent
    monkeypatch.chdir(
        {"above": folder.parent, "beside": folder, "below": folder / "data", "far": "/"}[place]
    )
    file = Path(os.path.relpath(database))
    for name in ("table", "clips"):  # one file, and files found by a pattern
        assert len(rows(file, name)) == 1
        assert len(rows(database, name)) == 1


def test_it_moves_with_its_folder(database, tmp_path):
    moved = tmp_path / "elsewhere"
    shutil.copytree(database.parent, moved)
    frame = pd.read_parquet(moved / "reporting" / "claims.parquet")
    tables.write(frame.assign(verdict="moved"), moved / "reporting" / "claims.parquet", "claims")
    with duckdb.connect(str(moved / "results.duckdb")) as opened:  # for writing, too
        assert opened.sql("SELECT verdict FROM claims").fetchall() == [("moved",)]
    assert len(rows(moved / "results.duckdb", "clips")) == 1


def test_attached_it_reads_files_relative_to_the_working_directory(database, monkeypatch):
    monkeypatch.chdir(database.parent)
    with duckdb.connect() as other:
        other.execute("ATTACH 'results.duckdb' AS run (READ_ONLY)")
        assert len(other.sql("FROM run.clips").fetchall()) == 1


def test_two_results_at_a_time_are_refused_rather_than_mixed_up(database, tmp_path):
    shutil.copytree(database.parent, tmp_path / "other")
    other = tmp_path / "other" / "results.duckdb"
    with duckdb.connect(str(database), read_only=True) as opened:
        opened.execute(f"ATTACH '{other}' AS other (READ_ONLY)")
        with pytest.raises(duckdb.Error, match="open one at a time"):
            opened.sql("FROM other.claims").fetchall()


def test_all_files_of_a_table_are_one_view(tmp_path, sonifications):
    for model, rows_of in sonifications.groupby("model"):
        file = tmp_path / "sonification" / model / "sonifications.parquet"
        tables.write(rows_of, file, "sonifications")
    write_database(tmp_path / "results.duckdb")
    with duckdb.connect(str(tmp_path / "results.duckdb")) as opened:
        count = "SELECT model, count(*) FROM sonifications GROUP BY model ORDER BY model"
        assert opened.sql(count).fetchall() == [("contrastive-s0", 24), ("supervised-s0", 24)]


def test_a_table_without_files_is_empty_and_says_so(tmp_path):
    write_database(tmp_path / "results.duckdb")
    with duckdb.connect(str(tmp_path / "results.duckdb"), read_only=True) as opened:
        for name in VIEWS:
            found = opened.sql(f'FROM "{name}"').to_arrow_table()
            schema = tables.contract(name).schema
            assert (found.num_rows, found.schema.names) == (0, schema.names)
            assert found.schema.types == schema.types
        said = opened.sql("SELECT comment FROM duckdb_views() WHERE view_name = 'claims'")
        assert said.fetchall()[0][0].endswith("Empty: these results have no such file.")


def test_it_replaces_an_earlier_one_at_once_and_leaves_nothing_else(every_table, tmp_path):
    file = tmp_path / "results.duckdb"
    write_database(file)
    with duckdb.connect(str(file), read_only=True) as reader:
        shutil.copytree(every_table / "results" / "reporting", tmp_path / "reporting")
        write_database(file)
        assert reader.sql("FROM claims").fetchall() == [], "what is open stays as it was"
    assert len(rows(file, "claims")) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["reporting", "results.duckdb"]


def test_a_file_that_is_no_such_table_is_named(tmp_path):
    (tmp_path / "reporting").mkdir()
    pd.DataFrame({"a": [1]}).to_parquet(tmp_path / "reporting" / "claims.parquet")
    with pytest.raises(SonifyError, match=r"reporting/claims\.parquet: .*: delete what is not"):
        write_database(tmp_path / "results.duckdb")


def test_names_are_quoted(contracts_of_hostile_names, tmp_path):
    tables.write(pd.DataFrame({'a "b"': ["x"], "select": [1.0]}), tmp_path / "o.parquet", "it's \"")
    write_database(tmp_path / "results.duckdb")
    with duckdb.connect(str(tmp_path / "results.duckdb")) as opened:
        assert opened.sql('SELECT "a ""b""", "select" FROM "it\'s """').fetchall() == [("x", 1.0)]
        comments = opened.sql("SELECT comment FROM duckdb_columns() WHERE NOT internal").fetchall()
    assert comments == [("it's",), ("; DROP [m]",)]


@pytest.fixture
def contracts_of_hostile_names(tmp_path, monkeypatch):
    folder = tmp_path / "schemas"
    folder.mkdir()
    monkeypatch.setattr(tables, "SCHEMAS", folder)
    (folder / "columns.yaml").write_text(
        "'a \"b\"': {type: string, description: it's}\n"
        "select: {type: float64, unit: m, description: ; DROP}\n"
    )
    (folder / "it's \".yaml").write_text(
        "description: It's.\npath: results/o.parquet\nkey: ['a \"b\"']\n"
        "columns: ['a \"b\"', select]\n"
    )


# --- the three questions of the README -----------------------------------------------------------


@pytest.fixture(scope="module")
def questions() -> list[str]:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    return re.findall(r"```sql\n(.*?)```", readme, re.DOTALL)


def test_how_much_does_removal_lower_map(ask, removal, questions):
    """Layer l takes base · l / 20 away, of 0.3 to 0.6."""
    kept = removal()
    others = [kept.assign(rule="max", value=0.0), kept.assign(rescaled=True, value=0.0)]
    found = ask(questions[0], removal=pd.concat([kept, *others]))
    assert [row["layer"] for row in found] == list(range(1, 12))
    assert found[9] == {
        "layer": 10,
        "fsd50k-contrastive-fconly": 0.15,
        "fsd50k-contrastive-full": 0.25,
        "fsd50k-supervised-fconly": 0.2,
        "fsd50k-supervised-full": 0.3,
    }


def test_how_does_coherence_fall_with_depth(ask, coherence, questions):
    kept = coherence()
    found = ask(questions[1], coherence=pd.concat([kept, kept.assign(rule="max", coherence=0.0)]))
    assert [row["layer"] for row in found] == list(range(1, 12))
    assert found[10] == {
        "layer": 11,
        "contrastive": pytest.approx(0.655),
        "supervised": pytest.approx(0.255),
        "floor": 0.02,
    }


def test_do_deep_filters_agree_on_labels_above_chance(ask, questions):
    """Two living filters, one without enough clips to tell, and a dead one."""
    one = tables.contract("filters").columns
    common = {c: "x" if s["type"] == "string" else s.get("minimum", 0) for c, s in one.items()}
    purities = [(0.9, 0.5, False), (0.8, 0.3, False), (None, None, False), (0.0, 0.5, True)]
    frame = pd.DataFrame(
        [
            common
            | {"run": run, "model": f"{run}-s0", "layer": layer, "filter": i, "dead": dead}
            | {"label_purity": purity, "chance_purity": chance}
            for run in ("contrastive", "supervised")
            for layer in (7, 8, 11)
            for i, (purity, chance, dead) in enumerate(purities)
        ]
    )
    found = ask(questions[2], filters=frame)
    same = {"filters": 2, "purity": 0.85, "chance": 0.4, "above_chance": 0.45}
    assert found == [{"layer": layer} | same for layer in (8, 11)]


def test_there_are_three_questions(questions):
    assert len(questions) == 3 and all(query.rstrip().endswith(";") for query in questions)
