"""Table contracts: the columns of every Parquet table, checked on each write and read.

The contracts are YAML files in `schemas/tables` beside this module. `columns.yaml` is the
vocabulary (one meaning per column name); every other file describes one table (description, path,
key, columns). Descriptions and units travel inside the Parquet files as field metadata.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from pyarrow.parquet import ParquetFile

from sonify.runtime import seals
from sonify.runtime.errors import SonifyError, named
from sonify.runtime.folders import finish, unfinished
from sonify.runtime.yaml_files import read_yaml

SCHEMAS = Path(__file__).resolve().parent / "schemas" / "tables"

# Page checksums cost nothing measurable, and find every flipped bit of a page.
FORMAT = {"compression": "zstd", "write_page_checksum": True}
_SCANNED = ds.ParquetFileFormat(
    default_fragment_scan_options=ds.ParquetFragmentScanOptions(
        page_checksum_verification=True, pre_buffer=False
    )
)
# Of a row group. The writer holds the pages of one, and for lists more bytes than these.
_GROUP_BYTES = 8_000_000

_TYPES = {
    "string": pa.string(),
    "bool": pa.bool_(),
    "int16": pa.int16(),
    "int32": pa.int32(),
    "int64": pa.int64(),
    "float32": pa.float32(),
    "float64": pa.float64(),
    "binary": pa.binary(),
    "list<string>": pa.list_(pa.string()),
    "list<float32>": pa.list_(pa.float32()),
}


@dataclass(frozen=True)
class Contract:
    """The columns of one table, the key that makes each row unique, and the nullable columns."""

    name: str
    description: str
    path: str
    key: tuple[str, ...]
    columns: dict[str, dict[str, Any]]
    nullable: frozenset[str]

    @property
    def schema(self) -> pa.Schema:
        """The Arrow schema, with description and unit as field metadata."""
        fields = []
        for name, column in self.columns.items():
            notes = {k: str(column[k]) for k in ("description", "unit") if k in column}
            null = name in self.nullable
            fields.append(pa.field(name, _TYPES[column["type"]], nullable=null, metadata=notes))
        return pa.schema(fields, metadata={"table": self.name, "description": self.description})


@cache
def contract(name: str) -> Contract:
    """The contract called `name`; raises SonifyError listing the contracts for any other name."""
    file = SCHEMAS / f"{name}.yaml"
    if name == "columns" or not file.is_file():
        raise SonifyError(f"no table contract named {name!r}: choose one of {', '.join(names())}")
    vocabulary = _read_yaml(SCHEMAS / "columns.yaml")
    table = _read_yaml(file)
    unknown = [c for c in table["columns"] if c not in vocabulary]
    if unknown:
        raise SonifyError(f"{file.name}: {unknown} are not in columns.yaml: define them there")
    return Contract(
        name=name,
        description=table["description"],
        path=table["path"],
        key=tuple(table["key"]),
        columns={c: vocabulary[c] for c in table["columns"]},
        nullable=frozenset(table.get("nullable", ())),
    )


def names() -> list[str]:
    """Names of all table contracts, sorted."""
    return sorted(f.stem for f in SCHEMAS.glob("*.yaml") if f.stem != "columns")


def checked(frame: pd.DataFrame | pa.Table, name: str) -> pa.Table:
    """Return `frame` as an Arrow table that meets contract `name`, its columns in the contract's
    order and its rows sorted by key.

    Raises SonifyError naming the table, the column and the first offending value for a missing or
    unknown column, a wrong type, a null, a value out of range or a repeated key.
    """
    spec = contract(name)
    given = frame.column_names if isinstance(frame, pa.Table) else list(frame.columns)
    missing = [c for c in spec.columns if c not in given]
    extra = [c for c in given if c not in spec.columns]
    if missing or extra:
        raise SonifyError(f"table {name}: missing columns {missing}, unknown columns {extra}")
    try:
        if isinstance(frame, pa.Table):
            table = frame.select(list(spec.columns)).cast(spec.schema)
        else:
            table = pa.Table.from_pandas(frame, schema=spec.schema, preserve_index=False)
    except (pa.ArrowInvalid, pa.ArrowTypeError, ValueError) as error:
        raise SonifyError(f"table {name}: {error}") from error
    table = table.replace_schema_metadata(spec.schema.metadata)
    for column, rules in spec.columns.items():
        _check_values(name, table[column], column, rules, column in spec.nullable)
    _check_key(name, table, spec.key)
    order = pc.sort_indices(table, [(k, "ascending") for k in spec.key])
    # What is in order already is not copied: it may be gigabytes.
    in_order = np.array_equal(order.to_numpy(), np.arange(len(order)))
    return table if in_order else table.take(order)


def write(frame: pd.DataFrame | pa.Table, path: str | Path, name: str, **options: Any) -> None:
    """Check `frame` against contract `name` and write it to `path` atomically.

    `options` are passed to the Parquet writer. Equal rows give equal bytes.
    """
    table = checked(frame, name)
    large = max(1, table.num_rows * _GROUP_BYTES // max(1, table.nbytes))
    _write([table], path, name, options.pop("row_group_size", large), options)


def write_parts(
    frames: Iterable[pd.DataFrame], path: str | Path, name: str, **options: Any
) -> None:
    """Write a table too large for memory atomically, one row group per frame.

    Frames are checked one by one, so they must come in key order and share no key.
    """
    _write((checked(frame, name) for frame in frames), path, name, None, options)


def _write(
    parts: Iterable[pa.Table],
    path: str | Path,
    name: str,
    rows: int | None,
    options: dict[str, Any],
) -> None:
    """Write checked parts of a table, with a note of what made it and a checksum of all bytes."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = unfinished(path)
    schema = contract(name).schema
    how = {**FORMAT, "use_dictionary": _repeating(schema), **options}
    with named(path, partial):
        with pq.ParquetWriter(partial, schema, **how) as writer:
            for part in parts:
                writer.write_table(part, rows)
            writer.add_key_value_metadata({seals.KEY: seals.note()})
        seals.seal_file(partial)
        finish(partial, path)


