"""How a script ends on bad input: with one sentence on stderr and exit status 1."""

import dis
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class ConfigError(ValueError):
    """A configuration that cannot be run."""


_PACKAGE = Path(__file__).resolve().parents[1]


@contextmanager
def one_sentence_errors() -> Iterator[None]:
    """`with one_sentence_errors():` or `@one_sentence_errors()`: the errors a user can mend become
    `SystemExit("error: <sentence>")`.

    These are a ValueError that this package raises, whose message is written for the reader, and an
    OSError (no such file, no permission, disk full). A ValueError out of a library is our own
    mistake, so it keeps its traceback, as every other exception does.
    """
    try:
        yield
    except ValueError as error:
        if not _raised_here(error):
            raise
        raise SystemExit(f"error: {error}") from None
    except OSError as error:
        name = f": {error.filename}" if error.filename else ""
        raise SystemExit(f"error: {error.strerror or error}{name}") from None


def _raised_here(error: BaseException) -> bool:
    """Whether the error comes from a `raise` statement of this package.

    The innermost frame alone does not tell: a failure inside compiled code has no frame of its own
    and shows the line of ours that called it. The instruction does.
    """
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None or _PACKAGE not in Path(trace.tb_frame.f_code.co_filename).parents:
        return False
    instruction = trace.tb_frame.f_code.co_code[trace.tb_lasti]
    return dis.opname[instruction] == "RAISE_VARARGS"
