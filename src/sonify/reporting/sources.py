"""Reading tables for the reports: several of one contract together, and only the rows needed."""

from collections.abc import Iterable
from pathlib import Path, PurePath

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from sonify.contracts import tables
from sonify.runtime.errors import SonifyError


def read_all(
    paths: Iterable[Path],
    name: str,
    rows: pc.Expression | None = None,
    columns: list[str] | None = None,
) -> pd.DataFrame:
    """Read the rows that `rows` selects from the tables at `paths`, files or folders of parts.

    Rows that are not selected are never held in memory together. With `columns`, only those are
    read, and they are not checked against contract `name`. Raises SonifyError naming a file that
    breaks the contract, or if there is neither a path nor a selection.
    """
    parts = [_read(path, name, rows, columns) for path in paths]
    if not parts and rows is not None:  # nothing was selected, so nothing had to be read
        parts = [tables.contract(name).schema.empty_table()]
    if not parts:
        raise SonifyError(f"there is no {name} table to read: run the stage that makes it first")
    return pa.concat_tables(parts).to_pandas()


def texts(files: Iterable[Path]) -> dict[PurePath, str]:
    """Return the texts of those of `files` that exist, by folder and name."""
    return {PurePath(*file.parts[-2:]): file.read_text() for file in files if file.is_file()}


def _read(path: Path, name: str, rows: pc.Expression | None, columns: list[str] | None) -> pa.Table:
    with tables.damage_named(path):
        table = pq.read_table(path, filters=rows, columns=columns, page_checksum_verification=True)
        return tables.checked(table, name) if columns is None else table
