"""How a script ends on bad input: with one sentence on stderr and exit status 1."""

from collections.abc import Iterator
from contextlib import contextmanager


class SonifyError(ValueError):
    """A fault that the user can fix; its message says what is wrong, where, and how to fix it."""


class ConfigError(SonifyError):
    """A configuration that cannot be run."""


@contextmanager
def one_sentence_errors() -> Iterator[None]:
    """`with one_sentence_errors():` or `@one_sentence_errors()`: errors that a user can fix become
    `SystemExit("error: <sentence>")`.

    These are a SonifyError and an OSError (no such file, no permission, disk full). Any other
    exception is our own mistake and keeps its traceback.
    """
    try:
        yield
    except SonifyError as error:
        raise SystemExit(f"error: {error}") from None
    except OSError as error:
        name = f": {error.filename}" if error.filename else ""
        raise SystemExit(f"error: {error.strerror or error}{name}") from None
