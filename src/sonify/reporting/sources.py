"""Reading for the reports: tables of one contract as one, and of large ones only some rows."""

from collections.abc import Iterable
from pathlib import Path

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
    """The rows of the tables at `paths` (files, or folders of parts) that `rows` selects; of them
    all columns, or only some, which are then not checked against the contract.

    What is not selected is never in memory together. Raises SonifyError naming the file that breaks
    contract `name`, or when there is no path and not even a selection.
    """
    found = [_read(path, name, rows, columns) for path in paths]
    if not found and rows is not None:  # nothing was selected, so that nothing had to be read
        found = [tables.contract(name).schema.empty_table()]
    if not found:
        raise SonifyError(f"there is no {name} table to read: run the stage that makes it first")
    return pa.concat_tables(found).to_pandas()


def texts(files: Iterable[Path]) -> dict[Path, str]:
    """Folder and name -> text, of those of `files` that are there."""
    return {Path(*file.parts[-2:]): file.read_text() for file in files if file.is_file()}


def _read(path: Path, name: str, rows: pc.Expression | None, columns: list[str] | None) -> pa.Table:
    try:
        table = pq.read_table(path, filters=rows, columns=columns)
        return tables.checked(table, name) if columns is None else table
    except (pa.ArrowInvalid, ValueError) as error:
        why = str(error).partition("\n")[0]  # Arrow adds the schema, line by line
        raise SonifyError(f"{path}: {why}: delete it and rerun the stage that makes it") from error
