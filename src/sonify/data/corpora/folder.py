"""The user's own recordings: a folder with a list `clips.csv`, or folders `<split>/<label>/`.

The first line of `clips.csv` names its columns: `path` (relative to the folder), `split` and
`labels` (separated by `;`), and optionally `clip_id` (default: the path), `source_url`, `uploader`
and `licence`. Other columns are ignored.

Without that list, every file below `<split>/<label>/` is a clip with that one label. Hidden files
and files outside the split folders are ignored.

Classes are the labels in alphabetical order, or the lines of `vocabulary.txt` if that file exists.
"""

import csv
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import TextIO

from sonify.data.corpora.dataset import Dataset
from sonify.data.corpora.listing import Listing, Provenance, Row, is_text, listing, vocabulary
from sonify.data.corpora.lists import LayoutError, check_one_line, check_spelling, text_lines
from sonify.data.corpora.roots import Place, is_litter, present, walk
from sonify.data.corpora.sources import LocalSource

LIST = "clips.csv"
VOCABULARY = "vocabulary.txt"
SPLITS = ("train", "val", "eval")
COLUMNS = ("path", "split", "labels")


def read(root: Path) -> Listing:
    """List the clips of `clips.csv`, or those in the split folders; raises LayoutError."""
    root = Path(root)
    rows = list(_listed(root) if (root / LIST).is_file() else _placed(root))
    labels = _labels(root, rows)
    if not labels:
        raise LayoutError(
            f"{root} has no labelled clips: add a list {LIST}, or folders "
            f"{', '.join(SPLITS)} with a folder of recordings for each label"
        )
    classes = ((str(i), label, "") for i, label in enumerate(labels))
    return listing(
        vocabulary(DATASET.name, classes, source=VOCABULARY, remedy="correct it"),
        rows,
        key="label",
        vocabulary_file=VOCABULARY,
    )


def files(root: Path) -> Iterator[Place]:
    """Yield the files that `read` takes notice of: those of the list that there are, or else all
    below folders, and the list and the vocabulary."""
    yield from present(root, DATASET.lists)
    if (root / LIST).is_file():
        yield from ((path.parent, path.name) for path in _paths(root))
    else:
        yield from (place for place in walk(root) if place[0].parts)


def _paths(root: Path) -> Iterator[PurePosixPath]:
    """Yield the files that `clips.csv` names, each once; as far as it can be read: `read` says what
    is wrong with it."""
    seen = set()
    with suppress(OSError, UnicodeDecodeError, csv.Error), _opened(root) as file:
        for fields in csv.DictReader(file, skipinitialspace=True):
            path = _path(root, fields.get("path") or "")
            if path not in seen and _is_below(path) and os.path.lexists(root / path):
                seen.add(path)
                yield path


def _opened(root: Path) -> TextIO:
    return (root / LIST).open(encoding="utf-8-sig", newline="")


def _path(root: Path, text: str) -> PurePosixPath:
    path = PurePosixPath(text.strip())
    if "\\" in str(path) and not os.path.lexists(root / path):
        return PurePosixPath(str(path).replace("\\", "/"))  # a list made on Windows
    return path


def _is_below(path: PurePosixPath) -> bool:
    return bool(path.parts) and not path.is_absolute() and ".." not in path.parts


def _listed(root: Path) -> Iterator[Row]:
    """Yield the rows of `clips.csv`."""
    lines: dict[object, int] = {}
    try:
        with _opened(root) as file:
            table = csv.DictReader(file, skipinitialspace=True)
            twice = [name for name in COLUMNS if (table.fieldnames or []).count(name) > 1]
            if twice:
                raise LayoutError(
                    f"{root / LIST} has two columns {twice[0]}: rename or remove one of them"
                )
            missing = [name for name in COLUMNS if name not in (table.fieldnames or ())]
            if missing:
                raise LayoutError(
                    f"{root / LIST} has no column {', '.join(missing)}: name the columns "
                    f"{', '.join(COLUMNS)} in its first line"
                )
            before = table.line_num
            for fields in table:
                check_one_line(f"{root / LIST}, line {before + 1}", table.line_num - before)
                before = table.line_num
                if None in fields or None in fields.values():
                    raise LayoutError(
                        f"{root / LIST}, line {table.line_num}: the number of fields differs from "
                        "that of the first line: put quotes around fields that contain commas"
                    )
                yield _row(root, fields, table.line_num, lines)
    except (UnicodeDecodeError, csv.Error) as error:
        raise LayoutError(
            f"{root / LIST} is not a UTF-8 CSV file ({error}): save it in that format"
        ) from error


def _row(root: Path, fields: dict[str, str], line: int, lines: dict[object, int]) -> Row:
    """Return the row of one line; lines: the first line of each file so far, updated here."""
    split, place = fields["split"].strip(), _path(root, fields["path"])
    where = f"{root / LIST}, line {line}"
    if split not in SPLITS:
        raise LayoutError(f"{where}: split {split!r} is not one of {', '.join(SPLITS)}: correct it")
    if not _is_below(place):
        raise LayoutError(
            f"{where}: path {fields['path']!r} does not name a file below {root}: give a path "
            "relative to it"
        )
    path, first = place.as_posix(), lines.setdefault(_identity(root / place), line)
    again = f"{path} is listed already in line {first}"
    labels = (label.strip() for label in fields["labels"].split(";"))
    return Row(
        split=split,
        clip_id=fields.get("clip_id", "").strip() or path,
        labels=tuple(label for label in labels if label),
        path=path if os.path.lexists(root / place) else None,
        wanted=path,
        source=LIST,
        line=line,
        provenance=Provenance(*(fields.get(name, "").strip() for name in Provenance._fields)),
        problem=None if first == line else ("duplicate_file", again),
    )


def _identity(file: Path) -> object:
    """Tell files apart, whatever the links and spellings by which they are reached."""
    try:
        status = file.stat()
    except (OSError, ValueError):  # there is none, or none can have that name
        return file
    return status.st_dev, status.st_ino


def _placed(root: Path) -> Iterator[Row]:
    """Yield the files below the split folders."""
    visible = (entry for entry in root.iterdir() if not is_litter(entry.name) and entry.is_dir())
    for entry in visible:
        if entry.name not in SPLITS:
            raise LayoutError(
                f"{entry} is not one of the splits {', '.join(SPLITS)}: rename or move it, or add "
                f"a list {LIST} to {root}"
            )
    files: dict[object, str] = {}
    for number, (folder, name) in enumerate(walk(root, once=True), start=1):
        if folder.parts:
            split, labels, path = folder.parts[0], folder.parts[1:2], str(folder / name)
            first = files.setdefault(_identity(root / path), path)
            again = ("duplicate_file", f"{path} is the same file as {first}")
            problem = None if first == path else again
            yield Row(
                *(split, path, labels, path, path, f"folder {folder}", number), problem=problem
            )


def _labels(root: Path, rows: list[Row]) -> list[str]:
    """Return the class labels in order, without those that are not valid UTF-8."""
    if (root / VOCABULARY).is_file():
        return [line for line in text_lines(root, VOCABULARY, "correct it") if line]
    labels = sorted({label for row in rows for label in row.labels if is_text(label)})
    check_spelling(labels, root)
    return labels


DATASET = Dataset(
    name="folder",
    display_name="own recordings",
    splits=SPLITS,
    scored_split="eval",
    read=read,
    lists=(LIST, VOCABULARY),
    files=files,
    sources=("local",),
    options=LocalSource,
)
