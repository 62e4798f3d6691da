"""Curves over layers, with intervals over runs: for Figures 6 and 7 and the closing summary."""

import pandas as pd

from sonify.reporting.intervals import t_intervals

MODEL = ["regime", "finetune", "architecture", "run"]


def removal_curves(removal: pd.DataFrame) -> pd.DataFrame:
    """mAP of each training run after removal of each layer's sonification; layer 0 is untouched.

    From rows of contract removal; columns regime, finetune, architecture, run, layer, mean, ci95,
    n. Raises ValueError when the rows mix datasets, splits or rules.
    """
    return t_intervals(removal_runs(removal), [*MODEL, "layer"], "value")


def removal_runs(removal: pd.DataFrame) -> pd.DataFrame:
    """The single runs behind `removal_curves`: columns MODEL, seed, layer, value."""
    measured = removal[removal["metric"] == "mAP"]
    _one_condition(measured, "removal")
    return measured[[*MODEL, "seed", "layer", "value"]]


def coherence_curves(coherence: pd.DataFrame) -> pd.DataFrame:
    """Coherence of each training run at each layer: mean over clips, then interval over runs.

    From rows of contract coherence; columns as in `removal_curves`. Dead maps count as the 0 that
    they have in the table. Raises ValueError when the rows mix datasets, splits or rules.
    """
    return t_intervals(coherence_runs(coherence), [*MODEL, "layer"], "value")


def coherence_runs(coherence: pd.DataFrame) -> pd.DataFrame:
    """The single runs behind `coherence_curves`: columns MODEL, seed, layer, value."""
    _one_condition(coherence, "coherence")
    renamed = coherence.rename(columns={"coherence": "value"})
    return renamed.groupby([*MODEL, "seed", "layer"], as_index=False)["value"].mean()


def floor(coherence: pd.DataFrame) -> float:
    """Mean over clips of what independent noises of each clip's length score; NaN without rows."""
    return float(coherence.drop_duplicates(["dataset", "split", "clip_id"])["floor"].mean())


def _one_condition(frame: pd.DataFrame, table: str) -> None:
    for column in ("dataset", "split", "rule"):
        found = sorted(frame[column].unique())
        if len(found) > 1:
            raise ValueError(
                f"table {table} has {column} {' and '.join(found)}: a mean over both would mean "
                "nothing; give one at a time"
            )
