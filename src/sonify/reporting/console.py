"""A prompt for SQL on the database of all results, or a single query (`make sql`).

`python -m sonify.reporting.console ["<query>"]`, in the folder that holds results/. DuckDB's own
shell is not part of its Python package.
"""

import re
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import duckdb

from sonify.runtime.errors import SonifyError, one_sentence_errors

DATABASE = Path("results", "results.duckdb")
HELP = """\
A query ends with a semicolon: FROM claims;   SUMMARIZE removal;
.tables lists the tables, .columns TABLE tells what a table holds, .quit or Ctrl-D leaves."""
_TABLES = (
    "SELECT view_name AS name, comment AS meaning FROM duckdb_views() WHERE NOT internal ORDER BY 1"
)
_COLUMNS = (
    "SELECT column_name AS name, lower(data_type) AS type, comment AS meaning"
    " FROM duckdb_columns() WHERE NOT internal AND table_name = ? ORDER BY column_index"
)
# Kinds of statements that read. PIVOT is of several, the last of which reads.
_READS = (
    duckdb.StatementType.SELECT,
    duckdb.StatementType.EXPLAIN,
    duckdb.StatementType.MULTI,
)
_WRITES = ("COPY", "EXPORT")  # keywords; either may also stand within a statement that reads
# What EXPLAIN may explain; with ANALYZE it does what it explains. Its options are keywords too.
_ASKS = (
    *("SELECT", "FROM", "WITH", "VALUES", "TABLE", "PIVOT", "UNPIVOT"),
    *("SUMMARIZE", "DESCRIBE", "SHOW"),
)
_OPTIONS = ("ANALYZE", "JSON", "TEXT")
# Functions that a query calls can set what is logged, profiled or loaded, all of which write files.
_SETTINGS: dict[str, str | bool | int | float | list[str]] = {
    "lock_configuration": True,
    "autoinstall_known_extensions": False,
}
_LOCKED = re.compile(r'configuration option "(\w+)" - the configuration has been locked')
# A cell as text, by its type. DuckDB would wrap it over as many lines as it takes.
_LONG = {
    "list": (
        "CASE WHEN len({cell}) <= 6 AND length({cell}::VARCHAR) <= 200 THEN {cell}::VARCHAR"
        " ELSE rtrim(left(left({cell}[1:5]::VARCHAR, -1), 200), ', ')"
        " || ', … ' || len({cell}) || ' in all]' END"
    ),
    "blob": (
        "CASE WHEN octet_length({cell}) <= 20 THEN {cell}::VARCHAR"
        " ELSE left({cell}::VARCHAR, 20) || '… ' || octet_length({cell}) || ' bytes in all' END"
    ),
}


def opened(file: Path) -> duckdb.DuckDBPyConnection:
    """Open the database read-only, which any number of processes may do at once.

    No query can change a setting of the connection. Raises SonifyError if it does not exist or
    cannot be opened.
    """
    if not file.is_file():
        raise SonifyError(f"there is no {file} yet: make run")
    try:
        return duckdb.connect(str(file), read_only=True, config=_SETTINGS)
    except duckdb.Error as error:
        why = str(error).splitlines()[0]
        raise SonifyError(f"{file} cannot be opened: {why}: delete it, then make run") from error


def check_reads(query: str) -> None:
    """Raise SonifyError naming a statement of a query that does not only read.

    The database is opened read-only, but COPY would write to any file, those of the tables too, and
    so would EXPLAIN ANALYZE of what installs or sets something. Raises duckdb.Error for what is no
    SQL.
    """
    for statement in duckdb.extract_statements(query):
        text = statement.query.strip()
        in_bytes = text.encode()  # which DuckDB counts
        words = [
            found[0].decode().upper()
            for at, kind in duckdb.tokenize(text)
            if kind == duckdb.token_type.keyword and (found := re.match(rb"\w+", in_bytes[at:]))
        ]
        first = words[0] if words else text.split()[0].upper()
        reads = statement.type in _READS
        if first == "EXPLAIN":
            first = next((word for word in words[1:] if word not in _OPTIONS), first)
            reads &= first in _ASKS
        if not reads or not set(words).isdisjoint(_WRITES):
            raise _refusal(next((word for word in words if word in _WRITES), first))


