"""What every script in workflow/scripts shares: its options, and how it fails."""

import argparse
import json
import sys
from collections.abc import Callable

from sonify.errors import one_sentence_errors


def parser(description: str | None, settings: bool = True) -> argparse.ArgumentParser:
    """A parser with --threads and, unless told otherwise, --settings.

    Settings are the config values that the job uses, as JSON; `Plan` in sonify.workflow makes them.
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
    """Run a script's `main`; bad input ends it with one sentence (see sonify.errors)."""
    with one_sentence_errors():
        main()
