"""Scores of all classifiers on a list of clips: `python -m sonify.evaluation.subset IDS`.

Published results on AudioSet differ in the clips that were still available for download. On a list
of clips that two laboratories share, they can be compared; nothing runs again, because the scores
of every clip are kept (results/evaluation/scores).
"""

import argparse
import csv
import sys
from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from sonify.contracts import tables
from sonify.data.corpora.lists import check_one_line
from sonify.data.fingerprint import fingerprint
from sonify.evaluation.metrics.ranking import rank
from sonify.runtime.errors import SonifyError, one_sentence_errors
from sonify.runtime.plurals import counted

COLUMN = "clip_id"  # of a list that is a table
SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs"}  # as spreadsheets write them
TABLES = (".csv", ".tsv")
COLUMNS = ["model", "dataset", "split", "clips", "absent", "mAP", "mAUC", "d_prime", "fingerprint"]


def read_ids(file: Path) -> list[str]:
    """Return the clip ids in a text file, one per line, commas included.

    For a table (named .csv or .tsv, or whose first line names a column clip_id), those in that
    column: in another, a heading could not be told from a clip. Its separators are commas,
    semicolons or tabs. Raises SonifyError for a file that is not there or not UTF-8 text, for a
    table without that column or with a row that does not fit its first line, and for a list without
    ids or with duplicates.
    """
    if not file.exists() or file.is_dir():  # a pipe is as good as a file
        raise SonifyError(
            f"there is no list {file}: name a file of clip ids: make score IDS=ids.txt"
        )
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise SonifyError(
            f"{file} is not UTF-8 text ({error.reason} at byte {error.start}): save it as UTF-8"
        ) from None
    blank = "".join(SEPARATORS) + " "
    first = next((n for n, line in enumerate(lines) if line.strip(blank)), 0)
    try:
        names = _column(file, lines, first)
    except csv.Error as error:
        raise SonifyError(f"{file} is no table ({error}): save it as a CSV file") from None
    if names is None and any(lines) and file.suffix.lower() in TABLES:
        raise SonifyError(
            f"{file} has no column {COLUMN}, its first line is {lines[first]!r}: head the column "
            f"of ids with {COLUMN}, or list them one a line in a .txt file"
        )
    ids = [name for given in (lines if names is None else names) if (name := given.strip())]
    again = sorted(name for name, n in Counter(ids).items() if n > 1)
    if again or not ids:
        why = f"has {again[0]!r} twice" if again else "has no clip ids"
        raise SonifyError(f"{file} {why}: list each clip once, one a line")
    return ids


def _column(file: Path, lines: Sequence[str], first: int) -> list[str] | None:
    """Return the column of ids below the line `first`; None if that line does not name it."""
    heading, below = lines[first : first + 1], lines[first + 1 :]
    for separator in SEPARATORS:
        header = [name.strip() for name in next(csv.reader(heading, delimiter=separator), [])]
        if COLUMN in header:
            break
    else:
        return None
    ids, line = [], first + 1
    reader = csv.reader(below, delimiter=separator)
    for fields in reader:
        before, line = line, first + 1 + reader.line_num
        check_one_line(f"{file}, line {before + 1}", line - before)
        if not any(field.strip() for field in fields):
            continue
        if len(fields) != len(header):
            raise SonifyError(
                f"{file}, line {line}: the number of fields differs from that of the first line: "
                f"put quotes around fields that contain {SEPARATORS[separator]}"
            )
        ids.append(fields[header.index(COLUMN)])
        if not ids[-1].strip():
            raise SonifyError(f"{file}, line {line}: there is no {COLUMN}: add it")
    return ids


def on_subset(
    scores: pd.DataFrame, manifest: pd.DataFrame, classes: Sequence[str], ids: Collection[str]
) -> dict[str, object]:
    """Return one row of COLUMNS: a model's metrics on those of its clips that are listed.

    scores, manifest: these tables of one model and its corpus. absent: listed ids that the model
    has no score for. Raises SonifyError if no class has a positive clip.
    """
    wanted = set(ids)
    mine = scores[scores["clip_id"].isin(wanted)]
    keys = ["dataset", "split", "clip_id"]
    clips = mine.merge(manifest[[*keys, "labels", "digest"]], on=keys, validate="1:1")
    if len(clips) < len(mine):
        raise SonifyError("scores and manifest have different clips: make run, then try again")
    position = {label: index for index, label in enumerate(classes)}
    targets = np.zeros((len(clips), len(classes)), np.uint8)
    for row, labels in enumerate(clips["labels"]):
        targets[row, [position[label] for label in labels]] = 1
    first = scores.iloc[0]
    named = {name: first[name] for name in ("model", "dataset", "split")}
    counted = {"clips": len(clips), "absent": len(wanted) - len(clips)}
    if not len(clips):
        return {**named, **counted, **dict.fromkeys(COLUMNS[5:8], np.nan), "fingerprint": ""}
    metrics = rank(targets, np.stack(clips["class_scores"].to_list())).metrics
    used = zip(clips["clip_id"], clips["digest"], clips["labels"], strict=True)
    return {**named, **counted, **metrics, "fingerprint": fingerprint(used)}


def subset(results: Path, ids: Collection[str]) -> pd.DataFrame:
    """Return the rows of all models with scores among the results.

    Raises SonifyError if there are none, or if no model has scores for any of the clips.
    """
    rows = []
    for file in sorted((results / "evaluation" / "scores").glob("*.parquet")):
        # Manifests may list millions of clips, so that no other rows are read.
        wanted = pc.field("clip_id").isin(pa.array(sorted(ids), pa.string()))
        scores = tables.read(file, "scores")
        dataset, seed = scores["dataset"].iloc[0], scores["seed"].iloc[0]
        own = results / "data" / f"{dataset}-s{seed}"
        folder = own if own.is_dir() else results / "data" / dataset
        classes = tables.read(folder / "vocabulary.parquet", "vocabulary")["label"].to_list()
        manifest = tables.read(folder / "manifest.parquet", "manifest", wanted)
        rows.append(on_subset(scores, manifest, classes, ids))
    if not rows:
        raise SonifyError(f"{results} has no scores: make run ARGS=evaluation")
    if not any(row["clips"] for row in rows):
        raise SonifyError(
            f"no model has scores of any of the {counted(len(ids), 'clip')} listed, such as "
            f"{min(ids)!r}: list ids as the column {COLUMN} of the manifests has them"
        )
    return pd.DataFrame(rows, columns=COLUMNS)


@one_sentence_errors()
def main() -> None:
    """Print the table as CSV."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("ids", type=Path, help="a list of clip ids, one a line")
    options.add_argument("--results", type=Path, default=Path("results"))
    args = options.parse_args()
    subset(args.results, read_ids(args.ids)).to_csv(
        sys.stdout, index=False, float_format="%.4f", na_rep=""
    )


if __name__ == "__main__":
    main()
