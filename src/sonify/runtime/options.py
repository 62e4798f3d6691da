"""Checks of option values that several commands have."""

import math
from pathlib import Path

from sonify.runtime.errors import SonifyError


def check_positive(name: str, value: float) -> None:
    """Raise SonifyError unless the value of the option --`name` is a finite number above 0."""
    if not 0 < value < math.inf:
        raise SonifyError(f"--{name} is {value:g}: it must be a finite number above 0")


def check_place(name: str, file: Path) -> None:
    """Raise SonifyError unless there is a folder to write the file of the option --`name` into."""
    if not file.parent.is_dir():
        raise SonifyError(f"--{name} is {file}: there is no folder {file.parent}")
