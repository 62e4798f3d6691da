"""The registry of datasets: a new one is added to `DATASETS` as a module."""

from pathlib import Path

from sonify.data.corpora import audioset, folder, fsd50k, speech_commands
from sonify.data.corpora.dataset import Dataset
from sonify.data.corpora.listing import Listing
from sonify.runtime.errors import SonifyError

DATASETS: dict[str, Dataset] = {
    module.DATASET.name: module.DATASET for module in (audioset, fsd50k, speech_commands, folder)
}


def read(dataset: str, root: Path) -> Listing:
    """Return the listing of the corpus at `root`.

    Raises LayoutError for a faulty corpus, and SonifyError listing the datasets for an unknown one.
    """
    if dataset not in DATASETS:
        raise SonifyError(f"no dataset named {dataset!r}: choose one of {', '.join(DATASETS)}")
    return DATASETS[dataset].read(Path(root))
