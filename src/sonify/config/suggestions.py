"""References inside a configuration."""

import difflib
from collections.abc import Collection

from sonify.runtime.errors import ConfigError

MAX_SUGGESTIONS = 8  # names of what there is


def check_name(key: str, name: str, known: Collection[str]) -> None:
    """Raise ConfigError, with a guess at what was meant, if `name`, the value of `key`, is not
    among the `known`.
    """
    if name not in known:
        close = difflib.get_close_matches(name, known, n=1)
        some = ", ".join(list(known)[:MAX_SUGGESTIONS]) + (
            ", ..." if len(known) > MAX_SUGGESTIONS else ""
        )
        hint = f"did you mean {close[0]!r}?" if close else f"there are {some}"
        raise ConfigError(f"config: {key} names {name!r}, which is not defined: {hint}")
