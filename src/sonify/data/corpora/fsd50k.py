"""FSD50K in its published layout (Zenodo 4060432): ground truth lists and two audio folders.

Uploader and licence of each clip come from the metadata files, which are optional.
"""

import json
from collections.abc import Iterator
from pathlib import Path

from sonify.data.corpora.dataset import Dataset
from sonify.data.corpora.listing import Listing, Provenance, Row, check_root, listing, vocabulary
from sonify.data.corpora.lists import (
    LayoutError,
    csv_lines,
    headed_lines,
    split_labels,
    spreadsheet_error,
)
from sonify.data.corpora.roots import SYNTHESISED, Place, present, synthesised, within

VOCABULARY = "FSD50K.ground_truth/vocabulary.csv"
DEV = "FSD50K.ground_truth/dev.csv"
EVAL = "FSD50K.ground_truth/eval.csv"
METADATA = "FSD50K.metadata/{part}_clips_info_FSD50K.json"
AUDIO = "FSD50K.{part}_audio"
PARTS = ("dev", "eval")


def read(root: Path) -> Listing:
    """List the clips of dev.csv (splits train and val) and eval.csv; raises LayoutError.

    A clip's id is its Freesound id. Its labels already include their ancestors.
    """
    root = Path(root)
    check_root(DATASET, root)
    # vocabulary.csv has no header: skipping one would lose class 0.
    classes = ((i, label, mid) for _, (i, label, mid) in csv_lines(root, VOCABULARY, 3))
    return listing(
        vocabulary(DATASET.name, classes, source=VOCABULARY),
        _rows(root),
        key="label",
        vocabulary_file=VOCABULARY,
    )


def files(root: Path) -> Iterator[Place]:
    """Yield the files that `read` takes notice of: lists, metadata, recordings."""
    metadata = (METADATA.format(part=part) for part in PARTS)
    yield from present(root, (*DATASET.lists, *metadata, SYNTHESISED))
    for part in PARTS:
        recordings = within(root, AUDIO.format(part=part))
        yield from (place for place in recordings if place[1].endswith(".wav"))


def provenances(root: Path, part: str) -> dict[str, Provenance]:
    """Map clip ids to provenance as in the metadata of `part` (dev or eval), if there is any.

    Raises LayoutError for a file that does not have the published form.
    """
    name = METADATA.format(part=part)
    page = "" if synthesised(root) else "https://freesound.org/s/{}/"
    try:
        clips = json.loads((root / name).read_text(encoding="utf-8"))
        return {
            clip_id: Provenance(page.format(clip_id), info["uploader"], info["license"])
            for clip_id, info in clips.items()
        }
    except FileNotFoundError:
        return {}
    except (ValueError, AttributeError, KeyError, TypeError) as error:
        raise LayoutError(
            f"{name} is not the published JSON file ({error!r}): restore it in {root}, or remove "
            "it to do without attribution"
        ) from error


def _rows(root: Path) -> Iterator[Row]:
    dev = _Part(root, "dev")
    for line, (name, labels, _, split) in headed_lines(
        root, DEV, ("fname", "labels", "mids", "split")
    ):
        if split not in ("train", "val"):
            raise LayoutError(
                f"{DEV}, line {line}: split {split!r} is neither train nor val: "
                f"restore the published file in {root}"
            )
        yield dev.row(split, name, labels, DEV, line)
    evaluation = _Part(root, "eval")
    for line, (name, labels, _) in headed_lines(root, EVAL, ("fname", "labels", "mids")):
        yield evaluation.row("eval", name, labels, EVAL, line)


class _Part:
    """One of the two parts of the corpus: its audio files and their provenance."""

    def __init__(self, root: Path, part: str) -> None:
        self.folder = AUDIO.format(part=part)
        self.files = {file.name for file in (root / self.folder).iterdir()}
        self.known = provenances(root, part)

    def row(self, split: str, name: str, labels: str, source: str, line: int) -> Row:
        wanted = f"{self.folder}/{name}.wav"
        path = wanted if f"{name}.wav" in self.files else None
        provenance = self.known.get(name, Provenance())
        wrong = spreadsheet_error(name)
        return Row(split, name, split_labels(labels), path, wanted, source, line, provenance, wrong)


DATASET = Dataset(
    name="fsd50k",
    display_name="FSD50K",
    splits=("train", "val", "eval"),
    scored_split="eval",
    read=read,
    required=(VOCABULARY, DEV, EVAL, *(AUDIO.format(part=part) for part in PARTS)),
    lists=(VOCABULARY, DEV, EVAL),
    files=files,
    single_label=False,
    downloader="archives",
)
