"""What every script in workflow/scripts shares: its options, and how it fails."""

import argparse
import atexit
import json
import os
import sys
from collections.abc import Callable

from sonify.runtime.errors import one_sentence_errors


def parser(description: str | None, settings: bool = True) -> argparse.ArgumentParser:
    """A parser with --threads and, unless told otherwise, --settings.

    Settings are the config values that the job uses, as JSON; `sonify.plan` makes them.
    """
    options = argparse.ArgumentParser(description=description)
    if settings:
        told = "config values, as JSON"
        options.add_argument("--settings", type=json.loads, required=True, help=told)
    options.add_argument("--threads", type=int, default=1, help="CPU threads of this job")
    return options


def say(sentence: str) -> None:
    """Tell the console and the log what a job came to."""
    print(sentence, file=sys.stderr, flush=True)


def run(main: Callable[[], None]) -> None:
    """Run a script's `main`; bad input ends it with one sentence (see sonify.runtime.errors).

    A job of the workflow (SONIFY_JOB is set) then ends at once: Python would take torch down piece
    by piece, three quarters of a second in which nothing happens any more.
    """
    with one_sentence_errors():
        main()
    if os.environ.get("SONIFY_JOB"):
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)
