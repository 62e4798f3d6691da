"""What every script in workflow/scripts shares: its options, and how it fails."""

import argparse
import json
import sys
from collections.abc import Callable

from sonify.errors import one_sentence_errors


def parser(description: str | None) -> argparse.ArgumentParser:
    """A parser with --settings (the config values the job uses, as JSON) and --threads."""
    options = argparse.ArgumentParser(description=description)
    options.add_argument("--settings", type=json.loads, default={}, help="config values, as JSON")
    options.add_argument("--threads", type=int, default=1, help="CPU threads of this job")
    return options


def say(sentence: str) -> None:
    """Tell the console and the log what a job came to."""
    print(sentence, file=sys.stderr, flush=True)


def run(main: Callable[[], None]) -> None:
    """Run a script's `main`; bad input ends it with one sentence (see sonify.errors)."""
    with one_sentence_errors():
        main()
