"""Curves over layers, with intervals over runs: for Figures 4, 6, 7 and the closing summary."""

from collections.abc import Mapping, Sequence

import pandas as pd

from sonify.evaluation.metrics.intervals import t_intervals
from sonify.runtime.errors import SonifyError

MODEL = ["regime", "finetune", "architecture", "run"]


def removal_curves(
    removal: pd.DataFrame, rule: str = "mean", rescaled: bool = False
) -> pd.DataFrame:
    """mAP of each training run after removal of each layer's sonification; layer 0 is untouched.

    From the rows of contract removal that were measured under one condition; columns regime,
    finetune, architecture, run, layer, mean, ci95, n. No rows give no curves. Raises SonifyError
    when there are rows, but none of this condition, and when these mix datasets or splits.
    """
    return t_intervals(removal_runs(removal, rule, rescaled), [*MODEL, "layer"], "value")


def removal_runs(removal: pd.DataFrame, rule: str = "mean", rescaled: bool = False) -> pd.DataFrame:
    """The single runs behind `removal_curves`: columns MODEL, seed, layer, value."""
    chosen = _chosen(removal, "removal", rule=rule, rescaled=rescaled)
    return chosen.loc[chosen["metric"] == "mAP", [*MODEL, "seed", "layer", "value"]]


def coherence_curves(
    coherence: pd.DataFrame,
    rule: str = "mean",
    runs: Sequence[str] | None = None,
    measure: str = "coherence",
) -> pd.DataFrame:
    """Coherence of each training run at each layer: mean over clips, then interval over runs.

    From the rows of contract coherence of one rule, and of `runs` alone if they are given;
    `measure` may be envelope_correlation instead. Columns as in `removal_curves`. Dead maps count
    as the 0 that they have in the table. Raises SonifyError as `removal_curves`, and for a run that
    is not there.
    """
    return t_intervals(coherence_runs(coherence, rule, runs, measure), [*MODEL, "layer"], "value")


def coherence_runs(
    coherence: pd.DataFrame,
    rule: str = "mean",
    runs: Sequence[str] | None = None,
    measure: str = "coherence",
) -> pd.DataFrame:
    """The single runs behind `coherence_curves`: columns MODEL, seed, layer, value."""
    chosen = of_runs(_chosen(coherence, "coherence", rule=rule), runs)
    means = chosen.groupby([*MODEL, "seed", "layer"], as_index=False)[measure].mean()
    return means.rename(columns={measure: "value"})


def peak_curves(by_filter: pd.DataFrame) -> pd.DataFrame:
    """Coherence of each training run at each layer as the authors' code measures it.

    From rows of contract coherence_by_filter: each rank of peak in the mean over the filters that
    have a pair left, the mean of these over the ranks, then interval over runs. Columns as in
    `removal_curves`. Raises SonifyError for rows of two datasets or splits.
    """
    return t_intervals(peak_runs(by_filter), [*MODEL, "layer"], "value")


def peak_runs(by_filter: pd.DataFrame, measure: str = "peak_coherence") -> pd.DataFrame:
    """The single runs behind `peak_curves`: columns MODEL, seed, layer, value.

    `measure` may be floor instead. Layers with no filter that has a pair left are absent.
    """
    paired = _chosen(by_filter, "coherence_by_filter").dropna(subset="peak_coherence")
    by = [*MODEL, "seed", "layer"]
    ranks = paired.groupby([*by, "peak_rank"])[measure].mean()
    return ranks.groupby(by).mean().reset_index(name="value")


def peak_floor(by_filter: pd.DataFrame) -> float:
    """Return the score of independent noises by the measure of `peak_curves`; NaN without rows."""
    return float(peak_runs(by_filter, "floor")["value"].mean())


def importance_runs(
    layer_importance: pd.DataFrame,
    metrics: Mapping[str, str],
    finetuned: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """The rows of contract layer_importance behind Figure 4, of each dataset in its one metric.

    A whole encoder that is a finetuned run of its own takes the name of the probes' run beside it,
    given by `finetuned`. Raises SonifyError for rows of two splits of a dataset.
    """
    runs = layer_importance[layer_importance["metric"] == layer_importance["dataset"].map(metrics)]
    for _, rows in runs.groupby("dataset"):
        _chosen(rows, "layer_importance")
    return runs.assign(run=runs["run"].replace(dict(finetuned or {})))


def of_runs(coherence: pd.DataFrame, runs: Sequence[str] | None) -> pd.DataFrame:
    """The rows of `runs`, of all if None. Raises SonifyError for a run that is not there."""
    if runs is None or coherence.empty:
        return coherence
    found = set(coherence["run"])
    missing = sorted(set(runs) - found)
    if missing:
        raise SonifyError(
            f"table coherence has no run {', '.join(missing)}, only {', '.join(sorted(found))}: "
            "measure its coherence or leave it out"
        )
    return coherence[coherence["run"].isin(runs)]


def floor(coherence: pd.DataFrame) -> float:
    """Return the mean noise floor over clips of coherence rows; NaN without rows."""
    return float(coherence.drop_duplicates(["dataset", "split", "clip_id"])["floor"].mean())


def _chosen(frame: pd.DataFrame, table: str, **condition: str | bool) -> pd.DataFrame:
    """The rows of one condition, of one dataset and split."""
    chosen = frame
    for column, value in condition.items():
        there = sorted(chosen[column].unique())
        chosen = chosen[chosen[column] == value]
        if chosen.empty and not frame.empty:
            raise SonifyError(
                f"table {table} has no rows with {column} {value}, only "
                f"{' and '.join(map(str, there))}: measure that too, or ask for what is there"
            )
    for column in ("dataset", "split"):
        found = sorted(chosen[column].unique())
        if len(found) > 1:
            where = f" of {chosen['dataset'].iloc[0]}" if column == "split" else ""
            raise SonifyError(
                f"table {table} has {column} {' and '.join(found)}{where}: a mean over both would "
                "mean nothing; give one at a time"
            )
    return chosen
