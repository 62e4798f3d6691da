"""FSD50K as published (Zenodo 4060432), extracted: ground truth lists beside two audio folders."""

from collections.abc import Iterator
from pathlib import Path

from sonify.data.layouts.listing import (
    LayoutError,
    Listing,
    Row,
    check_root,
    csv_lines,
    headed_lines,
    listing,
    split_labels,
    vocabulary,
)

VOCABULARY = "FSD50K.ground_truth/vocabulary.csv"
DEV = "FSD50K.ground_truth/dev.csv"
EVAL = "FSD50K.ground_truth/eval.csv"


def read(root: Path) -> Listing:
    """All clips of dev.csv (splits train and val) and eval.csv; raises LayoutError.

    The id is the Freesound id, the labels are already smeared to their ancestors.
    """
    root = Path(root)
    check_root("fsd50k", root)
    # vocabulary.csv has no header: reading one would lose class 0.
    classes = (tuple(fields) for _, fields in csv_lines(root, VOCABULARY, 3))
    return listing(
        vocabulary("fsd50k", classes, source=VOCABULARY),
        _rows(root),
        key="label",
        vocabulary_file=VOCABULARY,
    )


def _rows(root: Path) -> Iterator[Row]:
    dev = {file.name for file in (root / "FSD50K.dev_audio").iterdir()}
    for line, (name, labels, _, split) in headed_lines(
        root, DEV, ("fname", "labels", "mids", "split")
    ):
        if split not in ("train", "val"):
            raise LayoutError(
                f"{DEV}, line {line}: split {split!r} is neither train nor val: "
                f"restore the published file in {root}"
            )
        yield _row(split, name, labels, "FSD50K.dev_audio", dev, DEV, line)
    evaluation = {file.name for file in (root / "FSD50K.eval_audio").iterdir()}
    for line, (name, labels, _) in headed_lines(root, EVAL, ("fname", "labels", "mids")):
        yield _row("eval", name, labels, "FSD50K.eval_audio", evaluation, EVAL, line)


def _row(
    split: str, name: str, labels: str, folder: str, files: set[str], source: str, line: int
) -> Row:
    wanted = f"{folder}/{name}.wav"
    path = wanted if f"{name}.wav" in files else None
    return Row(split, name, split_labels(labels), path, wanted, source, line)
