"""What every script in workflow/scripts shares: its options, and how it fails."""

import argparse
import atexit
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

from sonify.runtime.errors import one_sentence_errors


def parser(
    description: str | None, settings: Callable[[str], object] | None = json.loads
) -> argparse.ArgumentParser:
    """A parser with --threads and, unless `settings` is None, --settings, decoded by it.

    Settings are the configuration values that the job uses, as JSON; `sonify.plan` makes them.
    """
    options = argparse.ArgumentParser(description=description)
    if settings:
        words = "configuration values, as JSON"
        options.add_argument("--settings", type=settings, required=True, help=words)
    options.add_argument("--threads", type=int, default=1, help="CPU threads of this job")
    return options


def named_file(text: str) -> tuple[str, Path]:
    """Name and path of an option written NAME=FILE."""
    name, _, file = text.partition("=")
    return name, Path(file)


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
