"""What a corpus root must hold, before anything in it is read.

Standard library only: the workflow imports this while it is parsed, to name a missing file before
the first job starts.
"""

import hashlib
import os
from pathlib import Path

from sonify.runtime.errors import SonifyError

# In the order in which clips are listed; the dataset's own words.
SPLITS: dict[str, tuple[str, ...]] = {
    "audioset": ("balanced_train", "unbalanced_train", "eval"),
    "fsd50k": ("train", "val", "eval"),
    "speech_commands": ("train", "val", "test"),
}

# Reading a size takes 6 us, a name 1 us: this many take a second, the two million files of AudioSet
# would take 12 s, and far longer over a network.
SIZED_FILES = 200_000
# A corpus with this file at its root was made by sonify.data.synthesis: what its ids would name in
# the public dataset is not what it holds.
SYNTHESISED = "SYNTHESISED.txt"

_REQUIRED: dict[str, tuple[str, ...]] = {
    "audioset": ("class_labels_indices.csv",),
    "fsd50k": (
        "FSD50K.ground_truth/vocabulary.csv",
        "FSD50K.ground_truth/dev.csv",
        "FSD50K.ground_truth/eval.csv",
        "FSD50K.dev_audio",
        "FSD50K.eval_audio",
    ),
    "speech_commands": ("validation_list.txt", "testing_list.txt"),
}
_LISTS = (".csv", ".txt")


def required(dataset: str) -> tuple[str, ...]:
    """Files and folders a root of `dataset` must hold, relative to it.

    Raises SonifyError listing the known datasets for any other name.
    """
    if dataset not in _REQUIRED:
        raise SonifyError(f"no dataset named {dataset!r}: choose one of {', '.join(_REQUIRED)}")
    return _REQUIRED[dataset]


def missing(dataset: str, root: Path) -> list[str]:
    """The required files and folders that `root` lacks, in the order of `required`."""
    return [name for name in required(dataset) if not (Path(root) / name).exists()]


def lists(dataset: str, root: Path) -> list[str]:
    """The lists of clips and labels that `root` holds, relative to it.

    Of AudioSet one list of segments will do: the others' splits are then left out.
    """
    names = [name for name in required(dataset) if name.endswith(_LISTS)]
    if dataset == "audioset":
        names += [segments_file(split) for split in SPLITS[dataset]]
    return [name for name in names if (Path(root) / name).is_file()]


def segments_file(split: str) -> str:
    """Name of the segment list of a split of AudioSet."""
    return f"{split}_segments.csv"


def synthesised(root: Path) -> bool:
    """Whether the corpus at `root` was made here, so that its ids are nobody's recordings."""
    return (Path(root) / SYNTHESISED).is_file()


def names_hash(root: Path) -> str:
    """A short hash of the names of all files below `root`, to notice clips that come or go, and of
    their sizes where there are at most SIZED_FILES, to notice clips that are replaced.

    Not of times, so that a copy of a corpus counts as the same.
    """
    folders = []
    for folder, subfolders, files in os.walk(root):
        subfolders.sort()
        folders.append((folder, sorted(files)))
    sized = sum(len(files) for _, files in folders) <= SIZED_FILES
    digest = hashlib.sha256()
    for folder, files in folders:
        place = Path(folder).relative_to(root).as_posix()
        sizes = [_size(Path(folder, file)) for file in files] if sized else []
        digest.update("\0".join([place, *files, *sizes, ""]).encode("utf-8", "surrogateescape"))
    return digest.hexdigest()[:16]


def _size(file: Path) -> str:
    try:
        return str(file.stat().st_size)
    except OSError:  # a dangling link
        return ""