def _repeating(schema: pa.Schema) -> list[str]:
    """Return the columns whose values may repeat, as Parquet names them: not lists of numbers, of
    which a dictionary would only take time and memory."""
    lists = {name for name in schema.names if pa.types.is_list(schema.field(name).type)}
    numbers = {name for name in lists if schema.field(name).type == pa.list_(pa.float32())}
    return [f"{n}.list.element" if n in lists else n for n in schema.names if n not in numbers]


def gather(parts: Iterable[str | Path], path: str | Path, name: str) -> None:
    """Concatenate several tables of contract `name` into one at `path`.

    Raises SonifyError naming two of them that have rows in common, as when one was copied into the
    place of the other.
    """
    frames = {str(part): read(part, name) for part in parts}
    whole = pd.concat(frames.values(), ignore_index=True)
    key = list(contract(name).key)
    again = whole.duplicated(key, keep=False)
    if again.any():
        owners = pd.Series([part for part, frame in frames.items() for _ in range(len(frame))])
        first = whole.loc[again.idxmax(), key]
        both = owners[(whole[key] == first).all(axis=1)].unique()
        raise SonifyError(
            f"{' and '.join(both)} both have the row {first.to_dict()}: one is in the other's "
            "place; delete both and rerun the stage that makes them"
        )
    write(whole, path, name)


def read(path: str | Path, name: str, rows: pc.Expression | None = None) -> pd.DataFrame:
    """Read the table at `path` into pandas, checked against contract `name`.

    With `rows` only those that it selects. Raises SonifyError naming the file if it is not Parquet,
    is damaged, or violates the contract.
    """
    with damage_named(path):
        _check_seal(path)
        return checked(scanned(path, rows), name).to_pandas()


def scanned(
    path: str | Path, rows: pc.Expression | None = None, columns: list[str] | None = None
) -> pa.Table:
    """Read what `rows` selects (None: all rows) of a table, a file or a folder of parts, unchecked.

    Pages are compared with their checksums. Raises what Arrow does: see `damage_named`.
    """
    # By itself Arrow reads so far ahead that all of a table of millions of rows is in memory.
    ahead = {"batch_readahead": 1, "fragment_readahead": 1}
    return ds.dataset(path, format=_SCANNED).to_table(columns, rows, **ahead)


def read_parts(path: str | Path, name: str, rows: int) -> Iterator[pd.DataFrame]:
    """Read a table too large for memory as `read` does, at most `rows` rows at a time.

    Keys repeated in different frames go unnoticed.
    """
    with damage_named(path):
        _check_seal(path)
    with damage_named(path), opened(path, pre_buffer=False, buffer_size=1 << 20) as file:
        for batch in file.iter_batches(rows):
            yield checked(pa.Table.from_batches([batch]), name).to_pandas()


def opened(path: str | Path, **options: Any) -> pq.ParquetFile:
    """Open a Parquet file of ours; its pages are compared with their checksums when read."""
    return ParquetFile(path, page_checksum_verification=True, **options)


def _check_seal(path: str | Path) -> None:
    """Raise ValueError if any byte is not as it was written, page headers and footer included."""
    if wrong := seals.fault(Path(path)):
        raise ValueError(wrong)


@contextmanager
def damage_named(path: str | Path) -> Iterator[None]:
    """Turn what a damaged or foreign file raises into a SonifyError that names it and the remedy.

    Errors of the system, such as a missing file, pass.
    """
    try:
        with named(Path(path)):
            yield
    except (pa.ArrowException, ValueError, OSError) as error:
        if isinstance(error, OSError) and (error.errno is not None or type(error) is not OSError):
            raise
        why = str(error).partition("\n")[0]  # Arrow adds the schema, line by line
        raise SonifyError(f"{path}: {why}: delete it and rerun the stage that makes it") from error


@cache
def _read_yaml(file: Path) -> dict[str, Any]:
    content: dict[str, Any] = read_yaml(file)
    return content


def _check_values(
    table: str, values: pa.ChunkedArray, column: str, rules: dict[str, Any], nullable: bool
) -> None:
    if values.null_count and not nullable:
        raise SonifyError(f"table {table}: column {column} has {values.null_count} empty values")
    if pa.types.is_floating(values.type) and not nullable:
        nans = pc.sum(pc.is_nan(values)).as_py() or 0
        if nans:
            raise SonifyError(f"table {table}: column {column} has {nans} NaN values")
    for bound, wrong in (("minimum", pc.less), ("maximum", pc.greater)):
        if bound in rules:
            bad = values.filter(pc.fill_null(wrong(values, rules[bound]), False))
            if len(bad):
                raise SonifyError(
                    f"table {table}: column {column} has {bad[0].as_py()!r}, "
                    f"but its {bound} is {rules[bound]}"
                )


def _check_key(name: str, table: pa.Table, key: tuple[str, ...]) -> None:
    counts = table.group_by(list(key)).aggregate([([], "count_all")])
    repeated = counts.filter(pc.greater(counts["count_all"], 1))
    if repeated.num_rows:
        row = repeated.slice(0, 1).to_pylist()[0]
        row.pop("count_all")
        raise SonifyError(f"table {name}: more than one row for {row}")
