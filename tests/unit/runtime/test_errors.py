"""What ends a job in one sentence, and folders that are whole or not there."""

import errno

import pytest

from sonify.runtime.errors import one_sentence_errors
from sonify.runtime.folders import whole_folder


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
