"""The accounts of a run: clips used and rejected, and computing time by rule."""

import csv
from collections.abc import Mapping
from pathlib import PurePath

import pandas as pd

from sonify.contracts.audio_format import RATE_HZ
from sonify.paper.labels import DATASETS

USED_COLUMNS = ["dataset", "corpus", "split", "n_samples"]


def clip_accounts(
    attrition: pd.DataFrame, manifest: pd.DataFrame, rejected: pd.DataFrame
) -> pd.DataFrame:
    """Count clips by dataset and split over all corpora, from rows of the contracts of these names.

    USED_COLUMNS of the manifest, which is long, suffice. Returns columns dataset, split, corpora,
    listed, obtained, used, rejected, minutes (audio of the used clips), lost_classes (those that a
    corpus lists without a used clip) and reasons (for rejection, as `reasons` formats them, or
    empty). listed = used + rejected.
    """
    keys = ["dataset", "split"]
    whole = attrition["label"] == ""
    counted = attrition[whole].groupby(keys)
    accounts = counted[["listed", "obtained", "used", "rejected"]].sum()
    accounts.insert(0, "corpora", counted["corpus"].nunique())
    lost = attrition[~whole & (attrition["used"] == 0)].groupby(keys)["label"].nunique()
    seconds = manifest.groupby(keys)["n_samples"].sum() / RATE_HZ
    why = rejected.groupby(keys)["reason"].agg(reasons)
    accounts["minutes"] = seconds.reindex(accounts.index, fill_value=0.0) / 60
    accounts["lost_classes"] = lost.reindex(accounts.index, fill_value=0)
    accounts["reasons"] = why.astype(object).reindex(accounts.index, fill_value="")
    return accounts.reset_index()


def corpora(manifest: pd.DataFrame) -> str:
    """Say of which datasets each seed has a corpus of its own, and how many there are; empty if of
    none.

    `5 synthesised corpora of each dataset, one per seed`, or, of some only, by their names.
    """
    counts = manifest.groupby("dataset")["corpus"].nunique()
    several = counts[counts > 1]
    if several.empty:
        return ""
    names = " and ".join(DATASETS.get(name, name) for name in several.index)
    of = "each dataset" if len(several) == len(counts) > 1 else names
    return f"{several.max()} synthesised corpora of {of}, one per seed"


def reasons(given: pd.Series) -> str:
    """Format how often each reason was given, most frequent first: `3 missing file, 1 silent`."""
    counts = sorted(given.value_counts().items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{n:,} {reason.replace('_', ' ')}" for reason, n in counts)


def jobs(files: Mapping[PurePath, str]) -> pd.DataFrame:
    """Return one row per job from the texts of the files that `sonify.runtime.cost` writes.

    Keys are paths below the benchmarks' folder. Columns are those of the files, and rule; there are
    no rows without files.
    """
    rows = [
        {"rule": rule_of(path), **row}
        for path, text in sorted(files.items())
        for row in csv.DictReader(text.splitlines(), delimiter="\t")
    ]
    return pd.DataFrame(rows, columns=["rule", "s", "cpu_s", "peak_mb"])


def rule_of(file: PurePath) -> str:
    """Return the rule that a benchmark belongs to, by its path below the benchmarks' folder.

    Both `train/contrastive-s0.tsv` and `train.tsv` belong to train.
    """
    return file.parts[0].removesuffix(".tsv")


def runtime(jobs: pd.DataFrame) -> pd.DataFrame:
    """Sum time and memory by rule, longest first, from one row a job, as `jobs` returns it.

    Returns rule, jobs, total_s and longest_s (wall-clock), fraction (of the total of all rules, in
    [0, 1]), cpu_s and peak_mb (of the largest process).
    """
    measured = jobs[["s", "cpu_s", "peak_mb"]].apply(pd.to_numeric)
    rules = measured.groupby(jobs["rule"]).agg(
        jobs=("s", "size"),
        total_s=("s", "sum"),
        longest_s=("s", "max"),
        cpu_s=("cpu_s", "sum"),
        peak_mb=("peak_mb", "max"),
    )
    total = rules["total_s"].sum()
    rules["fraction"] = rules["total_s"] / total if total else 0.0
    ordered = rules.reset_index().sort_values(["total_s", "rule"], ascending=[False, True])
    columns = ["rule", "jobs", "total_s", "longest_s", "fraction", "cpu_s", "peak_mb"]
    return ordered[columns].reset_index(drop=True)
