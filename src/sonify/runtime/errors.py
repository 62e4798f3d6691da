"""Errors that users can fix, reported as one sentence on stderr with exit status 1."""

import errno
import signal
from collections.abc import Iterator
from contextlib import contextmanager

# Of torch on a CPU and a GPU, oneDNN, the dynamic linker, C++ and the system.
_MEMORY = (
    *("can't allocate memory", "not enough memory", "out of memory", "cannot allocate memory"),
    *("could not create a primitive", "failed to map segment", "bad_alloc"),
)


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
        if _is_memory(error):
            why = str(error).strip().split("\n")[0] or "the system gives no more"
            raise SystemExit(
                f"error: out of memory: {why}: give the job more memory (mem_mb on a cluster), or "
                "run fewer jobs at once or smaller batches"
            ) from None
        if not isinstance(error, OSError):
            raise
        name = f": {error.filename}" if error.filename else ""
        raise SystemExit(f"error: {error.strerror or error}{name}") from None


def _is_memory(error: BaseException) -> bool:
    """Tell an allocation that failed from other errors, by the words that libraries use for it."""
    if isinstance(error, MemoryError) or getattr(error, "errno", None) == errno.ENOMEM:
        return True
    return any(words in str(error).lower() for words in _MEMORY)
