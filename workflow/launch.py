"""Runs a script as `python SCRIPT ARGUMENT...` does: `python launch.py SCRIPT ARGUMENT...`.

Scripts report errors that users can fix in one sentence, but only once they have imported what they
need, for which memory may be lacking. Here importing is part of it. SCRIPT may be -m MODULE.
"""

import runpy
import sys
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path
from types import TracebackType

HERE = Path(__file__).resolve().parent
# Whose lines stand in every traceback above the script's.
_ABOVE = {__file__, *(str(HERE / name) for name in ("launch.py", "warm.py"))}
_ABOVE.add(runpy.run_path.__code__.co_filename)


def run(arguments: list[str], library: list[str]) -> None:
    """Do what an interpreter does with its command line; `library`: folders to import from first.

    What a user can fix ends it in one sentence; the traceback of a bug begins in the script.
    """
    sys.excepthook = _tell
    # By which the ranks of a training are started (sonify.training.together), from a fork as well.
    sys.orig_argv = [sys.executable, str(HERE / "launch.py"), *arguments]
    sys.path[:1] = [str(_folder(arguments[0])), *library]
    ending: AbstractContextManager[None] = nullcontext()
    if arguments[0] != "-m" or arguments[1].startswith("sonify."):  # others look for it themselves
        with suppress(ImportError):  # without the library, a module speaks for itself
            from sonify.runtime.errors import one_sentence_errors

            ending = one_sentence_errors()  # imported first, for that needs memory too
    with ending:
        if arguments[0] == "-m":
            sys.argv = arguments[1:]
            runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
        else:
            sys.argv = arguments
            runpy.run_path(arguments[0], run_name="__main__")


def _folder(script: str) -> Path:
    """Return where an interpreter looks first for what a script imports."""
    return Path.cwd() if script == "-m" else Path(script).resolve().parent


def _tell(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Print an error as Python does, without the lines above the script's."""
    while trace and trace.tb_frame.f_code.co_filename in _ABOVE:
        trace = trace.tb_next
    sys.__excepthook__(kind, error.with_traceback(trace), trace)


if __name__ == "__main__":
    run(sys.argv[1:], [])
