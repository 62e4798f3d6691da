"""Errors that users can fix, reported as one sentence on stderr with exit status 1."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager


class SonifyError(ValueError):
    """An error that the user can fix; its message says what is wrong, where, and the remedy."""


class ConfigError(SonifyError):
    """A configuration that cannot be run."""


@contextmanager
def one_sentence_errors() -> Iterator[None]:
    """Turn errors that a user can fix into `SystemExit("error: <sentence>")`.

    Works as a context manager and as a decorator. Applies to SonifyError and OSError (no such file,
    no permission, disk full); any other exception is a bug and keeps its traceback. Control-C ends
    with the status that shells give it, and without a word.
    """
    try:
        yield
    except KeyboardInterrupt:
        raise SystemExit(128 + signal.SIGINT) from None
    except SonifyError as error:
        raise SystemExit(f"error: {error}") from None
    except OSError as error:
        name = f": {error.filename}" if error.filename else ""
        raise SystemExit(f"error: {error.strerror or error}{name}") from None
