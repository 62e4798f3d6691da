"""Seals: what made a result, and a checksum of all its bytes, inside the file itself.

A note is `sonify-seal:`, 64 digits and JSON. The digits are the SHA-256 of the file with zeros in
their place; the JSON says which rule, code, settings and inputs made it, or null where a file was
not made by the workflow. Parquet files carry it in their footer, weights in their header, a card
its own digests. Whatever cannot carry one has a receipt below results/provenance. Nothing depends
on time, machine or absolute path, so equal work gives equal bytes. Standard library only: the
workflow reads seals while it plans.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

from sonify.runtime.folders import write_whole

VARIABLE = "SONIFY_MADE"  # what the job makes, as JSON: rule, code, settings, inputs, outputs
KEY = "sonify"  # of the metadata of Parquet files and weights
RECEIPTS = Path("results/provenance/made")
CARD, MANIFEST = "model.json", "manifest.parquet"
CARRIERS = (".parquet", ".safetensors")
_MARK = b"sonify-seal:"
_BLANK = "0" * 64
_CHUNK = 1 << 20


def note() -> str:
    """The note of whatever this job writes, its digits still blank."""
    return f"{_MARK.decode()}{_BLANK}{json.dumps(made(), sort_keys=True)}"


def made() -> dict[str, Any] | None:
    """Return what made the results of this job; None outside the workflow."""
    return _made(os.environ.get(VARIABLE, ""))


def resolved(
    task: dict[str, Any], of: Callable[[Path], str | None] | None = None
) -> dict[str, Any]:
    """Return what makes the results of a task (rule, code, settings, inputs: a list of paths) now.

    of: the seal of an input, for those who remember some.
    """
    inputs = {_name(Path(path)): (of or seal)(Path(path)) for path in task["inputs"]}
    return {**{k: task[k] for k in ("rule", "code", "settings")}, "inputs": inputs}


def seal_bytes(content: bytes) -> bytes:
    """Fill in the digits of the note in the bytes of a file."""
    at = content.index(_MARK) + len(_MARK)
    digits = hashlib.sha256(content).hexdigest().encode()
    return content[:at] + digits + content[at + len(digits) :]


def seal_file(path: Path) -> None:
    """Fill in the digits of the note of a Parquet file that has just been written."""
    with path.open("r+b") as file:
        at = _place(file)
        if at is None:
            raise ValueError(f"{path} has no note to be sealed")
        digits = _digest(file, at)
        file.seek(at)
        file.write(digits.encode())


def fault(path: Path) -> str | None:
    """Return what is wrong with the bytes of a Parquet file or of weights; None if whole."""
    with path.open("rb") as file:
        at = _place(file)
        if at is None:
            return "it has no seal, so that it is damaged or not a file of this version"
        file.seek(at)
        claimed = file.read(len(_BLANK))
        return None if claimed == _digest(file, at).encode() else "its bytes are not its checksum's"


def card_digest(facts: dict[str, Any]) -> str:
    """SHA-256 of a model's card without its own digest, which it has at `sha256`, `model.json`."""
    digests = {name: value for name, value in facts.get("sha256", {}).items() if name != CARD}
    return hashlib.sha256(
        json.dumps({**facts, "sha256": digests}, sort_keys=True).encode()
    ).hexdigest()


def card_fault(path: Path) -> str | None:
    """Return what is wrong with a card or its weights; None if they are as they were made."""
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        digests = dict(facts["sha256"])
    except (OSError, ValueError, KeyError, TypeError):
        return "it is no card of this version"
    if digests.pop(CARD, None) != card_digest(facts):
        return "it is not as training wrote it"
    other = (name for name, digest in digests.items() if _differs(path.parent / name, digest))
    return next((f"{name} is not the file that it describes" for name in other), None)


def _differs(file: Path, digest: str) -> bool:
    return file.is_file() and content_digest(file) != digest


