"""Speech Commands v0.02 in its published layout: a folder per word, two lists of held-out files.

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

# The published classes. A corpus in this layout may have fewer, or others.
WORDS = frozenset((
    "backward", "bed", "bird", "cat", "dog", "down", "eight", "five", "follow", "forward", "four",
    "go", "happy", "house", "learn", "left", "marvin", "nine", "no", "off", "on", "one", "right",
    "seven", "sheila", "six", "stop", "three", "tree", "two", "up", "visual", "wow", "yes", "zero",
))  # fmt: skip
PUBLISHED = Provenance(licence="https://creativecommons.org/licenses/by/4.0/")
SYNTHETIC = Provenance(licence="https://creativecommons.org/publicdomain/zero/1.0/")
BACKGROUND = "_background_noise_"  # long recordings of noise, not words
# Lists of the held-out splits; all other files are for training.
LISTS = {"val": "validation_list.txt", "test": "testing_list.txt"}


def read(root: Path) -> Listing:
    """List the files in the word folders and those on the two lists; raises LayoutError.

    A clip's id is its path without the extension, `word/file`, as file names recur across words.
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
    """Map each word to the names of its wav files, both sorted; skip folders without wav files.

    Raises LayoutError for a copy without words, one with the two extra classes of the older
    benchmark, or one with stray folders besides all the published words, which would become
    classes.
    """
    words = {}
    for entry in sorted(root.iterdir()):
        if entry.is_dir() and entry.name != BACKGROUND and not entry.name.startswith("."):
            wavs = _wavs(entry)
            if wavs:
                words[entry.name] = wavs
    if not words:
        raise LayoutError(
            f"{root} has lists but no word folders with wav files: extract the whole archive there"
        )
    extra = [word for word in ("_silence_", "_unknown_") if word in words]
    if extra:
        raise LayoutError(
            f"{root} has a folder {extra[0]}, so it is the 12-class benchmark: use the "
            f"{len(WORDS)} words of speech_commands_v0.02.tar.gz"
        )
    stray = sorted(words.keys() - WORDS)
    if stray and words.keys() >= WORDS:
        raise LayoutError(
            f"{root} has wav files beside the {len(WORDS)} published words, in {', '.join(stray)}: "
            "move them elsewhere, or they would become classes"
        )
    return words


def _rows(root: Path, files: dict[str, dict[str, None]]) -> Iterator[Row]:
    """Yield training files first, then the lists line by line; a file on both lists stays in
    validation and is reported as a duplicate in testing."""
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
            present = path if name in files.get(word, {}) else None
            yield Row(split, _clip_id(path), (word,), present, path, LISTS[split], line, origin)


def _wavs(folder: Path) -> dict[str, None]:
    """The sorted names of the wav files in a folder, as a dict for fast lookup."""
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
