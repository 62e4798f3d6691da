"""Speech Commands v0.02 as published, extracted: one folder a word, two lists of held-out files.

All words are classes (35 in the published corpus), not the 12 of the older benchmark.
"""

from collections.abc import Iterator
from pathlib import Path

from sonify.data.layouts.listing import LayoutError, Listing, Row, check_root, listing, vocabulary

BACKGROUND = "_background_noise_"  # long recordings of noise, no words
# List files of the held-out splits; every other file is for training.
LISTS = {"val": "validation_list.txt", "test": "testing_list.txt"}


def read(root: Path) -> Listing:
    """All files in the word folders and all that the two lists name; raises LayoutError.

    The id is the path without its extension, `word/file`, since file names recur across words.
    """
    root = Path(root)
    check_root("speech_commands", root)
    words = sorted(
        entry.name
        for entry in root.iterdir()
        if entry.is_dir() and entry.name != BACKGROUND and not entry.name.startswith(".")
    )
    if not words:
        raise LayoutError(
            f"{root} has no word folders beside its lists: extract the whole archive there"
        )
    return listing(
        vocabulary(
            "speech_commands", ((str(i), w, "") for i, w in enumerate(words)), source=str(root)
        ),
        _rows(root, words),
        key="label",
        vocabulary_file="the word folders",
    )


def _rows(root: Path, words: list[str]) -> Iterator[Row]:
    """Training files first, then the lists, line by line; the same file on both lists is kept for
    validation and reported as a duplicate of testing."""
    files = {word: _wavs(root / word) for word in words}
    lists = {split: _entries(root, name) for split, name in LISTS.items()}
    held_out = {path for entries in lists.values() for _, path in entries}
    for word in words:
        for number, name in enumerate(files[word], start=1):
            path = f"{word}/{name}"
            if path not in held_out:
                yield Row("train", _clip_id(path), (word,), path, path, f"folder {word}", number)
    for split, entries in lists.items():
        for line, path in entries:
            word, _, name = path.partition("/")
            found = path if name in files.get(word, {}) else None
            yield Row(split, _clip_id(path), (word,), found, path, LISTS[split], line)


def _wavs(folder: Path) -> dict[str, None]:
    """Names of the wav files in a folder, sorted; a dict, for quick membership in order."""
    names = (file.name for file in folder.iterdir())
    wavs = (n for n in names if n.lower().endswith(".wav") and n[0] != ".")
    return dict.fromkeys(sorted(wavs))


def _entries(root: Path, name: str) -> list[tuple[int, str]]:
    try:
        lines = (root / name).read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise LayoutError(
            f"{name} is not UTF-8 text ({error}): restore the published file in {root}"
        ) from error
    entries = [(i, line.strip().removeprefix("./")) for i, line in enumerate(lines, start=1)]
    return [(i, path) for i, path in entries if path]


def _clip_id(path: str) -> str:
    return path.rpartition(".")[0] or path
