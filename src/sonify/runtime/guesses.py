"""Guesses at what a misspelt name was meant to be."""

import difflib
from collections.abc import Iterable


def hint(name: str, known: Iterable[str], otherwise: str) -> str:
    """Return `did you mean 'fsd50k'?` if one of the `known` names is close, else `otherwise`."""
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"did you mean {close[0]!r}?" if close else otherwise
