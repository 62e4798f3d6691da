"""The accounts of a run: clips used and rejected, and computing time by rule."""

import csv
from collections.abc import Mapping
from pathlib import PurePath

import pandas as pd

from sonify.contracts.audio_format import RATE_HZ

USED_COLUMNS = ["dataset", "split", "n_samples"]


def clip_accounts(
    attrition: pd.DataFrame, manifest: pd.DataFrame, rejected: pd.DataFrame
) -> pd.DataFrame:
    """Count clips by dataset and split, from rows of the contracts of these names.

    Of the manifest, which is long, USED_COLUMNS suffice. Returns columns dataset, split, listed,
    obtained, used, rejected, minutes (audio of the used clips), lost_classes (listed classes
    without a used clip) and reasons (for rejection, as `reasons` formats them, or empty). listed =
    used + rejected.
    """
    keys = ["dataset", "split"]
    whole = attrition["label"] == ""
    accounts = attrition[whole].set_index(keys).sort_index()
    lost = attrition[~whole & (attrition["used"] == 0)].groupby(keys).size()
    seconds = manifest.groupby(keys)["n_samples"].sum() / RATE_HZ
    why = rejected.groupby(keys)["reason"].agg(reasons)
    accounts["minutes"] = seconds.reindex(accounts.index, fill_value=0.0) / 60
    accounts["lost_classes"] = lost.reindex(accounts.index, fill_value=0)
    accounts["reasons"] = why.astype(object).reindex(accounts.index, fill_value="")
    return accounts.drop(columns="label").reset_index()


def reasons(given: pd.Series) -> str:
    """Format how often each reason was given, most frequent first: `3 missing file, 1 silent`."""
    counts = sorted(given.value_counts().items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{n:,} {reason.replace('_', ' ')}" for reason, n in counts)


def jobs(files: Mapping[PurePath, str]) -> pd.DataFrame:
    """Return one row a job from the texts of the files that `sonify.runtime.cost` writes.

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
