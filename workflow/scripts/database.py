"""The database of all results: a view of each table, over its files."""

from pathlib import Path

from sonify.reporting.database import write_database
from sonify.runtime.jobs import parser, run


def main() -> None:
    options = parser(__doc__, settings=None)
    options.add_argument("--out", type=Path, required=True, help="results.duckdb beside the files")
    write_database(options.parse_args().out)


run(main)
