"""Parts of a job's work, kept on disk.

A job that was killed does not make its parts again. Several jobs may make a share of them each: the
i-th of n shares has every n-th part, from the i-th on. A further job then finds all of them made.
What a job has to do is either a numbered part of it for each stored part of a split (`by_part`),
or one for each share (`pieces`).
"""

import io
import sys
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from sonify.contracts import tables
from sonify.runtime.errors import SonifyError
from sonify.runtime.folders import write_whole

Made = TypeVar("Made")
_DAMAGED = (ValueError, KeyError, EOFError, zipfile.BadZipFile)  # what reading such a part raises


class Kept:
    """Parts in the folder `place`; with None nothing is kept, and every part is made.

    share: (i, n) for those of the i-th of n shares alone. shares: the folders that the jobs of all
    shares have left; then none is made here. A part that cannot be read is made again, with a
    sentence; SonifyError for one that a share should have and has not.
    """

    def __init__(
        self,
        place: Path | None = None,
        share: tuple[int, int] | None = None,
        shares: Sequence[Path] = (),
    ) -> None:
        self.place, self.shares = place, tuple(shares)
        self.first, self.step = (share[0] - 1, share[1]) if share else (0, 1)

    def owns(self, number: int) -> bool:
        """Tell whether the part of this number, from 0 on, is to be made or found here."""
        return number % self.step == self.first

    def pieces(self, name: str) -> list[str]:
        """The names of what is owned of a piece of work that each share has a part of."""
        numbers = range(len(self.shares)) if self.shares else [self.first]
        return [f"{name}-{number:05d}" for number in numbers]

    def table(self, name: str, contract: str, make: Callable[[], pd.DataFrame]) -> pd.DataFrame:
        """Return the part `name`, a table that meets `contract`: as it was kept, or made now."""

        def write(made: pd.DataFrame, file: Path) -> None:
            tables.write(made, file, contract)

        def read(file: Path) -> pd.DataFrame:
            return tables.read(file, contract)

        return self._part(f"{name}.parquet", make, write, read)

    def arrays(self, name: str, make: Callable[[], dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
        """Return the part `name`, arrays by name: as they were kept, or made now."""

        def write(made: dict[str, np.ndarray], file: Path) -> None:
            arrays: dict[str, Any] = dict(made)
            content = io.BytesIO()
            np.savez(content, **arrays)
            write_whole(file, content.getvalue())

        def read(file: Path) -> dict[str, np.ndarray]:
            with np.load(io.BytesIO(file.read_bytes()), allow_pickle=False) as kept:
                return {key: kept[key] for key in kept.files}

        return self._part(f"{name}.npz", make, write, read)

    def _part(
        self,
        name: str,
        make: Callable[[], Made],
        write: Callable[[Made, Path], None],
        read: Callable[[Path], Made],
    ) -> Made:
        if self.shares:
            return self._shared(name, read)
        if self.place is None:
            return make()
        file = self.place / name
        if file.is_file():
            try:
                return read(file)
            except _DAMAGED as error:
                sys.stderr.write(f"{file} is damaged ({error}): this part is made again\n")
        made = make()
        write(made, file)
        return made

    def _shared(self, name: str, read: Callable[[Path], Made]) -> Made:
        file = next((f for s in self.shares if (f := s / name).is_file()), None)
        if file is None:
            raise SonifyError(
                f"{name} is in none of {', '.join(map(str, self.shares))}: delete them and run "
                "again"
            )
        try:
            return read(file)
        except _DAMAGED as error:
            raise SonifyError(
                f"{file} is damaged ({error}): delete {file.parent} and run again"
            ) from error
