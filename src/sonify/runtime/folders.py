"""Files and folders that are whole or not there."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from glob import escape
from pathlib import Path


def write_whole(file: Path, content: bytes, *, sync: bool = False) -> None:
    """Write a file that is whole or the one before, and readable as other files are.

    sync: even if the machine loses power.
    """
    partial = file.with_name(f".{file.name}.partial")
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
    """Put a file from `unfinished` in its place, and remove what killed processes left of it."""
    partial.replace(file)
    for left in file.parent.glob(f".{escape(file.name)}.*.partial"):
        try:
            os.kill(int(left.name.split(".")[-2]), 0)
        except ProcessLookupError:
            left.unlink(missing_ok=True)
        except (ValueError, PermissionError):  # not ours, or somebody else's process
            continue


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """Give a new folder to write to, which takes the place of `folder` once all is written.

    A job that is killed leaves either the folder of before, or none: never a part, which would be
    taken for the whole.
    """
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        yield partial
        shutil.rmtree(folder, ignore_errors=True)
        partial.replace(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
