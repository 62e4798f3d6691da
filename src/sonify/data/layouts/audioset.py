"""AudioSet: the published segment lists, and audio under any of the names in use.

There is no published audio, so each collection names its files in its own way, below the root in
whatever folders it likes.
"""

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from sonify.data.layouts.listing import (
    LayoutError,
    Listing,
    Provenance,
    Row,
    check_root,
    csv_lines,
    headed_lines,
    listing,
    split_labels,
    vocabulary,
)
from sonify.data.layouts.required import SPLITS, synthesised

VOCABULARY = "class_labels_indices.csv"
# First the formats libsndfile reads, best first. The others are indexed too, so that a corpus in
# one of them is reported as unreadable rather than as missing.
EXTENSIONS = (
    ".wav", ".flac", ".aiff", ".aif", ".w64", ".rf64", ".caf", ".au", ".ogg", ".opus", ".mp3",
    ".m4a", ".mp4", ".webm", ".mkv", ".aac",
)  # fmt: skip
# Folders with audio that is not a clip: the sources of which synthetic clips were mixed.
NOT_CLIPS = frozenset({"eval_stems"})


def read(root: Path) -> Listing:
    """All segments of the three lists, with the display names of their labels; raises LayoutError.

    A file is taken whole: it is expected to hold its segment, not the whole video.
    """
    root = Path(root)
    check_root("audioset", root)
    lines = headed_lines(root, VOCABULARY, ("index", "mid", "display_name"))
    classes = ((index, name, mid) for _, (index, mid, name) in lines)
    return listing(
        vocabulary("audioset", classes, source=VOCABULARY),
        _rows(root, audio_index(root)),
        key="mid",
        vocabulary_file=VOCABULARY,
    )


def names(clip_id: str, start: str, end: str) -> list[str]:
    """File names without extension that the segment may have, the most specific first.

    `start` and `end` are seconds as the list writes them (`420.000`). Candidates are looked up by
    name, never parsed, since ids hold `_` and `-` themselves and differ in case alone.
    """
    found: dict[str, None] = {}
    pairs = list(zip(_spellings(start), _spellings(end), strict=True))
    for guard in ("", "Y"):  # the Y keeps ids that begin with - from looking like options
        found.update(dict.fromkeys(f"{guard}{clip_id}_{a}_{b}" for a, b in pairs))
    for guard in ("", "Y"):
        found.update(dict.fromkeys(f"{guard}{clip_id}_{a}" for a, _ in pairs))
    for guard in ("", "Y"):
        found[f"{guard}{clip_id}"] = None
    return list(found)


def audio_index(root: Path) -> dict[str, str]:
    """File name without extension -> POSIX path from `root`, of all audio files below it.

    Linked folders are followed, each once. Of files that share a name the best format counts, then
    the first path.
    """
    index: dict[str, tuple[int, str]] = {}
    visited = set()
    for folder, folders, files in os.walk(root, followlinks=True):
        status = Path(folder).stat()
        if (status.st_dev, status.st_ino) in visited:
            folders.clear()
            continue
        visited.add((status.st_dev, status.st_ino))
        folders[:] = sorted(f for f in folders if f not in NOT_CLIPS and not f.startswith("."))
        base = PurePosixPath(Path(folder).relative_to(root).as_posix())
        for name in sorted(files):
            stem, _, extension = name.rpartition(".")
            form = f".{extension.lower()}"
            if form in EXTENSIONS and not name.startswith("."):
                entry = (EXTENSIONS.index(form), str(base / name))
                index[stem] = min(entry, index.get(stem, entry), key=lambda e: e[0])
    return {stem: path for stem, (_, path) in index.items()}


def _rows(root: Path, index: dict[str, str]) -> Iterator[Row]:
    page = "" if synthesised(root) else "https://www.youtube.com/watch?v={}&t={}s"
    for split in SPLITS["audioset"]:
        source = f"{split}_segments.csv"
        for line, (clip_id, start, end, mids) in csv_lines(root, source, 4):
            try:
                candidates = names(clip_id, start, end)
            except (ValueError, OverflowError):  # not a number, infinite
                raise LayoutError(
                    f"{source}, line {line}: segment from {start!r} to {end!r} is not in seconds: "
                    f"restore the published file in {root}"
                ) from None
            path = next((index[name] for name in candidates if name in index), None)
            wanted = f"Y{clip_id}.wav, nor one of the other names in use"
            # The lists' licence (CC BY 4.0) is of the labels: that of the sound is unknown.
            video = Provenance(page.format(clip_id, int(float(start))))
            yield Row(split, clip_id, split_labels(mids), path, wanted, source, line, video)


def _spellings(seconds: str) -> tuple[str, str, str, str]:
    value = float(seconds)
    return seconds, f"{value:.3f}", str(int(value)), str(round(value * 1000))
