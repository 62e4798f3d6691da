"""Option parsing, messages and error handling shared by the scripts in workflow/scripts."""

import argparse
import atexit
import json
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from sonify.runtime.cost import write_cost
from sonify.runtime.errors import one_sentence_errors
from sonify.runtime.seals import write_receipts


def parser(
    description: str | None, settings: Callable[[str], object] | None = json.loads
) -> argparse.ArgumentParser:
    """A parser with --threads and, unless `settings` is None, --settings, which it decodes.

    Settings are the configuration values that the job uses, as JSON written by `sonify.plan`.
    """
    options = argparse.ArgumentParser(description=description)
    if settings:
        words = "configuration values, as JSON"
        options.add_argument("--settings", type=settings, required=True, help=words)
    options.add_argument("--threads", type=int, default=1, help="CPU threads of this job")
    return options


def named_file(text: str) -> tuple[str, Path]:
    """Split an option value NAME=FILE into name and path."""
    name, _, file = text.partition("=")
    return name, Path(file)


def say(sentence: str) -> None:
    """Report the outcome of a job on stderr, which reaches both the console and the log."""
    print(sentence, file=sys.stderr, flush=True)


def run(main: Callable[[], None]) -> None:
    """Run a script's `main`, reporting bad input in one sentence (see sonify.runtime.errors).

    A workflow job (SONIFY_JOB says when it began and where to write its cost) then exits
    immediately, because tearing torch down takes the interpreter another three quarters of a
    second. It ends with the run that it is of (process SONIFY_RUN), however that ends: nothing of
    a run that was killed goes on beside the next.
    """
    if process := os.environ.get("SONIFY_RUN"):
        threading.Thread(target=_end_with, args=(int(process),), daemon=True).start()
    with one_sentence_errors():
        main()
        write_receipts()
        if job := os.environ.get("SONIFY_JOB"):
            started, _, file = job.partition(" ")
            write_cost(Path(file), float(started))
    if job:
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


def _end_with(process: int) -> None:
    """Wait for the end of another process, and then end this one."""
    try:
        if hasattr(os, "pidfd_open"):  # Linux
            select.select([os.pidfd_open(process)], [], [])
        else:
            while True:
                os.kill(process, 0)
                time.sleep(1.0)
    except ProcessLookupError:
        pass
    except OSError:  # such is no file of this kernel, or not our process: it cannot be watched
        return
    os.kill(os.getpid(), signal.SIGKILL)
