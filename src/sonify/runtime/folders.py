"""Files and folders that are whole or not there."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
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
