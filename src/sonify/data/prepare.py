"""Prepare a corpus in its public layout as 8 kHz Parquet: parts of clips, manifest, rejected.

Decoding runs in threads, because libsndfile and soxr release the interpreter lock: measurably as
fast as processes, without copying between them. Results are collected in the order of the clips, so
that the files do not depend on the number of threads. Memory holds one part of one split, and some
hundred bytes of every clip.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from sonify.contracts import tables
from sonify.contracts.audio_format import RATE_HZ
from sonify.data.attrition import check_accounts
from sonify.data.blocks import Preparation, Prepared, Rejection, prepared
from sonify.data.corpora.listing import REASONS, Listing
from sonify.data.corpora.registry import DATASETS
from sonify.data.corpora.roots import an_audio_file
from sonify.data.kept import Kept
from sonify.runtime.errors import SonifyError, printable

CLIPS_PER_ROW_GROUP = 64  # read at once: 10 MB for clips of 10 s
_PART_FORMAT = {
    "compression": "none",
    "row_group_size": CLIPS_PER_ROW_GROUP,
    # Not the samples, which it would only copy.
    "use_dictionary": ["dataset", "split", "labels.list.element"],
    "write_statistics": ["clip_id", "n_samples"],
}
# Columns of the manifest of which many clips say the same.
_SHARED = ("dataset", "corpus", "split", "part", "uploader", "licence")
_WRITTEN_AT_ONCE = 65_536  # rows of the manifest


@dataclass(frozen=True)
class Summary:
    """The outcome of preparation: counts of clips, duration of audio in seconds, rejected clips per
    reason, one warning for each empty split, and clips repeated to the shortest duration."""

    dataset: str
    listed: int
    used: int
    audio_s: float
    reasons: dict[str, int]
    warnings: tuple[str, ...]
    empty: tuple[str, ...] = ()
    repeated: int = 0

    def require(self, splits: Iterable[str]) -> None:
        """Raise SonifyError if any of `splits` is empty: better now than after training."""
        if empty := [split for split in splits if split in self.empty]:
            raise SonifyError(
                f"{self.dataset} has no usable clip in {', '.join(empty)}, which the "
                "configuration uses: correct the corpus or name another split"
            )

    def __str__(self) -> str:
        """The counts in one line."""
        rejected = sum(self.reasons.values())
        again = f", {self.repeated} of them repeated to length" if self.repeated else ""
        why = ", ".join(f"{n} {reason}" for reason, n in self.reasons.items())
        return (
            f"prepared {self.dataset}: {self.used} of {self.listed} listed clips used "
            f"({self.audio_s / 60:.1f} min{again}), {rejected} rejected{': ' + why if why else ''}"
        )


@dataclass(frozen=True)
class Batch:
    """The clips in one part of a split, and the clips rejected since the previous batch.

    clips: contract `clips`, at most `clips_per_part` rows; manifest: the same clips; rejected:
    contract `rejected`; seen: listed clips of the split processed so far.
    """

    split: str
    part: str
    clips: pa.Table
    manifest: pa.Table
    rejected: pa.Table
    seen: int


def prepare(
    listing: Listing,
    root: Path,
    out: Path,
    *,
    min_samples: int,
    max_s: float,
    clips_per_part: int,
    min_duration_s: float | None = None,
    peak_scaling: bool = True,
    workers: int = 1,
    progress: Callable[[int, int], None] = lambda done, total: None,
    kept: Kept | None = None,
) -> Summary:
    """Write the clips of `listing` below `out` and return the counts.

    Writes <split>/part-*.parquet, vocabulary, manifest and rejected; every split gets at least one
    part, which may be empty. The corpus is named as `out`. With `min_duration_s` shorter recordings
    are repeated from their start and cut to it, so that none is too short; the manifest then has
    more samples than their file. Without `peak_scaling` all stay at the level of their files.
    `progress(done, total)` counts listed clips. Blocks that `kept` has are not decoded again (see
    `data.blocks`). Raises SonifyError if no clip can be used.
    """
    out = Path(out)
    _clear(out)
    how = Preparation(min_samples, max_s, clips_per_part, min_duration_s, peak_scaling)
    done = len(listing.problems)
    manifests = [_compact(_table("manifest", []))]
    rejections = [_of_problems(listing, out.name)]
    empty = []
    for split in DATASETS[listing.dataset].splits:
        used = 0
        clips = prepared(listing, split, root, how, workers, kept)
        for batch in batches(listing, out.name, split, clips_per_part, clips):
            tables.write(batch.clips, out / split / batch.part, "clips", **_PART_FORMAT)
            manifests.append(_compact(batch.manifest))
            rejections.append(batch.rejected)
            used += batch.clips.num_rows
            progress(done + batch.seen, listing.listed)
        done += batch.seen
        if not used:
            empty.append(split)
    manifest, rejected = pa.concat_tables(manifests), pa.concat_tables(rejections)
    del manifests, rejections
    summary = _summary(listing, Path(root), manifest, rejected, empty)
    tables.write(listing.vocabulary, out / "vocabulary.parquet", "vocabulary")
    _write(rejected, out / "rejected.parquet", "rejected")
    _write(manifest, out / "manifest.parquet", "manifest")
    return summary


def batches(
    listing: Listing, corpus: str, split: str, clips_per_part: int, prepared: Iterable[Prepared]
) -> Iterator[Batch]:
    """Divide the prepared clips of one split into parts, `clips_per_part` each, in their order.

    Yields at least one batch; all but the last are full, and only a sole batch can be empty.
    """
    clips: list[dict[str, Any]] = []
    rejected: list[Rejection] = []
    part = seen = 0
    for result in prepared:
        if isinstance(result, Rejection):
            rejected.append(result)
        else:
            if len(clips) == clips_per_part:
                yield _batch(listing.dataset, corpus, split, part, clips, rejected, seen)
                part, clips, rejected = part + 1, [], []
            clips.append(result)
        seen += 1
    yield _batch(listing.dataset, corpus, split, part, clips, rejected, seen)


def _batch(
    dataset: str,
    corpus: str,
    split: str,
    number: int,
    clips: list[dict[str, Any]],
    rejected: list[Rejection],
    seen: int,
) -> Batch:
    part = f"part-{number:05d}.parquet"
    stored = [{**clip, "corpus": corpus, "part": f"{split}/{part}"} for clip in clips]
    return Batch(
        split=split,
        part=part,
        clips=_table("clips", clips),
        manifest=_table("manifest", stored),
        rejected=_rejected(dataset, corpus, rejected),
        seen=seen,
    )


def _compact(manifest: pa.Table) -> pa.Table:
    """Return rows of a manifest with each text that clips share held once: half the memory."""
    for name in _SHARED:
        at = manifest.column_names.index(name)
        manifest = manifest.set_column(at, name, manifest[name].dictionary_encode())
    return manifest


def _write(table: pa.Table, file: Path, name: str) -> None:
    """Write a table in the order of its key; only some rows at a time are held twice."""
    spec = tables.contract(name)
    table = table.unify_dictionaries()
    keys = pa.table({key: table[key].cast(spec.schema.field(key).type) for key in spec.key})
    order = pc.sort_indices(keys, [(key, "ascending") for key in spec.key])
    firsts = range(0, max(1, len(order)), _WRITTEN_AT_ONCE)
    tables.write_parts((table.take(order[i : i + _WRITTEN_AT_ONCE]) for i in firsts), file, name)


def _of_problems(listing: Listing, corpus: str) -> pa.Table:
    """Return what the listing itself rejects: contract `rejected`."""
    schema = tables.contract("rejected").schema
    named = listing.problems[list(Rejection._fields)].assign(dataset=listing.dataset, corpus=corpus)
    rejected = pa.Table.from_pandas(named, schema=schema, preserve_index=False)
    return _of_known_reasons(rejected)


def _table(name: str, rows: list[dict]) -> pa.Table:
    return pa.Table.from_pylist(rows, schema=tables.contract(name).schema)


def _rejected(dataset: str, corpus: str, problems: Iterable[tuple]) -> pa.Table:
    columns = ("dataset", "corpus", *Rejection._fields)
    rows = [dict(zip(columns, (dataset, corpus, *p), strict=True)) for p in problems]
    return _of_known_reasons(_table("rejected", rows))


def _of_known_reasons(rejected: pa.Table) -> pa.Table:
    if unknown := set(pc.unique(rejected["reason"]).to_pylist()) - REASONS.keys():
        raise SonifyError(f"reasons {sorted(unknown)} are not among {', '.join(REASONS)}")
    return rejected


def _summary(
    listing: Listing, root: Path, manifest: pa.Table, rejected: pa.Table, empty: list[str]
) -> Summary:
    """Count the clips after checking that each listed one is used or rejected, exactly once."""
    check_accounts(listing, manifest, rejected)
    counts = pc.value_counts(rejected["reason"]).to_pylist()
    counts.sort(key=lambda each: -each["counts"])  # equal ones in the order of the clips
    reasons = {each["values"]: each["counts"] for each in counts}
    dataset = listing.dataset
    if not manifest.num_rows:
        example = f", for instance {rejected['detail'][0].as_py()}" if rejected.num_rows else ""
        there = an_audio_file(root) if next(iter(reasons), "") == "missing_file" else None
        raise SonifyError(
            f"none of the {listing.listed} listed clips of {dataset} can be used"
            + "".join(f"; most often {r} ({REASONS[r]}{example})" for r in list(reasons)[:1])
            + (f"; {root} has {printable(there)}, for instance" if there else "")
            + ": point data.path at a complete copy"
        )
    return Summary(
        dataset=dataset,
        listed=listing.listed,
        used=manifest.num_rows,
        audio_s=(pc.sum(manifest["n_samples"]).as_py() or 0) / RATE_HZ,
        reasons=reasons,
        warnings=tuple(
            f"{dataset}/{split} has no usable clips: anything trained or measured on it will fail"
            for split in empty
        ),
        empty=tuple(empty),
        repeated=_longer_than_their_files(manifest),
    )


def _longer_than_their_files(manifest: pa.Table) -> int:
    n, source, rate = (
        manifest[name].to_numpy().astype(float)
        for name in ("n_samples", "source_samples", "source_rate")
    )
    return int((n > source * RATE_HZ / rate + 1).sum())  # resampling rounds, to one at the most


def _clear(out: Path) -> None:
    """Remove the files of an earlier run, whose surplus parts would be read along with the new."""
    for pattern in ("*.parquet", "*/part-*.parquet", "**/.*.partial"):
        for file in out.glob(pattern):
            file.unlink()
