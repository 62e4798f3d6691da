"""Reading tables for the reports: several of one contract together, and only the rows needed."""

from collections.abc import Iterable
from pathlib import Path, PurePath

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

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


def parts_of(manifest: pd.DataFrame, data: Iterable[Path]) -> list[Path]:
    """Return the files with the sound of the clips in `manifest`, rows of that contract.

    `data` are the folders of prepared corpora, theirs among them. Raises SonifyError for a clip
    that two corpora have: tables name a clip by dataset, split and id alone.
    """
    for twice in manifest[manifest.duplicated(["dataset", "split", "clip_id"])].itertuples():
        raise SonifyError(
            f"{twice.corpus} and another corpus of {twice.dataset} have a clip {twice.clip_id}: "
            f"change data.synthetic.{twice.dataset}.seed"
        )
    folders = {folder.name: folder for folder in data}
    places = zip(manifest["corpus"], manifest["part"], strict=True)
    return [folders[corpus] / part for corpus, part in sorted(set(places))]


def check_vocabularies(data: Iterable[Path]) -> None:
    """Raise SonifyError if two corpora of a dataset, in the folders `data`, differ in classes."""
    first: dict[str, tuple[Path, pd.DataFrame]] = {}
    for folder in data:
        classes = tables.read(folder / "vocabulary.parquet", "vocabulary")
        known, same = first.setdefault(str(classes["dataset"].iloc[0]), (folder, classes))
        if not classes.equals(same):
            raise SonifyError(
                f"{known} and {folder} have different classes, so their results cannot be put "
                "together: delete both and run again"
            )


def texts(files: Iterable[Path]) -> dict[PurePath, str]:
    """Return the texts of those of `files` that exist, by folder and name."""
    return {PurePath(*file.parts[-2:]): file.read_text() for file in files if file.is_file()}


def _read(path: Path, name: str, rows: pc.Expression | None, columns: list[str] | None) -> pa.Table:
    if not path.exists():
        raise SonifyError(f"there is no {path}: run the stage that makes it first")
    with tables.damage_named(path):
        table = tables.scanned(path, rows, columns)
        return tables.checked(table, name) if columns is None else table
