"""The database of all results, results/results.duckdb: a view of each table, over its files.

It holds no rows: a view reads the Parquet files as they are at the time of the query.
"""

import re
from pathlib import Path

import duckdb

from sonify.contracts import tables
from sonify.contracts.tables import Contract
from sonify.runtime.errors import SonifyError, named, system_error
from sonify.runtime.folders import finish, unfinished

# The folder of the database with a slash at its end, as a pattern for file names. DuckDB resolves
# relative paths in views against the process's working directory, and a table function takes no
# subquery, such as one of duckdb_databases(); but the folder for temporary files is, unless set,
# the opened database's path with .tmp. Empty, so that paths are relative to the working directory
# or to file_search_path, where the database was attached to another one.
_FOLDER = (
    "regexp_replace(regexp_extract(current_setting('temp_directory'),"
    r" '^(.*/)?results[.]duckdb[.]tmp$', 1), '([*?[])', '[\1]', 'g')"
)
# Two such databases in one session have one such folder: better an error than another run's rows.
_ALONE = (
    "(SELECT CASE WHEN count(*) < 2 THEN true ELSE error('two results.duckdb are attached, whose"
    " views cannot tell their folders apart: open one at a time') END"
    " FROM duckdb_databases() WHERE path LIKE '%results.duckdb')"
)


def write_database(file: Path) -> None:
    """Write the database `file`, called results.duckdb in the folder of all results, atomically.

    Every contract whose files lie among the results gives a view by its name, with the contract's
    columns; descriptions, units and keys are its comments. A table without files is an empty view,
    so that queries of it run on any results. Raises SonifyError naming files that do not hold the
    table.
    """
    partial = unfinished(file)
    partial.unlink(missing_ok=True)
    try:
        _write(partial, file)
    except duckdb.IOException as error:
        raise system_error(error, file) or error from None
    with named(file, partial):
        finish(partial, file)


def _write(partial: Path, file: Path) -> None:
    with duckdb.connect() as connection:
        # What it will be once the file is in its place.
        connection.execute(f"SET temp_directory = {_text(f'{file.absolute()}.tmp')}")
        # The oldest format, so that programs with an older DuckDB can open it.
        connection.execute(f"ATTACH {_text(str(partial))} AS made (STORAGE_VERSION 'v1.0.0')")
        connection.execute("USE made")
        for name in tables.names():
            contract = tables.contract(name)
            pattern = files_of(contract)
            if pattern is None:
                continue
            there = any(file.parent.glob(pattern))
            rows = _rows(contract, pattern) if there else _no_rows(contract, connection)
            try:
                connection.execute(f"CREATE VIEW {_name(name)} AS {rows}")
            except duckdb.Error as error:
                raise system_error(error, file.parent / pattern) or SonifyError(
                    f"{file.parent / pattern}: {str(error).splitlines()[0]}: delete what "
                    "is not such a table, then make run"
                ) from error
            for comment in _comments(contract, there):
                connection.execute(comment)
        connection.execute("USE memory")
        connection.execute("DETACH made")


def files_of(contract: Contract) -> str | None:
    """Return the files of a table as a pattern relative to the folder of all results, or None if
    they lie elsewhere."""
    root, _, path = contract.path.partition("/")
    return re.sub("<[^>]*>", "*", path) if root == "results" else None


def _rows(contract: Contract, pattern: str) -> str:
    columns = ", ".join(map(_name, contract.columns))
    return (
        f"SELECT {columns} FROM read_parquet({_FOLDER} || {_text(pattern)},"
        " union_by_name => true, hive_partitioning => false)"
        f" WHERE {_ALONE}"
    )


def _no_rows(contract: Contract, connection: duckdb.DuckDBPyConnection) -> str:
    types = connection.from_arrow(contract.schema.empty_table()).types
    columns = zip(contract.columns, types, strict=True)
    empty = ", ".join(f"NULL::{kind} AS {_name(column)}" for column, kind in columns)
    return f"SELECT {empty} WHERE false"


def _comments(contract: Contract, there: bool) -> list[str]:
    view = _name(contract.name)
    about = f"{contract.description} One row for each {', '.join(contract.key)}."
    about += "" if there else " Empty: these results have no such file."
    comments = [f"COMMENT ON VIEW {view} IS {_text(about)}"]
    for column, spec in contract.columns.items():
        unit = f" [{spec['unit']}]" if "unit" in spec else ""
        meaning = _text(f"{spec['description']}{unit}")
        comments.append(f"COMMENT ON COLUMN {view}.{_name(column)} IS {meaning}")
    return comments


def _name(name: str) -> str:
    """Quote a name, which may be an SQL keyword, as are the table `table` and the column `row`."""
    return '"' + name.replace('"', '""') + '"'


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
