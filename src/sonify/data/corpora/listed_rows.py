"""The lines of a corpus's lists as columns of Arrow, since there are millions of them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from sonify.data.corpora.listing import Provenance, Row
from sonify.data.ids import Ids

_CLIPS = ("split", "clip_id", "labels", "path", *Provenance._fields)
_PROBLEMS = ("split", "clip_id", "labels", "path", "reason", "detail")
_FEW = frozenset({"split", "uploader", "licence"})  # many rows say the same
_LABELS = pa.list_(pa.int32())  # their positions in the vocabulary
_TEXT = pd.StringDtype(na_value=np.nan)  # pandas' own, on Arrow's memory


class ListedRows:
    """Rows of a listing, as they come; no more than AT_ONCE of them are Python's objects.

    names: those of labels, by position.
    """

    AT_ONCE = 16_384

    def __init__(self, names: Sequence[str]) -> None:
        self.names = pa.array(names, pa.string())
        self.sources: dict[str, int] = {}  # the lists, numbered
        kinds = dict.fromkeys((*_CLIPS, *_PROBLEMS), pa.large_string())
        kinds |= {"labels": _LABELS, "line": pa.int64()}
        self.schema = pa.schema(kinds.items())
        self.rows: list[tuple[object, ...]] = []
        self.chunks: dict[str, list[pa.Array]] = {name: [] for name in kinds}

    def add(self, row: Row, labels: Sequence[int], problem: tuple[str, str] | None) -> None:
        """Add a row, with the positions of its labels, and the reason and detail of its problem."""
        source = self.sources.setdefault(row.source, len(self.sources))
        own = (row.split, row.clip_id, labels, row.path or "", *row.provenance)
        self.rows.append((*own, *(problem or ("", "")), source << 40 | row.line))
        if len(self.rows) == self.AT_ONCE:
            self._convert()

    def tables(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Return the tables clips and problems of `Listing`, and forget the rows.

        A row whose id is listed earlier is a problem, whatever else is wrong with it, unless its id
        is none.
        """
        self._convert()
        reason, detail = self._taken("reason"), self._taken("detail")
        again = self._listed_again(reason)
        mask = np.zeros(len(reason), bool)
        mask[list(again)] = True
        at = pa.array(mask)
        twice = pa.array(["duplicate_id"] * len(again), reason.type)
        reason = pc.replace_with_mask(reason, at, twice)
        detail = pc.replace_with_mask(detail, at, pa.array(list(again.values()), detail.type))
        wrong = pc.not_equal(reason, "")
        right = pc.invert(wrong)
        clips: dict[str, pa.ChunkedArray] = {}
        problems = {"reason": reason.filter(wrong), "detail": detail.filter(wrong)}
        del reason, detail
        for name in _CLIPS:  # one after another, so that there is never a second copy of all
            column = self._taken(name)
            clips[name] = column.filter(right)
            if name in _PROBLEMS:
                problems[name] = column.filter(wrong)
        return self._frame(clips, _CLIPS), self._frame(problems, _PROBLEMS)

    def _convert(self) -> None:
        """Turn the rows into columns."""
        columns = zip(*self.rows, strict=True) if self.rows else ((),) * len(self.schema)
        for field, values in zip(self.schema, columns, strict=True):
            column = pa.array(values, field.type)
            few = field.name in _FEW
            self.chunks[field.name].append(column.dictionary_encode() if few else column)
        self.rows = []

    def _taken(self, name: str) -> pa.ChunkedArray:
        return pa.chunked_array(self.chunks.pop(name))

    def _listed_again(self, reason: pa.ChunkedArray) -> dict[int, str]:
        """Return what is wrong with each row whose id is listed earlier, by its position."""
        ids, lines = pa.chunked_array(self.chunks["clip_id"]), self._taken("line").to_numpy()
        names = list(self.sources)

        def place(position: int) -> str:
            source, line = divmod(int(lines[position]), 1 << 40)
            return f"{names[source]}, line {line}"

        return {
            at: f"{place(at)}: id {ids[at].as_py()!r} is listed already in {place(first)}."
            for at, first in Ids(ids).again()
            if reason[at].as_py() != "bad_id"
        }

    def _frame(self, columns: dict[str, pa.ChunkedArray], order: Sequence[str]) -> pd.DataFrame:
        """Return columns as a data frame on Arrow's memory, and forget them one after another."""
        made = {}
        for name in order:
            column = columns.pop(name).unify_dictionaries().combine_chunks()
            if name == "labels":
                words = pa.DictionaryArray.from_arrays(column.values, self.names)
                column = pa.ListArray.from_arrays(column.offsets, words)
            made[name] = column
        frame = pa.table(made).to_pandas(types_mapper=_pandas_type)
        for name in _FEW & made.keys():
            frame[name] = frame[name].cat.remove_unused_categories()
        return frame


def _pandas_type(kind: pa.DataType) -> Any:
    if pa.types.is_list(kind):
        return pd.ArrowDtype(kind)
    return _TEXT if pa.types.is_large_string(kind) else None
