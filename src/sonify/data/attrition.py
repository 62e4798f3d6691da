"""Account of the listed clips: how many were obtained, used and rejected."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from sonify.contracts import tables
from sonify.data.corpora.listing import Listing
from sonify.data.corpora.registry import DATASETS

COUNTS = ["listed", "obtained", "used", "rejected"]
ALL = ""  # the label of the row that counts all clips of a split
_AT_ONCE = 65_536  # clips


def attrition(
    listing: Listing, manifest: pd.DataFrame, rejected: pd.DataFrame, corpus: str
) -> pd.DataFrame:
    """Count the clips of each split and class of a corpus after preparation: contract `attrition`.

    manifest, rejected: tables of those contracts for this listing. In every row, listed = used +
    rejected; a clip counts as obtained if it has audio, usable or not. Classes absent from the list
    of a split have no row.
    """
    by_label = [_counted(some) for rows in _rows(listing, manifest, rejected) for some in rows]
    counts = pd.concat(by_label).groupby(["split", "label"]).sum().reset_index()
    named = counts.assign(dataset=listing.dataset, corpus=corpus)
    return named[["dataset", "corpus", "split", "label", *COUNTS]]


def write(listing: Listing, out: Path) -> None:
    """Write the table `attrition` of a prepared corpus next to its manifest in `out`."""
    out = Path(out)
    file = out / "manifest.parquet"
    with tables.damage_named(file), tables.opened(file) as stored:
        # Its other columns would take ten times as much.
        manifest = stored.read(["split", "clip_id"]).to_pandas()
    rejected = tables.read(out / "rejected.parquet", "rejected")
    counts = attrition(listing, manifest, rejected, out.name)
    tables.write(counts, out / "attrition.parquet", "attrition")


def _rows(
    listing: Listing, manifest: pd.DataFrame, rejected: pd.DataFrame
) -> Iterator[tuple[pd.DataFrame, pd.DataFrame]]:
    """Yield rows of split, label, used and obtained, some clips at a time: one row for each of
    these, and one for each of their labels. All of two million clips would take gigabytes.
    """
    clips, problems = listing.clips, listing.problems
    used = _among(clips, manifest)
    gone = _among(clips, rejected[rejected["reason"] == "missing_file"])
    for at in _slices(len(clips)):
        yield _labelled(clips["split"].iloc[at], clips["labels"].iloc[at], used[at], ~gone[at])
    for at in _slices(len(problems)):
        heard = (problems["path"].iloc[at] != "").to_numpy(bool)
        labels = problems["labels"].iloc[at]
        yield _labelled(problems["split"].iloc[at], labels, np.zeros_like(heard), heard)


def _labelled(
    splits: pd.Series, labels: pd.Series, used: np.ndarray, obtained: np.ndarray
) -> tuple[pd.DataFrame, pd.DataFrame]:
    given = {
        "split": splits.astype("str"),
        "label": list(labels),
        "used": used,
        "obtained": obtained,
    }
    rows = pd.DataFrame(given)
    return rows.assign(label=ALL), rows.explode("label").dropna(subset="label")


def _among(clips: pd.DataFrame, others: pd.DataFrame) -> np.ndarray:
    """Return which of the clips are among others, by split and clip_id: (clip,) bool."""
    found = np.zeros(len(clips), dtype=bool)
    for split in others["split"].unique():
        own = np.flatnonzero(clips["split"] == split)
        ids, known = (
            pa.array(table["clip_id"].iloc[at], pa.large_string())
            for table, at in ((clips, own), (others, np.flatnonzero(others["split"] == split)))
        )
        found[own] = pc.is_in(ids, value_set=known).to_numpy(zero_copy_only=False)
    return found


def _slices(n: int) -> list[slice]:
    return [slice(first, first + _AT_ONCE) for first in range(0, max(1, n), _AT_ONCE)]


def _counted(rows: pd.DataFrame) -> pd.DataFrame:
    groups = rows.astype({"used": "int64", "obtained": "int64"}).groupby(["split", "label"])
    counts = groups.agg(listed=("used", "size"), obtained=("obtained", "sum"), used=("used", "sum"))
    counts["rejected"] = counts["listed"] - counts["used"]
    return counts.reset_index()


def check_accounts(listing: Listing, manifest: pa.Table, rejected: pa.Table) -> None:
    """Raise RuntimeError unless each listed clip is used or rejected, exactly once.

    The tables are those of the contracts of these names.
    """
    listed = [_keys(frame) for frame in (listing.clips, listing.problems)]
    accounted = [manifest, rejected]
    fits = sum(map(len, listed)) == sum(map(len, accounted)) == listing.listed
    for split in DATASETS[listing.dataset].splits:
        fits = fits and _ids(split, listed).equals(_ids(split, accounted))
    if not fits:
        raise RuntimeError(
            f"{listing.dataset}: {listing.listed} clips listed, {manifest.num_rows} used and "
            f"{rejected.num_rows} rejected do not add up"
        )


def _keys(frame: pd.DataFrame) -> pa.Table:
    return pa.Table.from_pandas(frame[["split", "clip_id"]], preserve_index=False)


def _ids(split: str, tables: list[pa.Table]) -> pa.Array:
    """Return the sorted ids of a split, in Arrow: Python's objects would take a gigabyte."""
    own = [table["clip_id"].filter(pc.equal(table["split"], split)) for table in tables]
    kind = pa.large_string()
    chunks = [chunk for part in own for chunk in part.cast(kind).chunks]
    ids = pa.chunked_array(chunks, kind).combine_chunks()
    return ids.take(pc.sort_indices(ids))
