"""References inside a configuration."""

from collections.abc import Collection

from sonify.runtime.errors import ConfigError
from sonify.runtime.guesses import hint

MAX_SUGGESTIONS = 8  # names of what there is


def check_name(key: str, name: str, known: Collection[str]) -> None:
    """Raise ConfigError, with a guess at what was meant, if `name`, the value of `key`, is not
    among the `known`.
    """
    if name not in known:
        some = ", ".join(list(known)[:MAX_SUGGESTIONS]) + (
            ", ..." if len(known) > MAX_SUGGESTIONS else ""
        )
        guess = hint(name, known, f"there are {some}")
        raise ConfigError(f"config: {key} names {name!r}, which is not defined: {guess}")
