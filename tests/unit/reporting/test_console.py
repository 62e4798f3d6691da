"""What `make sql` answers, at a prompt and for one query."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from sonify.reporting.console import HELP, converse, main, opened
from sonify.reporting.database import write_database

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def folder(every_table, tmp_path_factory) -> Path:
    """A folder with results and their database below it."""
    folder = tmp_path_factory.mktemp("console")
    shutil.copytree(every_table / "results", folder / "results")
    write_database(folder / "results" / "results.duckdb")
    return folder


@pytest.fixture
def say(folder, capsys):
    """What is printed in answer to lines; an exception among them is raised as by the terminal."""

    def said(*lines):
        waiting, prompts = list(lines), []

        def read(prompt):
            prompts.append(prompt)
            line = waiting.pop(0) if waiting else EOFError()
            if isinstance(line, BaseException):
                raise line
            return line

        with opened(folder / "results" / "results.duckdb") as connection:
            converse(connection, read)
        return capsys.readouterr().out.removeprefix(f"{HELP}\n"), prompts

    return said


def test_a_query_may_take_several_lines(say):
    printed, prompts = say("", "SELECT 6 *", "  7 AS answer;", "SELECT 1;")
    assert "answer" in printed and "42" in printed
    assert prompts == ["sql> ", "sql> ", "...> ", "sql> ", "sql> "]


def test_the_last_query_needs_no_semicolon(say):
    assert "45" in say("SELECT 45")[0]


def test_errors_are_told_and_the_prompt_goes_on(say):
    printed, _ = say("FROM nothing_of_that_name;", "FROM 'nix.parquet';", "SELECT 43;")
    assert "nothing_of_that_name does not exist" in printed and "nix.parquet" in printed
    assert "43" in printed


def test_an_interrupt_forgets_what_was_typed(say):
    printed, prompts = say("SELECT", KeyboardInterrupt(), "SELECT 44;")
    assert "44" in printed and "Error" not in printed
    assert prompts == ["sql> ", "...> ", "sql> ", "sql> "]


def test_it_tells_tables_and_columns(say):
    printed, _ = say(".tables")
    assert "claims                The paper's claims, each with" in printed
    assert len(printed.splitlines()) == 36
    printed, _ = say(".columns table")
    assert printed.splitlines()[1].split("  ")[0] == "row" and "n_runs" in printed
    assert "[clips]" in printed


@pytest.mark.parametrize("line", [".help", ".columns", ".columns nix", ".tables2"])
def test_whatever_else_begins_with_a_dot_is_answered_with_help(line, say):
    assert say(line)[0] == f"{HELP}\n"


def test_it_ends_when_told(say):
    assert say(".quit", "SELECT 1;") == ("", ["sql> "])


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("DROP VIEW claims", "DROP"),
        ("COPY claims TO 'results/reporting/claims.parquet'", "COPY"),
        ("copy (PIVOT claims ON verdict USING count(*)) TO 'x.csv'", "COPY"),
        ("FROM claims; COPY claims TO 'x.csv'", "COPY"),
        ("WITH x AS (COPY claims TO 'x.csv') FROM x", "COPY"),
        ("/* why */ EXPLAIN ANALYZE COPY claims TO 'x.csv'", "COPY"),
        ("/* é, 犬 */ EXPLAIN ANALYZE COPY claims TO 'x.csv'", "COPY"),
        ("SELECT 'ü'; /* ü */ DROP VIEW claims", "DROP"),
        ("EXPORT DATABASE 'x'", "EXPORT"),
        ("PREPARE p AS COPY claims TO 'x.csv'", "COPY"),
        ("ATTACH 'x.duckdb'", "ATTACH"),
        ("SET temp_directory = 'x'", "SET"),
        ("SET log_query_path = 'x.log'", "SET"),
        ("PRAGMA log_query_path = 'x.log'", "PRAGMA"),
        ("PRAGMA enable_profiling = 'json'", "PRAGMA"),
        ("PRAGMA profiling_output = 'x.json'", "PRAGMA"),
        ("CALL enable_logging(storage = 'file', storage_path = 'x')", "CALL"),
        ("FROM enable_logging(storage = 'file', storage_path = 'x')", "enable_logging"),
        ("FROM enable_profiling(save_location = 'x.txt')", "enable_profiling"),
        (
            "FROM claims; FROM enable_logging(storage = 'file', storage_path = 'x')",
            "enable_logging",
        ),
        ("EXPLAIN ANALYZE SET log_query_path = 'x.log'", "SET"),
        ("EXPLAIN (FORMAT json, ANALYZE) SET log_query_path = 'x.log'", "SET"),
        ("EXPLAIN ANALYZE CALL enable_logging(storage = 'file', storage_path = 'x')", "CALL"),
        ("EXPLAIN ANALYZE CREATE PERSISTENT SECRET s (TYPE http, BEARER_TOKEN 'x')", "CREATE"),
        ("EXPLAIN ANALYZE INSTALL httpfs", "INSTALL"),
        ("EXPLAIN ANALYZE LOAD 'x.duckdb_extension'", "LOAD"),
        ("INSTALL httpfs", "INSTALL"),
        ("IMPORT DATABASE 'x'", "IMPORT"),
        ("CREATE PERSISTENT SECRET s (TYPE http, BEARER_TOKEN 'x')", "CREATE"),
    ],
)
def test_nothing_can_be_changed(say, folder, monkeypatch, query, named):
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HOME", str(folder))  # where DuckDB keeps extensions and secrets
    before = {file: file.stat().st_mtime_ns for file in folder.rglob("*")}
    printed, _ = say(f"{query};", "SELECT 46;")
    assert re.search(rf"^{named} is not run, .* read-only: ask with SELECT", printed, re.MULTILINE)
    assert "46" in printed
    assert {file: file.stat().st_mtime_ns for file in folder.rglob("*")} == before
    with pytest.raises(SystemExit, match=f"^error: {named} is not run, .*: ask with SELECT"):
        main([query])


def test_nothing_is_installed_for_a_query(say):
    """As DuckDB would for FROM 'https://…', into the folder of the user."""
    asked = "SELECT current_setting('autoinstall_known_extensions') AS installs;"
    assert say(asked)[0].splitlines()[4].strip("│ ") == "false"


@pytest.mark.parametrize(
    "query",
    [
        "WITH c AS (FROM claims) FROM c",
        "PIVOT claims ON verdict USING count(*) GROUP BY claim",
        "SUMMARIZE claims",
        "DESCRIBE claims",
        "SHOW TABLES",
        "EXPLAIN ANALYZE FROM claims",
        "EXPLAIN (FORMAT json, ANALYZE) SELECT * FROM claims",
        "EXPLAIN (SELECT 1)",
        "EXPLAIN PIVOT claims ON verdict USING count(*)",
        "FROM 'results/reporting/claims.parquet'",
        "VALUES (1), (2)",
        "(SELECT 1)",
        "SELECT 'COPY' AS \"copy\" -- COPY",
    ],
)
def test_whatever_reads_is_answered(say, folder, monkeypatch, query):
    monkeypatch.chdir(folder)
    printed, _ = say(f"{query}\n;")
    assert " is not run, " not in printed and "┌" in printed


@pytest.mark.parametrize(
    ("asked", "told"), [(".tables;", "removal"), (".columns claims", "verdict")]
)
def test_tables_and_columns_are_told_without_a_prompt_too(folder, monkeypatch, capsys, asked, told):
    monkeypatch.chdir(folder)
    main(asked.split())
    assert re.search(rf"^{told} ", capsys.readouterr().out, re.MULTILINE)


def test_one_query_prints_all_its_rows(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    main(["SELECT i FROM range(200) AS t(i)"])
    assert len(capsys.readouterr().out.splitlines()) >= 200
    main(["SELECT repeat('x', 5000), 7 AS seven"])  # as wide as samples are
    printed = capsys.readouterr().out
    assert "seven" in printed and max(map(len, printed.splitlines())) <= 1000


def test_long_lists_and_blobs_are_shortened(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    main(
        [
            "SELECT range(2000) AS long, [1.5, NULL] AS short, [range(500), [1]] AS nested,"
            " NULL::INT[] AS none, []::INT[] AS empty, ['a, b', 'it''s'] AS \"la\"\"bels\","
            " repeat('ab', 4000)::BLOB AS pcm, 'ab'::BLOB AS bits, 7 AS seven"
        ]
    )
    lines = capsys.readouterr().out.strip().splitlines()
    assert len(lines) == 6, "one line for the row"
    cells = [cell.strip() for cell in lines[4].strip("│").split("│")]
    assert [name.strip() for name in lines[1].strip("│").split("│")][5] == 'la"bels'
    assert cells[:2] == ["[0, 1, 2, 3, 4, … 2000 in all]", "[1.5, NULL]"]
    assert cells[2].startswith("[[0, 1, 2") and cells[2].endswith("51, … 2 in all]")
    assert len(cells[2]) < 250 and cells[3:5] == ["NULL", "[]"]
    assert "it" in cells[5] and "in all" not in cells[5]
    assert cells[6:] == ["abababababababababab… 8000 bytes in all", "ab", "7"]


def test_lists_of_six_are_whole_and_rows_keep_their_order(say):
    printed, _ = say("SELECT range(n) AS l FROM (VALUES (7), (6)) AS t(n) ORDER BY n DESC;")
    first, second = [line for line in printed.splitlines() if "[" in line and "int" not in line]
    assert "[0, 1, 2, 3, 4, … 7 in all]" in first and "[0, 1, 2, 3, 4, 5]" in second
    assert "2" in say("SELECT [1] AS a, [2] AS a;")[0]


def test_one_wrong_query_is_one_error(folder, monkeypatch):
    monkeypatch.chdir(folder)
    with pytest.raises(SystemExit, match="^error: Catalog Error: .*nix"):
        main(["FROM nix"])


def test_no_database_is_said_in_a_sentence(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main([])
    assert str(ended.value) == "error: there is no results/results.duckdb yet: make run"
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "results.duckdb").write_bytes(b"no database" * 1000)
    with pytest.raises(SystemExit, match=r"^error: .*cannot be opened: .*: delete it, then make"):
        main([])


# --- make sql ------------------------------------------------------------------------------------


@pytest.fixture
def make(tmp_path):
    """Call the Makefile in a folder of its own, whose environment is this one and up to date."""
    for name in ("Makefile", "envs/requirements.lock"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    for name in ("src", "workflow"):
        (tmp_path / name).symlink_to(ROOT / name)
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    stamp = "(cat envs/requirements.lock; echo '') | cksum | cut -d' ' -f1"
    told = subprocess.run(
        ["sh", "-c", stamp], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    (tmp_path / ".venv" / f".sonify-{told.stdout.strip()}").touch()
    # A `make` that runs these tests hands down its own flags, variables and level.
    outer = ("MAKE", "MFLAGS", "ARGS", "VENV", "CONFIG", "TORCH", "PYTHON")
    without = {name: value for name, value in os.environ.items() if not name.startswith(outer)}

    def call(*words, given=""):
        return subprocess.run(
            ["make", *words],
            cwd=tmp_path,
            env=without,
            input=given,
            capture_output=True,
            text=True,
            check=False,
        )

    return call


def test_make_sql_before_make_run_is_one_sentence(make):
    done = make("sql")
    assert done.returncode != 0
    assert done.stdout == "error: there are no tables yet: make run\n"


def test_make_sql_asks_one_query_or_opens_a_prompt(make, folder, tmp_path):
    shutil.copytree(folder / "results", tmp_path / "results")
    query = "SELECT 'it''s', \"table\", '*' FROM \"table\" WHERE mean IS NOT NULL"
    done = make("sql", f"ARGS={query}")
    assert (done.returncode, done.stderr) == (0, "")
    assert "it's" in done.stdout and done.stdout.startswith("┌")
    done = make("sql", "ARGS=SELECT regexp_matches('ab', 'b$') AS ends, '$HOME' AS kept")
    assert (done.returncode, done.stderr) == (0, "") and "true" in done.stdout
    assert "$HOME" in done.stdout, "make leaves dollars alone"
    done = make("sql", given="SELECT count(*) AS rows FROM claims;\n")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(HELP) and "rows" in done.stdout


def test_duckdb_still_has_no_shell_of_its_own():
    """Once it has one, this console can go."""
    assert not (Path(duckdb.__file__).parent / "__main__.py").exists()
