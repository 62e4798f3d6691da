"""Errors that users can fix, reported as one sentence on stderr with exit status 1."""

import errno
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# Of torch on a CPU and a GPU, oneDNN, the dynamic linker, C++ and the system.
_MEMORY = (
    *("can't allocate memory", "not enough memory", "out of memory", "cannot allocate memory"),
    *("could not create a primitive", "failed to map segment", "bad_alloc"),
)
# What to do about errors of the system, where that is known.
_PERMISSION = "change its owner or permissions, then run again"
_LIMIT = "raise the limit (ulimit -n), or run fewer jobs at once"
_REMEDIES = {
    errno.ENOSPC: "free some space there, then run again",
    errno.EDQUOT: "free some of your quota there, or ask for more, then run again",
    errno.EFBIG: "raise the limit on the size of files (ulimit -f), then run again",
    errno.EROFS: "mount it writable, or choose another place, then run again",
    errno.EACCES: _PERMISSION,
    errno.EPERM: _PERMISSION,
    errno.EMFILE: _LIMIT,
    errno.ENFILE: _LIMIT,
    errno.EIO: "its disk or network fails, as the system's log (dmesg) may say: correct that, then "
    "run again",
    errno.ESTALE: "its file system was mounted anew meanwhile: run again",
    errno.ENAMETOOLONG: "shorten it, or choose a place with a shorter path",
}


class SonifyError(ValueError):
    """An error that the user can fix; its message says what is wrong, where, and the remedy."""


class ConfigError(SonifyError):
    """A configuration that cannot be run."""


def printable(name: str) -> str:
    """Return a name with escapes such as `\\x1b` for letters that cannot be seen, or move a cursor.

    Lists, folders and files of weights may hold any; sentences about them are one line of a console
    or of a table.
    """
    if name.isprintable():
        return name
    shown = (c if c.isprintable() else c.encode("unicode_escape").decode() for c in name)
    return "".join(shown)


@contextmanager
def one_sentence_errors() -> Iterator[None]:
    """Turn errors that a user can fix into `SystemExit("error: <sentence>")`.

    Works as a context manager and as a decorator. Applies to SonifyError and OSError (no such file,
    no permission, disk full) and to memory running out, however a library puts it; any other
    exception is a bug and keeps its traceback. Control-C ends with the status that shells give it,
    and without a word.
    """
    try:
        yield
    except KeyboardInterrupt:
        raise SystemExit(128 + signal.SIGINT) from None
    except SonifyError as error:
        raise SystemExit(f"error: {error}") from None
    except (MemoryError, RuntimeError, ImportError, OSError) as error:
        if memory := _memory(error):
            why = str(memory).strip().split("\n")[0] or "the system gives no more"
            raise SystemExit(
                f"error: out of memory: {why}: give the job more memory (mem_mb on a cluster), or "
                "run fewer jobs at once or smaller batches"
            ) from None
        if not isinstance(error, OSError):
            raise
        raise SystemExit(f"error: {in_words(error)}") from None


@contextmanager
def named(file: Path, partial: Path | None = None) -> Iterator[None]:
    """Have an error of the system that names no file name this one, as of a write to a full disk.

    So also one that names `partial`, which is written first, or a file below it.
    """
    try:
        yield
    except OSError as error:
        if error.errno is None:  # of a folder that is copied, only in words
            if worded := system_error(error, file):
                raise worded from error
            raise
        at = str(error.filename2 or error.filename or "")
        if not at or (partial and at.startswith(str(partial))):
            error.filename, error.filename2 = str(file), None
        raise


def system_error(error: Exception, file: Path) -> OSError | None:
    """Return the error of the system, at `file`, that a library has put in words; None if none."""
    words = str(error).lower()
    code = next((code for code in _REMEDIES if os.strerror(code).lower() in words), None)
    return OSError(code, os.strerror(code), str(file)) if code else None


def in_words(error: OSError) -> str:
    """Return what has happened, where, and what to do about it, as far as each is known."""
    remedy = _REMEDIES.get(error.errno or 0)
    what = os.strerror(error.errno or 0) if remedy else error.strerror or str(error)
    place = error.filename2 or error.filename  # the second is what was written
    return ": ".join(str(part) for part in (what, place, remedy) if part)


def _is_memory(error: BaseException) -> bool:
    """Tell an allocation that failed from other errors, by the words that libraries use for it."""
    if isinstance(error, MemoryError) or getattr(error, "errno", None) == errno.ENOMEM:
        return True
    return any(words in str(error).lower() for words in _MEMORY)


def _memory(error: BaseException | None) -> BaseException | None:
    """Return the allocation that failed, which a library may have reported at length; None if none.

    The first is the one that says what could not be loaded.
    """
    if error is None:
        return None
    context = None if error.__suppress_context__ else error.__context__
    before = _memory(error.__cause__ or context)
    return before or (error if _is_memory(error) else None)
