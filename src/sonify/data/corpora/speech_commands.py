"""Speech Commands v0.02 in its published layout: a folder per word, two lists of held-out files.

All words are classes (35 in the published corpus), not the 12 of the older benchmark.
"""

from collections.abc import Iterator
from pathlib import Path

from sonify.data.corpora.dataset import Dataset
from sonify.data.corpora.listing import Listing, Provenance, Row, check_root, listing, vocabulary
from sonify.data.corpora.lists import LayoutError, check_spelling, spelling, text_lines
from sonify.data.corpora.roots import (
    AUDIO,
    SYNTHESISED,
    Place,
    an_audio_file,
    is_litter,
    present,
    synthesised,
    within,
)
from sonify.runtime.errors import printable

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


def files(root: Path) -> Iterator[Place]:
    """Yield the files that `read` takes notice of: its lists and all recordings of words."""
    yield from present(root, (*DATASET.lists, SYNTHESISED))
    for folder in _word_folders(root):
        yield from (place for place in within(root, folder.name) if _is_wav(place[1]))


def _word_folders(root: Path) -> Iterator[Path]:
    for entry in sorted(root.iterdir()):
        if entry.is_dir() and entry.name != BACKGROUND and not is_litter(entry.name):
            yield entry


def _word_files(root: Path) -> dict[str, dict[str, None]]:
    """Map each word to the names of its wav files, both sorted; skip folders without wav files.

    Raises LayoutError for a copy without words, one with the two extra classes of the older
    benchmark, or one with stray folders besides all the published words, which would become
    classes.
    """
    found = {folder.name: _wavs(folder) for folder in _word_folders(root)}
    words = {word: wavs for word, wavs in found.items() if wavs}
    if not words:
        there = an_audio_file(root)
        raise LayoutError(
            f"{root} has lists but no word folders with wav files"
            + (f", but {printable(there)}, for instance" if there else "")
            + ": extract the whole archive there"
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
    check_spelling(words, root)
    return words


def _rows(root: Path, files: dict[str, dict[str, None]]) -> Iterator[Row]:
    """Yield training files first, then the lists line by line; a file on both lists stays in
    validation and is reported as a duplicate in testing."""
    origin = SYNTHETIC if synthesised(root) else PUBLISHED
    known = _Files(files)
    lists = {
        split: [(line, path, known.find(path, f"{name}, line {line}")) for line, path in entries]
        for split, name in LISTS.items()
        for entries in [_entries(root, name)]
    }
    held_out = {found for entries in lists.values() for _, _, found in entries}
    for word, wavs in files.items():
        for number, name in enumerate(wavs, start=1):
            path = f"{word}/{name}"
            if path not in held_out:
                where = f"folder {word}"
                yield Row("train", _clip_id(path), (word,), path, path, where, number, origin)
    for split, entries in lists.items():
        for line, path, found in entries:
            present = found or path
            word = present.partition("/")[0]
            yield Row(split, _clip_id(present), (word,), found, path, LISTS[split], line, origin)


class _Files:
    """The files of a corpus, found under their own or another spelling of their names."""

    def __init__(self, files: dict[str, dict[str, None]]) -> None:
        self.paths = {f"{word}/{name}" for word, names in files.items() for name in names}
        self.spelt: dict[str, list[str]] = {}
        for path in sorted(self.paths):
            self.spelt.setdefault(_key(path), []).append(path)

    def find(self, path: str, where: str) -> str | None:
        """The file that a line of a list names; raises LayoutError if it could be either of two.

        Lists written elsewhere have other separators, cases, extensions or encodings of accents. A
        file that is taken for another would move from testing to training.
        """
        if path in self.paths:
            return path
        found = self.spelt.get(_key(path), [])
        if len(found) > 1:
            raise LayoutError(
                f"{where}: {path} could be {found[0]} or {found[1]}: spell it as one of them"
            )
        return found[0] if found else None


def _key(path: str) -> str:
    stem, _, extension = path.rpartition(".")
    return spelling(stem if f".{extension.lower()}" in AUDIO else path)


def _wavs(folder: Path) -> dict[str, None]:
    """The sorted names of the audio files in a folder, as a dict for fast lookup."""
    names = (file.name for file in folder.iterdir())
    return dict.fromkeys(sorted(filter(_is_wav, names)))


def _is_wav(name: str) -> bool:
    return name.lower().endswith(AUDIO) and not is_litter(name)


def _entries(root: Path, name: str) -> list[tuple[int, str]]:
    """The line number and `word/file` of each line of a list, whatever stands around it."""
    lines = enumerate(text_lines(root, name), start=1)
    entries = [(i, line.strip("\"',; \t").replace("\\", "/").split("/")) for i, line in lines]
    return [(i, "/".join([p for p in parts if p][-2:])) for i, parts in entries if any(parts)]


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
    files=files,
    single_label=True,
    downloader="archives",
)
