"""Parts of a job's work, kept on disk, so that a job that was killed does not make them again."""

import io
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from sonify.contracts import tables
from sonify.runtime.folders import write_whole

Made = TypeVar("Made")


class Kept:
    """Parts in the folder `place`; with None nothing is kept, and every part is made.

    A part that cannot be read is made again, with a sentence.
    """

    def __init__(self, place: Path | None = None) -> None:
        self.place = place

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
        if self.place is None:
            return make()
        file = self.place / name
        if file.is_file():
            try:
                return read(file)
            except (ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
                sys.stderr.write(f"{file} is damaged ({error}): this part is made again\n")
        made = make()
        write(made, file)
        return made