def _refusal(what: str) -> SonifyError:
    return SonifyError(
        f"{what} is not run, because make sql is read-only: ask with SELECT, FROM, PIVOT, "
        "SUMMARIZE, DESCRIBE, SHOW or EXPLAIN, and save answers from Python (README.md, "
        "Look at the results)"
    )


def answer(connection: duckdb.DuckDBPyConnection, query: str) -> None:
    """Print all rows of a query, as wide as the terminal; long lists and blobs are shortened.

    Raises duckdb.Error for a query that cannot be run, and SonifyError for one that would write.
    """
    check_reads(query)
    width = None if sys.stdout.isatty() else 1000
    try:
        found = connection.sql(query)
        if found is not None:
            _shortened(found).show(max_rows=1_000_000, max_width=width)
    except duckdb.InvalidInputException as error:
        if locked := _LOCKED.search(str(error)):
            raise _refusal(locked[1]) from None
        raise


def _shortened(found: duckdb.DuckDBPyRelation) -> duckdb.DuckDBPyRelation:
    """Replace long lists and blobs by text: how they begin, an ellipsis, how much there is."""
    kinds = dict(zip(found.columns, (kind.id for kind in found.types), strict=True))
    if _LONG.keys().isdisjoint(kinds.values()) or len({c.lower() for c in kinds}) < len(
        found.columns
    ):  # names that occur twice cannot be selected
        return found
    cells = {column: '"' + column.replace('"', '""') + '"' for column in kinds}
    return found.project(
        ", ".join(
            f"{_LONG[kind].format(cell=cells[column])} AS {cells[column]}"
            if kind in _LONG
            else cells[column]
            for column, kind in kinds.items()
        )
    )


def converse(connection: duckdb.DuckDBPyConnection, read: Callable[[str], str] = input) -> None:
    """Answer queries and print errors until the input ends; `read` asks for a line."""
    print(HELP)
    query, ended = "", False
    while not ended:
        try:
            query += read("...> " if query else "sql> ") + "\n"
        except KeyboardInterrupt:
            query = ""
            print()
            continue
        except EOFError:
            ended = True  # what was typed may lack its semicolon
        command = query.strip().rstrip(";")
        if command == ".quit":
            return
        finished = ended or query.rstrip().endswith(";") or command.startswith(".")
        if query.strip() and not finished:
            continue
        try:
            if command.startswith("."):
                _tell(connection, *query.strip().rstrip(";").split(" ", 1))
            elif query.strip():
                answer(connection, query)
        except (duckdb.Error, SonifyError) as error:
            print(error)
        except KeyboardInterrupt:
            print("interrupted")
        query = ""


def _tell(connection: duckdb.DuckDBPyConnection, command: str, table: str = "") -> None:
    about = {".tables": (_TABLES, []), ".columns": (_COLUMNS, [table.strip()])}.get(command)
    rows = connection.execute(*about).fetchall() if about else []
    for name, *words in rows:
        print(f"{name:<22}{'  '.join(words)}")
    if not rows:
        print(HELP)


@one_sentence_errors()
def main(arguments: list[str]) -> None:
    """Run the query given, or a prompt."""
    with opened(DATABASE) as connection:
        query = " ".join(arguments).strip()
        if not query:
            with suppress(ImportError):
                import readline  # noqa: F401  lines can be edited and recalled
            converse(connection)
            return
        try:
            if query.startswith("."):
                _tell(connection, *query.rstrip(";").split(" ", 1))
            else:
                answer(connection, query)
        except duckdb.Error as error:
            raise SonifyError(str(error)) from error


if __name__ == "__main__":
    main(sys.argv[1:])
