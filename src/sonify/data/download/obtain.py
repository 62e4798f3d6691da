"""Download published datasets in the layout that preparation reads."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from sonify.data.corpora.registry import DATASETS
from sonify.data.download import catalogue
from sonify.runtime.errors import SonifyError

Report = Callable[[int, str], None]


def obtain(
    dataset: str,
    root: Path,
    settings: dict[str, Any],
    *,
    threads: int = 1,
    progress: Report = lambda done, note: None,
) -> pd.DataFrame:
    """Download the missing parts of a dataset to `root` and return its table `downloads`.

    settings: the `splits` in use, and the options of the dataset's downloader below.
    progress: called with the bytes downloaded by this call and a note on the current step.
    Raises SonifyError, one sentence with a remedy, if the dataset cannot be obtained in full; what
    has been downloaded and unpacked by then is kept for the next call.
    """
    root = Path(root)
    downloader = DATASETS[dataset].downloader
    if downloader is None:
        raise SonifyError(f"{dataset} cannot be downloaded: set data.{dataset}.source to another")
    _DOWNLOADERS[downloader](dataset, root, threads=threads, progress=progress, **settings)
    rows = [
        {"dataset": dataset, "file": file["name"], **file}
        for files in catalogue.receipt(root).values()
        for file in files
    ]
    return pd.DataFrame(rows).drop(columns="name")


def _archived(dataset: str, root: Path, *, splits: Iterable[str], threads: int, **options) -> None:
    from sonify.data.download.archives import obtain_archives

    obtain_archives(dataset, root, splits, **options)


def _collection(
    dataset: str, root: Path, *, splits: Iterable[str], threads: int, **options
) -> None:
    from sonify.data.download.audioset import obtain_audioset

    obtain_audioset(root, splits, workers=threads, **options)


# Keyed by `Dataset.downloader`. Each takes (dataset, root, *, splits, threads, progress, and its
# own configuration options) and records what is complete with catalogue.write_receipt.
_DOWNLOADERS: dict[str, Callable[..., None]] = {"archives": _archived, "collection": _collection}
