"""Values by seed behind the figures and findings about controls, from their evaluation tables.

Every frame has the columns VALUES: a metric, a run, what was heard or subtracted, and where.
"""

import pandas as pd

from sonify.evaluation.metrics.intervals import t_intervals

MODEL = ["run", "regime", "finetune"]
VALUES = ["metric", *MODEL, "sound", "layer", "seed", "value"]


def stimulation_values(stimulation: pd.DataFrame) -> pd.DataFrame:
    """Return means over clips of contract stimulation; dead filters are left out.

    Metrics: response and leads of the most active filter; leads_random of the one drawn at random.
    """
    chosen = stimulation["selection"]
    most, drawn = stimulation[chosen == "most_active"], stimulation[chosen == "random"]
    return pd.concat(
        [
            _means(most, "response", "response"),
            _means(most, "leads", "leads"),
            _means(drawn, "leads", "leads_random"),
        ],
        ignore_index=True,
    )


def curves(values: pd.DataFrame) -> pd.DataFrame:
    """Return 95% t-intervals over seeds: columns VALUES without seed and value; mean, ci95, n."""
    return t_intervals(values, [c for c in VALUES if c not in ("seed", "value")], "value")


def _means(rows: pd.DataFrame, column: str, metric: str) -> pd.DataFrame:
    by = [*MODEL, "sound", "layer", "seed"]
    means = rows.groupby(by)[column].mean().dropna().reset_index(name="value")
    return means.assign(metric=metric)[VALUES]


# The metrics in words, and how each table gives its own.
METRICS = {
    "response": "Activity of the most active filter, relative to that on the clip",
    "leads": "Fraction of clips on which that filter leads its layer",
    "leads_random": "The same, of a filter drawn at random",
}
SOURCES = {"stimulation": stimulation_values}
