"""The published datasets, downloaded into the layout that preparation reads."""

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
    """Bring a dataset to `root` as far as it is not there; the table `downloads` of what it is.

    settings: `splits` that are in use, and the options of the dataset's function below.
    progress: called with the bytes downloaded by this call and what is being done.
    Raises SonifyError, one sentence with a remedy, when the dataset cannot be had in full; what has
    been downloaded and unpacked until then is kept for the next call.
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


# By the name that declarations of datasets use. Each takes (dataset, root, *, splits, threads,
# progress, and its own options of the configuration), and notes what is complete by
# catalogue.write_receipt.
_DOWNLOADERS: dict[str, Callable[..., None]] = {"archives": _archived, "collection": _collection}
