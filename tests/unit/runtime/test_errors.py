"""What ends a job in one sentence, and folders that are whole or not there."""

import errno
import io
import os
import re
import resource
import shutil
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sonify.contracts import tables
from sonify.data import mixing
from sonify.data.download.catalogue import RemoteFile, write_receipt
from sonify.data.download.unpack import Target
from sonify.reporting.database import write_database
from sonify.runtime.cost import write_cost
from sonify.runtime.errors import named, one_sentence_errors
from sonify.runtime.folders import whole_folder, write_whole
from sonify.runtime.unfinished import Unfinished


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"),
        RuntimeError("could not create a primitive"),
        RuntimeError("CUDA out of memory. Tried to allocate 2 GiB\nmore"),
        ImportError("libtorch_cpu.so: failed to map segment from shared object"),
        RuntimeError("std::bad_alloc"),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
    ],
    ids=lambda error: str(error)[:30],
)  # fmt: skip
def test_memory_that_runs_out_is_one_sentence(error):
    with pytest.raises(SystemExit) as caught, one_sentence_errors():
        raise error
    sentence = str(caught.value)
    assert sentence.startswith("error: out of memory: ") and "\n" not in sentence
    assert sentence.endswith("or run fewer jobs at once or smaller batches")


@pytest.mark.parametrize("error", [RuntimeError("a bug"), ImportError("no module"), KeyError("x")])
def test_bugs_keep_their_traceback(error):
    with pytest.raises(type(error)), one_sentence_errors():
        raise error


def test_a_folder_is_whole_or_what_it_was(tmp_path):
    place = tmp_path / "gallery"

    def written(*names: str, stop: bool = False) -> None:
        with whole_folder(place) as folder:
            for name in names:
                (folder / name).write_text(name)
            if stop:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        written("a", stop=True)
    assert not list(tmp_path.iterdir())
    written("a", "b")
    with pytest.raises(KeyboardInterrupt):
        written("c", stop=True)
    assert sorted(f.name for f in place.iterdir()) == ["a", "b"]
    (tmp_path / ".gallery.partial").mkdir()  # of a job that was killed
    (tmp_path / ".gallery.partial" / "old").write_text("old")
    written("d")
    assert [f.name for f in place.iterdir()] == ["d"]
    assert list(tmp_path.iterdir()) == [place]


@contextmanager
def full_disk(size: int = 0):
    """A limit on the size of files stands for the disk: the system refuses a write likewise."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def table(file: Path) -> None:
    rows = {"dataset": "a", "index": range(9), "label": [*"abcdefghi"], "mid": "/m/a"}
    tables.write(pd.DataFrame(rows), file, "vocabulary")


def folder(place: Path) -> None:
    with whole_folder(place) as inside:
        (inside / "part").write_bytes(b"part")


def copied(place: Path) -> None:
    with whole_folder(place) as inside:
        shutil.copytree(place.parent / "static", inside, dirs_exist_ok=True)


WRITERS = {
    "a file": ("file", lambda file: write_whole(file, b"content")),
    "a table": ("table.parquet", table),
    "a folder": ("gallery", folder),
    "a folder that is copied": ("gallery", copied),
    "a sound": ("0.flac", lambda file: mixing._write_flac(file, np.zeros(9))),
    "the database": ("results.duckdb", write_database),
    "a cost": ("cost.tsv", lambda file: write_cost(file, 0.0)),
    "unfinished work": ("unfinished", lambda place: Unfinished(place, {"seed": 1})),
    "a member of an archive": (
        "member",
        lambda file: Target("a.zip", file.parent, file.with_name("scratch")).write(
            file, io.BytesIO(b"content"), 7
        ),
    ),
    "a receipt": (
        ".downloads.json",
        lambda file: write_receipt(file.parent, "a", [RemoteFile("a", "url", 1, "md5:0")]),
    ),
}


@pytest.mark.parametrize(("name", "write"), WRITERS.values(), ids=WRITERS)
def test_a_full_disk_is_one_sentence_with_file_and_remedy_whatever_is_written(
    tmp_path, name, write
):
    (tmp_path / "static").mkdir()
    (tmp_path / "static" / "script.js").write_bytes(b"script")
    with pytest.raises(SystemExit) as caught, full_disk(), one_sentence_errors():
        write(tmp_path / name)
    what, place, *remedy = str(caught.value).removeprefix("error: ").split(": ")
    assert what == "File too large" and remedy == [
        "raise the limit on the size of files (ulimit -f), then run again"
    ]
    assert Path(place) == tmp_path / name or Path(place).is_relative_to(tmp_path / "unfinished")
    assert not (tmp_path / name).is_file()


@pytest.mark.parametrize(
    ("code", "remedy"),
    [
        (errno.ENOSPC, "free some space there, then run again"),
        (errno.EDQUOT, "free some of your quota there, or ask for more, then run again"),
        (errno.EROFS, "mount it writable, or choose another place, then run again"),
        (errno.EACCES, "change its owner or permissions, then run again"),
        (errno.EPERM, "change its owner or permissions, then run again"),
        (errno.EMFILE, "raise the limit (ulimit -n), or run fewer jobs at once"),
        (errno.EIO, "its disk or network fails, as the system's log (dmesg) may say: correct that, "
         "then run again"),
        (errno.ENAMETOOLONG, "shorten it, or choose a place with a shorter path"),
        (errno.EISDIR, None),
    ],
    ids=errno.errorcode.get,
)  # fmt: skip
def test_an_error_of_the_system_names_the_file_and_what_to_do(code, remedy):
    words = os.strerror(code)
    expected = ": ".join(filter(None, [f"error: {words}", "results/a.parquet", remedy]))
    for at in ((), ("results/.a.parquet.7.partial",)):  # as of a write, and as of an open
        with (
            pytest.raises(SystemExit) as caught,
            one_sentence_errors(),
            named(Path("results/a.parquet"), Path("results/.a.parquet.7.partial")),
        ):
            raise OSError(code, words, *at)
        assert str(caught.value) == expected
    with (
        pytest.raises(SystemExit, match="other: ") as caught,
        one_sentence_errors(),
        named(Path("results/a.parquet")),
    ):
        raise OSError(errno.ENOSPC, "", "other")
    assert "a.parquet" not in str(caught.value)


def test_an_error_of_a_copy_without_known_words_keeps_them():
    """It is not made its own cause, which would be looked through without an end."""
    why = "[('a', 'b', 'something strange')]"
    with (
        pytest.raises(SystemExit, match=f"^error: {re.escape(why)}$"),
        one_sentence_errors(),
        named(Path("gallery")),
    ):
        raise shutil.Error([("a", "b", "something strange")])