def read_note(path: Path) -> dict[str, Any] | None:
    """The seal of a result and what made it, as {"seal": ..., "made": ...}; None if neither it nor
    a receipt says so. Reads a few kilobytes and compares no checksum."""
    try:
        if path.suffix in CARRIERS:
            with path.open("rb") as file:
                return _note_in(file)
        return json.loads(receipt(path).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def seal(path: Path) -> str | None:
    """A short identity of the content of an input, as it says itself; None where nothing does.

    Splits are known by the manifest beside them, kept weights by the card of their model, files
    outside the results by their content.
    """
    if not path.exists():
        return None
    for sibling in (MANIFEST, CARD):
        if path.is_dir() and (path.parent / sibling).is_file():
            return seal(path.parent / sibling)
    if path.name == CARD:
        try:
            return str(json.loads(path.read_text(encoding="utf-8"))["sha256"][CARD])[:16]
        except (OSError, ValueError, KeyError, TypeError):
            return None
    found = read_note(path)
    if found:
        return str(found["seal"])[:16]
    outside = path.parts[:1] != RECEIPTS.parts[:1] and path.is_file()
    return content_digest(path)[:16] if outside else None


def receipt(path: Path) -> Path:
    """The receipt of a result that cannot carry a note."""
    return RECEIPTS / Path(*path.parts[1:]).with_name(f"{path.name}.json")


def write_receipts() -> None:
    """Write the receipts of this job's outputs that can carry no note."""
    task = os.environ.get(VARIABLE)
    for path in map(Path, json.loads(task)["outputs"] if task else ()):
        if has_receipt(path) and path.exists():
            file = receipt(path)
            file.parent.mkdir(parents=True, exist_ok=True)
            content = {"made": made(), "seal": content_digest(path)}
            write_whole(file, (json.dumps(content, sort_keys=True) + "\n").encode())


def has_receipt(path: Path) -> bool:
    """Tell whether an output has a receipt, because neither it nor a file beside it has a note."""
    known = any((path.parent / sibling).is_file() for sibling in (MANIFEST, CARD))
    return not (path.suffix in CARRIERS or path.name == CARD or (path.is_dir() and known))


def content_digest(path: Path) -> str:
    """SHA-256 of a file, or of the names and contents of all files of a folder.

    Not of hidden ones: Snakemake adds one with the date when the job is done.
    """
    if path.is_file():
        with path.open("rb") as content:
            return _digest(content)
    digest = hashlib.sha256()
    for file in sorted(file for file in path.rglob("*") if file.is_file()):
        if file.name.startswith("."):
            continue
        digest.update(f"{file.relative_to(path).as_posix()}\0{content_digest(file)}\0".encode())
    return digest.hexdigest()


@cache
def _made(text: str) -> dict[str, Any] | None:
    return resolved(json.loads(text)) if text else None


def _name(path: Path) -> str:
    """Files outside the results are named without their folder, which may be anywhere."""
    return path.as_posix() if path.parts[:1] == RECEIPTS.parts[:1] else path.name


def _head(file: BinaryIO) -> tuple[int, bytes]:
    """The part of a file that holds the note, and where it begins: a footer or a header."""
    start = file.read(8)
    if len(start) < 8:
        return 0, b""
    if start[:4] == b"PAR1":
        end = file.seek(-8, os.SEEK_END)
        size = min(int.from_bytes(file.read(4), "little"), end)
        file.seek(end - size)
        return end - size, file.read(size)
    return 8, file.read(min(int.from_bytes(start, "little"), 100 << 20))


def _place(file: BinaryIO) -> int | None:
    """Return where the digits of the note begin; None if there is no note."""
    start, head = _head(file)
    at = head.rfind(_MARK)
    return None if at < 0 else start + at + len(_MARK)


def _note_in(file: BinaryIO) -> dict[str, Any] | None:
    _, head = _head(file)
    at = head.rfind(_MARK)
    if at < 0:
        return None
    if head[:1] == b"{":  # the header of weights is JSON itself
        text = json.loads(head)["__metadata__"][KEY]
    else:
        text = head[at:].decode("utf-8", "replace")
    begin = len(_MARK)
    content, _ = json.JSONDecoder().raw_decode(text[begin + len(_BLANK) :])
    return {"seal": text[begin : begin + len(_BLANK)], "made": content}


def _digest(file: BinaryIO, blank: int | None = None) -> str:
    """SHA-256 of a file, with zeros in place of the digits at `blank`."""
    digest = hashlib.sha256()
    for start, end in _ranges(file, blank):
        file.seek(start)
        while start < end:
            chunk = file.read(min(_CHUNK, end - start))
            if not chunk:
                raise OSError(f"{file.name} has been cut while it was read")
            digest.update(chunk)
            start += len(chunk)
        if start == blank:
            digest.update(_BLANK.encode())
    return digest.hexdigest()


def _ranges(file: BinaryIO, blank: int | None) -> Iterator[tuple[int, int]]:
    size = file.seek(0, os.SEEK_END)
    yield 0, size if blank is None else blank
    if blank is not None:
        yield blank + len(_BLANK), size
