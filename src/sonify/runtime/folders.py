"""Files and folders that are whole or not there."""

import os
import shutil
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from sonify.runtime.errors import named


def write_whole(file: Path, content: bytes, *, sync: bool = False) -> None:
    """Write a file that is whole or the one before, and readable as other files are.

    sync: even if the machine loses power.
    """
    partial = file.with_name(f".{file.name}.partial")
    with named(file, partial):
        with partial.open("wb") as out:
            out.write(content)
            if sync:
                out.flush()
                os.fsync(out.fileno())
        partial.replace(file)


def unfinished(file: Path) -> Path:
    """Return the path to write `file` at, unique to this process in case two write the same."""
    return file.with_name(f".{file.name}.{os.getpid()}.partial")


def finish(partial: Path, file: Path) -> None:
    """Put a file from `unfinished` in its place, and remove what killed processes left of it.

    What they left before this process first finished a file in that folder.
    """
    partial.replace(file)
    # The folder is listed only once: at each of thousands of parts, it would take longer each time.
    for left in _left_in(file.parent.absolute()).pop(file.name, ()):
        try:
            os.kill(int(left.name.split(".")[-2]), 0)
        except ProcessLookupError:
            left.unlink(missing_ok=True)
        except (ValueError, PermissionError):  # not ours, or somebody else's process
            continue


@cache
def _left_in(folder: Path) -> dict[str, list[Path]]:
    """Return unfinished files in a folder by the name of the file that each was to be."""
    left = defaultdict(list)
    for partial in folder.glob(".*.*.partial"):
        left[partial.name[1:].rsplit(".", 2)[0]].append(partial)
    return left


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """Give a new folder to write to, which takes the place of `folder` once all is written.

    A job that is killed leaves either the folder of before, or none: never a part, which would be
    taken for the whole.
    """
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        with named(folder, partial):
            partial.mkdir(parents=True)
            yield partial
            shutil.rmtree(folder, ignore_errors=True)
            partial.replace(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
