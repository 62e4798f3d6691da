"""The listing that every corpus reader returns: usable clips, and problems.

A reader yields one `Row` per line of the dataset's own lists; `listing` sorts them into clips and
problems, so that all datasets share one policy for duplicates and unknown labels. Imports stay
light because readers sit beside the declarations of their datasets: pandas is imported on use.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from sonify.data.corpora.dataset import Dataset
from sonify.data.corpora.lists import LayoutError
from sonify.runtime.errors import printable

if TYPE_CHECKING:
    import pandas as pd

# Reasons to reject a listed clip, the only values of the column `reason`, with their meanings.
REASONS: dict[str, str] = {
    "missing_file": "the corpus has no audio file for it",
    "unreadable": "the file is not audio that libsndfile, or ffmpeg where needed, can decode",
    "empty": "the file holds no samples",
    "truncated": "the file ends, or cannot be decoded, before the samples its header promises",
    "not_finite": "a sample is NaN or infinite",
    "silent": "all samples are equal, channels cancel, or next to nothing is left below 4 kHz",
    "outliers": "values far beyond full scale, to which scaling leaves only rounding of the sound",
    "too_short": "fewer samples at 8 kHz than data.min_samples",
    "too_long": "longer than data.max_s",
    "unknown_label": "a label is not in the vocabulary",
    "no_label": "the list gives it no label",
    "duplicate_id": "an earlier line lists the same id, in this or another split",
    "duplicate_file": "an earlier line lists the same file, in this or another split",
    "bad_id": "its id is a spreadsheet's error message",
    "bad_name": "its name is not UTF-8 text",
}


class Provenance(NamedTuple):
    """The origin of a recording, for attribution: the web page where it was published, the person
    who published it, and the URL of its licence; each empty if the dataset does not say."""

    source_url: str = ""
    uploader: str = ""
    licence: str = ""


class Row(NamedTuple):
    """One line of a dataset's lists.

    `labels` are spelled as in the list (label or mid). `path` is None if there is no audio, and
    `wanted` names the file that was expected. `source` and `line` locate the entry. `problem` is a
    reason and a clause of detail if the reader itself rejects the line.
    """

    split: str
    clip_id: str
    labels: Sequence[str]
    path: str | None
    wanted: str
    source: str
    line: int
    provenance: Provenance = Provenance()
    problem: tuple[str, str] | None = None


@dataclass(frozen=True)
class Listing:
    """All clips of one dataset, in tables of about 150 bytes a clip.

    vocabulary: dataset, index (0, 1, ...), label, mid (empty where the dataset has none).
    clips: split, clip_id, labels (a list of Arrow, in vocabulary order), path (POSIX, relative to
    the root), and the columns of Provenance.
    problems: split, clip_id, labels (as in clips, without those outside the vocabulary), path
    (empty when there is no audio), reason, detail.
    listed: number of lines in the dataset's lists, the sum of the rows of clips and problems.
    own_order: prepare clips in the order of this table rather than by clip_id.
    """

    dataset: str
    vocabulary: "pd.DataFrame"
    clips: "pd.DataFrame"
    problems: "pd.DataFrame"
    listed: int
    own_order: bool = False


def listing(
    vocabulary: "pd.DataFrame", rows: Iterable[Row], *, key: str, vocabulary_file: str
) -> Listing:
    """Sort `rows` into a listing, looking up labels in the vocabulary's column `key`.

    The first line with an id counts. Later ones are problems, even in another split, because the
    same recording would then leak from training into evaluation.
    """
    from sonify.data.corpora.listed_rows import ListedRows

    position = {name: i for i, name in enumerate(vocabulary[key])}
    found = ListedRows(list(vocabulary["label"]))
    for row in map(_legible, rows):
        problem = _problem(row, position, vocabulary_file)
        found.add(row, sorted({position[name] for name in row.labels if name in position}), problem)
    clips, problems = found.tables()
    return Listing(
        dataset=str(vocabulary["dataset"].iloc[0]),
        vocabulary=vocabulary,
        clips=clips,
        problems=problems,
        listed=len(clips) + len(problems),
    )


def vocabulary(
    dataset: str,
    classes: Iterable[tuple[str, str, str]],
    *,
    source: str,
    remedy: str = "restore the published file",
) -> "pd.DataFrame":
    """Return classes (index, label, mid) as a table in index order.

    Raises LayoutError unless the indices are 0, 1, ... and all labels are distinct UTF-8 text.
    """
    import pandas as pd

    rows = []
    for index, label, mid in classes:
        if not index.isdecimal():
            raise LayoutError(f"{source}: class index {index!r} is not a whole number: {remedy}")
        if not is_text(label):
            raise LayoutError(f"{source}: label {_escaped(label)} is not UTF-8 text: rename it")
        rows.append((dataset, int(index), label, mid))
    rows.sort(key=lambda row: row[1])
    if [row[1] for row in rows] != list(range(len(rows))) or not rows:
        raise LayoutError(
            f"{source}: the indices of its {len(rows)} classes are not 0, 1, 2, ...: {remedy}"
        )
    for column, name in ((2, "label"), (3, "mid")):
        values = [row[column] for row in rows if row[column]]
        twice = next((v for v in values if values.count(v) > 1), None)
        if twice is not None:
            raise LayoutError(f"{source}: {name} {twice!r} names two classes: {remedy}")
    return pd.DataFrame(rows, columns=["dataset", "index", "label", "mid"])


def check_root(dataset: Dataset, root: Path) -> None:
    """Raise LayoutError naming the required files that are missing from `root`."""
    missing = dataset.missing(root)
    if missing:
        raise LayoutError(
            f"{root} has no {', '.join(missing)}: point data.{dataset.name}.path at the root of an "
            f"extracted {dataset.name} corpus in its published layout"
        )


def is_text(name: str) -> bool:
    """Return False for a file name that is not valid UTF-8, which no table can store."""
    return name.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in name)


def _escaped(name: str) -> str:
    """Replace bytes of a file name that are not UTF-8 by escapes such as `\\xff`."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _legible(row: Row) -> Row:
    """Return the row, with names that are not UTF-8 escaped and reported as its problem."""
    if is_text(row.clip_id) and is_text(row.path or ""):
        return row
    path = _escaped(row.path or "")
    return row._replace(
        clip_id=_escaped(row.clip_id),
        labels=tuple(filter(is_text, row.labels)),
        path=path,
        source=_escaped(row.source),
        problem=("bad_name", f"the name of {path or row.wanted} is not UTF-8 text"),
    )


def _problem(row: Row, position: dict[str, int], vocabulary_file: str) -> tuple[str, str] | None:
    """The reason and detail for rejecting a row for its own sake, or None. Line numbers keep
    details distinct."""
    where = f"{printable(row.source)}, line {row.line}"
    if row.problem is not None:
        reason, detail = row.problem
        return reason, f"{where}: {printable(detail)}."
    if not row.labels:
        return "no_label", f"{where}: id {row.clip_id!r} has no label."
    unknown = [name for name in row.labels if name not in position]
    if unknown:
        return "unknown_label", f"{where}: label {unknown[0]!r} is not in {vocabulary_file}."
    if row.path is None:
        return "missing_file", f"{where}: there is no audio file {printable(row.wanted)}."
    return None
