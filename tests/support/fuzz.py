"""How many cases a fuzz test tries: few in `make test`, SONIFY_FUZZ=10000 for as many in each."""

import os

NUMBER = os.environ.get("SONIFY_FUZZ")


def examples(usual: int) -> int:
    """The number of cases of one test."""
    return int(NUMBER or usual)
