"""Numbers of things in sentences."""


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """Return a number and its noun, as `1 clip` or `3 clips`; `plural` where it takes no s alone.

    >>> from sonify.runtime.plurals import counted
    >>> counted(1, "clip"), counted(0, "clip"), counted(2, "mismatch", "mismatches")
    ('1 clip', '0 clips', '2 mismatches')
    """
    return f"{number} {noun if number == 1 else plural or f'{noun}s'}"
