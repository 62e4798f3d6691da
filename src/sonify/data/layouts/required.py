"""What a corpus root must hold, before anything in it is read.

Standard library only: the workflow imports this while it is parsed, to name a missing file before
the first job starts.
"""

import hashlib
import os
from pathlib import Path

# In the order in which clips are listed; the dataset's own words.
SPLITS: dict[str, tuple[str, ...]] = {
    "audioset": ("balanced_train", "unbalanced_train", "eval"),
    "fsd50k": ("train", "val", "eval"),
    "speech_commands": ("train", "val", "test"),
}

_REQUIRED: dict[str, tuple[str, ...]] = {
    "audioset": (
        "class_labels_indices.csv",
        "balanced_train_segments.csv",
        "unbalanced_train_segments.csv",
        "eval_segments.csv",
    ),
    "fsd50k": (
        "FSD50K.ground_truth/vocabulary.csv",
        "FSD50K.ground_truth/dev.csv",
        "FSD50K.ground_truth/eval.csv",
        "FSD50K.dev_audio",
        "FSD50K.eval_audio",
    ),
    "speech_commands": ("validation_list.txt", "testing_list.txt"),
}


def required(dataset: str) -> tuple[str, ...]:
    """Files and folders a root of `dataset` must hold, relative to it.

    Raises ValueError listing the known datasets for any other name.
    """
    if dataset not in _REQUIRED:
        raise ValueError(f"no dataset named {dataset!r}: choose one of {', '.join(_REQUIRED)}")
    return _REQUIRED[dataset]


def missing(dataset: str, root: Path) -> list[str]:
    """The required files and folders that `root` lacks, in the order of `required`."""
    return [name for name in required(dataset) if not (Path(root) / name).exists()]


def names_hash(root: Path) -> str:
    """A short hash of the names of all files below `root`, to notice clips that come or go.

    Names alone, so that a copy of a corpus counts as the same and two million files take seconds.
    """
    digest = hashlib.sha256()
    for folder, subfolders, files in os.walk(root):
        subfolders.sort()
        place = Path(folder).relative_to(root).as_posix()
        digest.update("\0".join([place, *sorted(files), ""]).encode("utf-8", "surrogateescape"))
    return digest.hexdigest()[:16]
