"""Speech Commands v0.02 as published, extracted: one folder a word, two lists of held-out files.

All words are classes (35 in the published corpus), not the 12 of the older benchmark.
"""

from collections.abc import Iterator
from pathlib import Path

from sonify.data.corpora.dataset import Dataset
from sonify.data.corpora.listing import (
    LayoutError,
    Listing,
    Provenance,
    Row,
    check_root,
    listing,
    text_lines,
    vocabulary,
)
from sonify.data.corpora.roots import synthesised

# The published classes. Fewer, or others, are read as well: another corpus in this layout.
WORDS = frozenset((
    "backward", "bed", "bird", "cat", "dog", "down", "eight", "five", "follow", "forward", "four",
    "go", "happy", "house", "learn", "left", "marvin", "nine", "no", "off", "on", "one", "right",
    "seven", "sheila", "six", "stop", "three", "tree", "two", "up", "visual", "wow", "yes", "zero",
))  # fmt: skip
PUBLISHED = Provenance(licence="https://creativecommons.org/licenses/by/4.0/")
SYNTHETIC = Provenance(licence="https://creativecommons.org/publicdomain/zero/1.0/")
BACKGROUND = "_background_noise_"  # long recordings of noise, no words
# List files of the held-out splits; every other file is for training.
LISTS = {"val": "validation_list.txt", "test": "testing_list.txt"}


def read(root: Path) -> Listing:
    """All files in the word folders and all that the two lists name; raises LayoutError.

    The id is the path without its extension, `word/file`, since file names recur across words.
    """
    root = Path(root)
    check_root(DATASET, root)
    files = _word_files(root)
    words = list(files)
    return listing(
        vocabulary(DATASET.name, ((str(i), w, "") for i, w in enumerate(words)), source=str(root)),
        _rows(root, files),
        key="label",
        vocabulary_file="the word folders",
    )


def _word_files(root: Path) -> dict[str, dict[str, None]]:
    """Word -> names of its wav files, both sorted; folders without wav files are no words.

    Raises LayoutError for a copy without words, with the two extra classes of the older benchmark,
    or with folders beside all the published words, which would become classes.
    """
    found = {}
    for entry in sorted(root.iterdir()):
        if entry.is_dir() and entry.name != BACKGROUND and not entry.name.startswith("."):
            wavs = _wavs(entry)
            if wavs:
                found[entry.name] = wavs
    if not found:
        raise LayoutError(
            f"{root} has no word folders with wav files beside its lists: extract the whole "
            "archive there"
        )
    made = [word for word in ("_silence_", "_unknown_") if word in found]
    if made:
        raise LayoutError(
            f"{root} has a folder {made[0]}, so it is the 12-class benchmark: use the "
            f"{len(WORDS)} words of speech_commands_v0.02.tar.gz"
        )
    stray = sorted(found.keys() - WORDS)
    if stray and found.keys() >= WORDS:
        raise LayoutError(
            f"{root} has, beside the {len(WORDS)} published words, {', '.join(stray)} with wav "
            "files, which would be taken for a word: move it elsewhere"
        )
    return found


def _rows(root: Path, files: dict[str, dict[str, None]]) -> Iterator[Row]:
    """Training files first, then the lists, line by line; the same file on both lists is kept for
    validation and reported as a duplicate of testing."""
    origin = SYNTHETIC if synthesised(root) else PUBLISHED
    lists = {split: _entries(root, name) for split, name in LISTS.items()}
    held_out = {path for entries in lists.values() for _, path in entries}
    for word, wavs in files.items():
        for number, name in enumerate(wavs, start=1):
            path = f"{word}/{name}"
            if path not in held_out:
                where = f"folder {word}"
                yield Row("train", _clip_id(path), (word,), path, path, where, number, origin)
    for split, entries in lists.items():
        for line, path in entries:
            word, _, name = path.partition("/")
            found = path if name in files.get(word, {}) else None
            yield Row(split, _clip_id(path), (word,), found, path, LISTS[split], line, origin)


def _wavs(folder: Path) -> dict[str, None]:
    """Names of the wav files in a folder, sorted; a dict, for quick membership in order."""
    names = (file.name for file in folder.iterdir())
    wavs = (n for n in names if n.lower().endswith(".wav") and n[0] != ".")
    return dict.fromkeys(sorted(wavs))


def _entries(root: Path, name: str) -> list[tuple[int, str]]:
    lines = enumerate(text_lines(root, name), start=1)
    entries = [(i, line.removeprefix("./")) for i, line in lines]
    return [(i, path) for i, path in entries if path]


def _clip_id(path: str) -> str:
    return path.rpartition(".")[0] or path


DATASET = Dataset(
    name="speech_commands",
    display_name="Speech Commands",
    splits=("train", "val", "test"),
    scored_split="test",
    read=read,
    required=tuple(LISTS.values()),
    lists=tuple(LISTS.values()),
    single_label=True,
    downloader="archives",
)
