"""AudioSet: the published segment lists, and audio under any of the common naming schemes.

The audio was never published, so collections differ in how they name files and arrange folders
below the root.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from sonify.data.corpora.dataset import Dataset
from sonify.data.corpora.listing import Listing, Provenance, Row, listing, vocabulary
from sonify.data.corpora.lists import (
    LayoutError,
    csv_lines,
    headed_lines,
    split_labels,
    spreadsheet_error,
)
from sonify.data.corpora.roots import (
    AUDIO,
    HARVEST,
    SYNTHESISED,
    Place,
    present,
    synthesised,
    walk,
    within,
)
from sonify.data.corpora.sources import AudiosetSource

VOCABULARY = "class_labels_indices.csv"
SPLITS = ("balanced_train", "unbalanced_train", "eval")
# Folders whose audio files are not clips: the stems of synthetic clips.
NOT_CLIPS = frozenset({"eval_stems"})


class Segment(NamedTuple):
    """A line of a segment list. start, end: seconds as written in the list (`420.000`)."""

    clip_id: str
    start: str
    end: str
    mids: tuple[str, ...]
    line: int


def read(root: Path) -> Listing:
    """List all segments, with the display names of their labels; raises LayoutError.

    Splits whose segment list is absent are skipped. The audio of a segment is a whole file below
    `root`, or else a recording harvested from a published shard; a corpus with harvested recordings
    is listed in storage order.
    """
    import pandas as pd

    from sonify.data.download import harvest

    root = Path(root)
    listed = [split for split in SPLITS if (root / segments_file(split)).is_file()]
    if not (root / VOCABULARY).is_file() or not listed:
        missing = "segment list" if (root / VOCABULARY).is_file() else VOCABULARY
        raise LayoutError(
            f"{root} has no {missing}: point data.audioset.path at the root of an AudioSet corpus "
            "with the published lists"
        )
    lines = headed_lines(root, VOCABULARY, ("index", "mid", "display_name"))
    classes = ((index, name, mid) for _, (index, mid, name) in lines)
    harvested = {split: harvest.places(root, split) for split in listed}
    corpus = listing(
        vocabulary(DATASET.name, classes, source=VOCABULARY),
        _rows(root, harvested),
        key="mid",
        vocabulary_file=VOCABULARY,
    )
    if not any(harvested.values()):
        return corpus
    harvested.clear()  # millions of places, which sorting leaves no use for
    clips = corpus.clips
    order = harvest.reading_order(clips["path"])
    # One column after another, so that there is never a second copy of all.
    ordered = {name: clips.pop(name).array.take(order) for name in list(clips)}
    return replace(corpus, clips=pd.DataFrame(ordered), own_order=True)


def files(root: Path) -> Iterator[Place]:
    """Yield the files that `read` takes notice of: lists, clips, and what was harvested."""
    yield from present(root, (*DATASET.lists, SYNTHESISED))
    yield from (p for p in walk(root, NOT_CLIPS) if p[1].lower().endswith(AUDIO))
    for split in SPLITS:
        shards = within(root, f"{HARVEST}/{split}")
        yield from (place for place in shards if place[1].endswith(".parquet"))


def segments_file(split: str) -> str:
    """Return the file name of the segment list of a split."""
    return f"{split}_segments.csv"


def segments(root: Path, split: str) -> Iterator[Segment]:
    """Yield the segments of a split in the order of its list; raises LayoutError."""
    source = segments_file(split)
    for line, (clip_id, start, end, mids) in csv_lines(root, source, 4):
        segment = Segment(clip_id, start, end, split_labels(mids), line)
        if not (_is_time(start) and _is_time(end)):
            raise LayoutError(
                f"{source}, line {line}: segment from {start!r} to {end!r} is not in seconds: "
                f"restore the published file in {root}"
            )
        yield segment


def names(clip_id: str, start: str, end: str) -> list[str]:
    """File names without extension that a segment's audio may have, most specific first.

    `start` and `end` are seconds as written in the list (`420.000`). Candidates are looked up by
    name and never parsed, because ids may contain `_` and `-` and differ only in case.
    """
    candidates: dict[str, None] = {}
    pairs = list(zip(_spellings(start), _spellings(end), strict=True))
    for guard in ("", "Y"):  # the Y keeps ids that begin with - from looking like options
        for link in "_-":
            candidates.update(dict.fromkeys(f"{guard}{clip_id}_{a}{link}{b}" for a, b in pairs))
    for guard in ("", "Y"):
        candidates.update(dict.fromkeys(f"{guard}{clip_id}_{a}" for a, _ in pairs))
    for guard in ("", "Y"):
        candidates[f"{guard}{clip_id}"] = None
    return list(candidates)


def audio_index(root: Path) -> dict[str, str]:
    """Map the stems of all audio files below `root` to their POSIX paths relative to it.

    Linked folders are followed, each once. If several files share a stem, the best format wins,
    then the first path.
    """
    index: dict[str, tuple[int, str]] = {}
    for folder, name in walk(root, NOT_CLIPS):
        stem, _, extension = name.rpartition(".")
        form = f".{extension.lower()}"
        if form in AUDIO:
            entry = (AUDIO.index(form), str(folder / name))
            index[stem] = min(entry, index.get(stem, entry), key=lambda e: e[0])
    return {stem: path for stem, (_, path) in index.items()}


def lookup(index: dict[str, str], clip_id: str, start: str, end: str) -> str | None:
    """The path of a segment's audio in an index from `audio_index`, or None."""
    return next((index[name] for name in names(clip_id, start, end) if name in index), None)


def _rows(root: Path, harvested: Mapping[str, Mapping[str, str]]) -> Iterator[Row]:
    index = audio_index(root)
    page = "" if synthesised(root) else "https://www.youtube.com/watch?v={}&t={}s"
    for split, places in harvested.items():
        source = segments_file(split)
        shards = f", and no shard of {split} has the id" if places else ""
        for clip_id, start, end, mids, line in segments(root, split):
            path = lookup(index, clip_id, start, end) if index else None
            path = path or places.get(clip_id)
            wanted = f"Y{clip_id}.wav, nor one of the other names in use{shards}"
            # The lists' licence (CC BY 4.0) covers the labels; that of the audio is unknown.
            video = Provenance(page.format(clip_id, int(float(start))))
            wrong = spreadsheet_error(clip_id)
            yield Row(split, clip_id, mids, path, wanted, source, line, video, wrong)


def _is_time(seconds: str) -> bool:
    try:
        return math.isfinite(float(seconds))
    except ValueError:
        return False


def _spellings(seconds: str) -> tuple[str, ...]:
    value = float(seconds)
    whole, thousandths = int(value), round(value * 1000)
    return seconds, f"{value:.3f}", str(value), f"{value:.2f}", str(whole), str(thousandths)


DATASET = Dataset(
    name="audioset",
    display_name="AudioSet",
    splits=SPLITS,
    scored_split="eval",
    read=read,
    required=(VOCABULARY,),
    lists=(VOCABULARY, *map(segments_file, SPLITS)),
    files=files,
    single_label=False,
    downloader="collection",
    options=AudiosetSource,
)
