"""The accounts: which listed clips were used and why not, where the computing time went, and how
the claims came out."""

import csv
from collections.abc import Mapping
from pathlib import PurePath

import pandas as pd

from sonify.contracts.audio_format import RATE_HZ

USED_COLUMNS = ["dataset", "split", "n_samples"]


def clip_accounts(
    attrition: pd.DataFrame, manifest: pd.DataFrame, rejected: pd.DataFrame
) -> pd.DataFrame:
    """Clips per dataset and split, from rows of the contracts of these names; of the manifest,
    which is long, USED_COLUMNS are enough.

    Columns dataset, split, listed, obtained, used, rejected, minutes (audio of the used clips),
    lost_classes (listed classes without a used clip) and reasons (text, most frequent first, empty
    if none). listed = used + rejected.
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


def reasons(found: pd.Series) -> str:
    """`3 missing file, 1 silent`: how often each reason was given, most frequent first."""
    counts = sorted(found.value_counts().items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{n:,} {reason.replace('_', ' ')}" for reason, n in counts)


def jobs(files: Mapping[PurePath, str]) -> pd.DataFrame:
    """One row a job from Snakemake's benchmark files: their texts by path below their folder.

    Columns as in those files, and rule; empty without files.
    """
    rows = [
        {"rule": rule_of(path), **row}
        for path, text in sorted(files.items())
        for row in csv.DictReader(text.splitlines(), delimiter="\t")
    ]
    return pd.DataFrame(rows, columns=None if rows else ["rule", "s", "max_rss", "cpu_time"])


def rule_of(file: PurePath) -> str:
    """The rule that a benchmark belongs to, by its path below the benchmarks' folder.

    `train/contrastive-s0.tsv` is of train, and so is `train.tsv`.
    """
    return file.parts[0].removesuffix(".tsv")


def runtime(jobs: pd.DataFrame) -> pd.DataFrame:
    """Time and memory per rule, longest first, from one row a job: rule, s, max_rss, cpu_time.

    Those are the columns of Snakemake's benchmark files (wall-clock s, MB, processor s), which may
    say "-" or "NA" for jobs too short to be sampled. Gives rule, jobs, total_s, longest_s, share
    (of the total of all rules, in [0, 1]), cpu_s and peak_mb; NaN where nothing was measured.
    """
    measured = jobs[["s", "max_rss", "cpu_time"]].apply(pd.to_numeric, errors="coerce")
    groups = measured.assign(rule=jobs["rule"]).groupby("rule")
    rules = groups.agg(
        jobs=("s", "size"), total_s=("s", "sum"), longest_s=("s", "max"), peak_mb=("max_rss", "max")
    )
    rules["cpu_s"] = groups["cpu_time"].sum(min_count=1)
    total = rules["total_s"].sum()
    rules["share"] = rules["total_s"] / total if total else 0.0
    ordered = rules.reset_index().sort_values(["total_s", "rule"], ascending=[False, True])
    columns = ["rule", "jobs", "total_s", "longest_s", "share", "cpu_s", "peak_mb"]
    return ordered[columns].reset_index(drop=True)


def verdicts(claims: pd.DataFrame) -> str:
    """`claims: 9 reproduced, 2 not reproduced, 8 inconclusive, 3 not run`, from contract claims.

    Verdicts that no claim has are left out.
    """
    order = ("reproduced", "not reproduced", "inconclusive", "not run")
    counts = claims["verdict"].value_counts()
    found = [f"{counts[verdict]} {verdict}" for verdict in order if verdict in counts]
    return f"Claims: {', '.join(found) or 'none judged'}"
