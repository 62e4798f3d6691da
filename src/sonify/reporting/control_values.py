"""Values by seed behind the figures and findings about controls, from their evaluation tables.

Every frame has the columns VALUES: a metric, a run, the sound heard or subtracted, and the layer.
"""

import pandas as pd

from sonify.evaluation.metrics.intervals import t_intervals

MODEL = ["run", "regime", "finetune"]
VALUES = ["metric", *MODEL, "sound", "layer", "seed", "value"]


def stimulation_values(stimulation: pd.DataFrame) -> pd.DataFrame:
    """Return means over clips of contract stimulation; dead filters are left out.

    Metrics: response and leads of the most active filter; leads_random of the randomly drawn one.
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


def specificity_values(specificity: pd.DataFrame) -> pd.DataFrame:
    """Return means over filters and top clips of contract specificity; dead filters are left out.

    Metrics: filter_response, filter_leads, filter_best_share.
    """
    rows = specificity[~specificity["dead"]]
    rows = rows.assign(leads=(rows["filter_rank"] == 1).astype(float))
    return pd.concat(
        [
            _means(rows, "response", "filter_response"),
            _means(rows, "leads", "filter_leads"),
            _means(rows, "best_share", "filter_best_share"),
        ],
        ignore_index=True,
    )


def removal_values(removal_controls: pd.DataFrame) -> pd.DataFrame:
    """Return falls of mAP from the untouched clips, seed by seed, of contract removal_controls.

    Metrics: fall, for sounds of the sonification's energy; fall_at_fraction, the mean over layers
    for sounds of a given fraction of the clip's energy, which stands in place of the layer.
    """
    rows = removal_controls[removal_controls["metric"] == "mAP"]
    whole = rows[rows["layer"] == 0].set_index("model")["value"]
    falls = rows[rows["layer"] > 0].assign(
        fall=lambda r: r["model"].map(whole).astype(float) - r["value"]
    )
    swept = falls[falls["target_fraction"] > 0]
    return pd.concat(
        [
            _means(falls[falls["target_fraction"] == 0], "fall", "fall"),
            _means(swept.assign(layer=swept["target_fraction"]), "fall", "fall_at_fraction"),
        ],
        ignore_index=True,
    )


def coherence_control_values(coherence_controls: pd.DataFrame) -> pd.DataFrame:
    """Return means over clips of contract coherence_controls; silence has no flatness.

    Metrics: coherence, flatness and active_fraction.
    """
    names = ("coherence", "flatness", "active_fraction")
    return pd.concat([_means(coherence_controls, n, n) for n in names], ignore_index=True)


def label_values(label_controls: pd.DataFrame) -> pd.DataFrame:
    """Return means over filters of contract label_controls: metric label_purity.

    The top clips' place is also taken by clips drawn at random, the sound drawn.
    """
    trained = label_controls[label_controls["sound"] == "sonification"]
    by_chance = trained.drop(columns="label_purity").rename(
        columns={"chance_purity": "label_purity"}
    )
    rows = pd.concat([label_controls, by_chance.assign(sound="drawn")], ignore_index=True)
    return _means(rows, "label_purity", "label_purity")


def stems_values(stems: pd.DataFrame) -> pd.DataFrame:
    """Return means over clips of contract stems, of decibels the median; silence is left out.

    Metrics: best_share, si_sdr_db, auc_time and auc_bins.
    """
    by = [*MODEL, "sound", "layer", "seed"]
    ratios = stems.groupby(by)["si_sdr_db"].median().dropna().reset_index(name="value")
    return pd.concat(
        [
            *(_means(stems, name, name) for name in ("best_share", "auc_time", "auc_bins")),
            ratios.assign(metric="si_sdr_db")[VALUES],
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
    "leads": "Fraction of clips on which the most active filter leads its layer",
    "leads_random": "Fraction of clips on which a filter drawn at random leads its layer",
    "filter_response": "Activity of every filter on sounds of its top clips, relative to the clips",
    "filter_leads": "Fraction of filters and their top clips on which the filter leads its layer",
    "filter_best_share": "Fraction of power in the best source, over every filter's top clips",
    "fall": "Fall of mAP when the sound is subtracted",
    "coherence": "Coherence of the sound with the clip",
    "flatness": "Spectral flatness of the sound",
    "active_fraction": "Fraction of the sound's frames within 40 dB of its loudest",
    "label_purity": "Largest fraction of a filter's top clips with one label in common",
    "best_share": "Fraction of the sound's power in its best source",
    "si_sdr_db": "Greatest SI-SDR over the sources, in dB",
    "auc_time": "Area under the ROC curve for detecting when its best source sounds",
    "auc_bins": "Area under the ROC curve for detecting its best source in time and frequency",
}
SOURCES = {
    "stimulation": stimulation_values,
    "specificity": specificity_values,
    "removal_controls": removal_values,
    "coherence_controls": coherence_control_values,
    "label_controls": label_values,
    "stems": stems_values,
}
