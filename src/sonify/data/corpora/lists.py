"""Reading the lists of a corpus: CSV and text files in which no line may get lost.

Light: the readers, which use it, stand beside the declarations of their datasets.
"""

import csv
import re
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path

from sonify.runtime.errors import SonifyError

# What Excel and its relatives show, in any language: #NAME?, #WERT!, #DIV/0!, #N/A, #NV.
_SPREADSHEET_ERROR = re.compile(r"#(\w[\w/]*[?!]|N/A|NV)|Err:\d+|#{2,}")


class LayoutError(SonifyError):
    """A corpus that deviates from its public layout; the message is a sentence with a remedy."""


def csv_lines(root: Path, name: str, columns: int) -> Iterator[tuple[int, list[str]]]:
    """Yield (line number, fields) for each line of a CSV file, skipping empty lines and the `#`
    comments at its head; spaces after commas are dropped.

    Raises LayoutError for a line without exactly `columns` fields, a quotation mark that is not
    closed, or a file that is not UTF-8.
    """
    try:
        with (root / name).open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, skipinitialspace=True)
            before, at_head = 0, True
            for fields in reader:
                check_one_line(f"{name}, line {before + 1}", reader.line_num - before)
                before = reader.line_num
                if not fields or (at_head and _is_comment(fields, columns)):
                    continue
                at_head = False
                if len(fields) != columns:
                    raise LayoutError(
                        f"{name}, line {reader.line_num}: {len(fields)} fields where {columns} "
                        f"are expected: restore the published file in {root}"
                    )
                yield reader.line_num, fields
    except (UnicodeDecodeError, csv.Error) as error:
        raise LayoutError(
            f"{name} is not a UTF-8 CSV file ({error}): restore the published file in {root}"
        ) from error


def check_one_line(where: str, lines: int) -> None:
    """Raise LayoutError for a row of several lines, which a quotation mark has swallowed."""
    if lines > 1:
        raise LayoutError(
            f"{where}: a quotation mark there is not closed, so that {lines} lines are one: add or "
            "remove it"
        )


def _is_comment(fields: list[str], columns: int) -> bool:
    """Tell a comment from a clip whose id begins with `#`, as a spreadsheet's `#NAME?` does."""
    row = len(fields) == columns and not fields[0].startswith("# ")
    return fields[0].startswith("#") and not (row and any(map(str.isdigit, "".join(fields[1:]))))


def spreadsheet_error(clip_id: str) -> tuple[str, str] | None:
    """Return reason and detail for an id that is a spreadsheet's error, as #NAME?; else None."""
    if not _SPREADSHEET_ERROR.fullmatch(clip_id):
        return None
    return "bad_id", f"{clip_id} is what a spreadsheet shows in place of an id: restore the list"


def check_spelling(labels: Iterable[str], where: object) -> None:
    """Raise LayoutError for labels that differ only in case, accents' encoding or spaces."""
    seen: dict[str, str] = {}
    for label in labels:
        key = " ".join(spelling(label).split())
        if seen.setdefault(key, label) != label:
            raise LayoutError(
                f"{where}: the labels {seen[key]!r} and {label!r} differ only in spelling, and "
                "would be two classes: use one of them"
            )


def spelling(name: str) -> str:
    """The name as it is compared with others: composed letters, without case."""
    return unicodedata.normalize("NFC", name).casefold()


def headed_lines(root: Path, name: str, header: tuple[str, ...]) -> Iterator[tuple[int, list[str]]]:
    """Yield `csv_lines` below the header; raises LayoutError unless the first line is `header`."""
    lines = csv_lines(root, name, len(header))
    first = next(lines, (0, []))[1]
    if tuple(first) != header:
        raise LayoutError(
            f"{name} begins with {','.join(first)!r} instead of {','.join(header)!r}: "
            f"restore the published file in {root}"
        )
    yield from lines


def text_lines(root: Path, name: str, remedy: str = "restore the published file") -> list[str]:
    """Return the stripped lines of a text file; raises LayoutError if it is not UTF-8."""
    try:
        return [line.strip() for line in (root / name).read_text("utf-8-sig").splitlines()]
    except UnicodeDecodeError as error:
        raise LayoutError(f"{name} is not UTF-8 text ({error}): {remedy} in {root}") from error


def split_labels(field: str) -> tuple[str, ...]:
    """The names in a comma-separated list; none for an empty field."""
    return tuple(name for name in (part.strip() for part in field.split(",")) if name)
