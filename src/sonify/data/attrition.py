"""Account of the listed clips: how many were obtained, used and rejected."""

from pathlib import Path

import pandas as pd
import pyarrow as pa

from sonify.contracts import tables
from sonify.data.corpora.listing import Listing

COUNTS = ["listed", "obtained", "used", "rejected"]
ALL = ""  # the label of the row that counts all clips of a split


def attrition(
    listing: Listing, manifest: pd.DataFrame, rejected: pd.DataFrame, corpus: str
) -> pd.DataFrame:
    """Count the clips of each split and class of a corpus after preparation: contract `attrition`.

    manifest, rejected: tables of those contracts for this listing. In every row, listed = used +
    rejected; a clip counts as obtained if it has audio, usable or not. Classes absent from the list
    of a split have no row.
    """
    keys = ["split", "clip_id"]
    clips = listing.clips[[*keys, "labels"]].copy()
    key = pd.MultiIndex.from_frame(clips[keys])
    vanished = rejected.loc[rejected["reason"] == "missing_file", keys]
    clips["used"] = key.isin(pd.MultiIndex.from_frame(manifest[keys]))
    clips["obtained"] = ~key.isin(pd.MultiIndex.from_frame(vanished))
    problems = listing.problems[keys].assign(
        labels=listing.problem_labels, used=False, obtained=listing.problems["path"] != ""
    )
    rows = pd.concat([clips, problems], ignore_index=True)
    classes = rows.explode("labels").dropna(subset="labels").rename(columns={"labels": "label"})
    counts = pd.concat(_counted(r) for r in (rows.assign(label=ALL), classes))
    named = counts.assign(dataset=listing.dataset, corpus=corpus)
    return named[["dataset", "corpus", "split", "label", *COUNTS]]


def write(listing: Listing, out: Path) -> None:
    """Write the table `attrition` of a prepared corpus next to its manifest in `out`."""
    out = Path(out)
    manifest = tables.read(out / "manifest.parquet", "manifest")
    rejected = tables.read(out / "rejected.parquet", "rejected")
    counts = attrition(listing, manifest, rejected, out.name)
    tables.write(counts, out / "attrition.parquet", "attrition")


def _counted(rows: pd.DataFrame) -> pd.DataFrame:
    groups = rows.astype({"used": "int64", "obtained": "int64"}).groupby(["split", "label"])
    counts = groups.agg(listed=("used", "size"), obtained=("obtained", "sum"), used=("used", "sum"))
    counts["rejected"] = counts["listed"] - counts["used"]
    return counts.reset_index()


def check_accounts(listing: Listing, manifest: pa.Table, rejected: pa.Table) -> None:
    """Raise RuntimeError unless each listed clip is used or rejected, exactly once.

    The tables are those of the contracts of these names.
    """
    key = pa.schema([("split", pa.string()), ("clip_id", pa.string())])
    listed = [
        pa.Table.from_pandas(frame[key.names], key, preserve_index=False)
        for frame in (listing.clips, listing.problems)
    ]
    accounted = [table.select(key.names).cast(key) for table in (manifest, rejected)]
    # In Arrow, because two million keys as Python objects would take a gigabyte.
    one, other = (
        pa.concat_tables(part).sort_by([(name, "ascending") for name in key.names])
        for part in (listed, accounted)
    )
    if not one.equals(other) or one.num_rows != listing.listed:
        raise RuntimeError(
            f"{listing.dataset}: {listing.listed} clips listed, {manifest.num_rows} used and "
            f"{rejected.num_rows} rejected do not add up"
        )
