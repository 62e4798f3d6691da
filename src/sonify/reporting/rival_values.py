"""Methods side by side: values by seed of the deconvnet and its rivals, and the table of them.

Frames have the columns VALUES of `control_values`, the method in place of the sound.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import pandas as pd

from sonify.paper.labels import distinct_labels
from sonify.reporting.control_values import MODEL, VALUES

DECONVNET, RANDOM = "deconvnet", "random_signal"
_BY = [*MODEL, "seed", "method", "layer"]


class Measure(NamedTuple):
    """One measure of methods: a column of the page's tables, a panel of the figure.

    unit: what its axis shows, in a word or two lines. column: of table rivals. less: the control of
    which the same is subtracted, None for none.
    """

    head: str
    words: str
    unit: str
    column: str
    less: str | None = None
    more_is_better: bool = True


# Whether the sound is special, then the field's metrics.
MEASURES = {
    "rival_response": Measure(
        "stimulation",
        "activity of the filter on its sound, relative to that on the clip, minus that on the "
        "sound with random phases",
        "activity, less\nrandom phases’",
        "response",
        "phase",
    ),
    "rival_coherence": Measure(
        "coherence",
        "with the clip, minus that of the method's sound from an untrained network",
        "coherence, less\nuntrained network’s",
        "coherence",
        "untrained",
    ),
    "rival_share": Measure(
        "stems",
        "fraction of the sound's power in its best source, minus that of the sound with random "
        "phases",
        "best source, less\nrandom phases’",
        "best_share",
        "phase",
    ),
    "rival_delay": Measure(
        "delay",
        "correlation with the sound of the delayed clip, shifted back; 1 if the sound follows the "
        "delay exactly",
        "correlation",
        "delay_correlation",
    ),
    "rival_randomised": Measure(
        "random weights",
        "rank correlation of spectral magnitudes with the sound from the same network with random "
        "weights in the layer; low if the sound depends on the weights",
        "rank correlation",
        "randomised_correlation",
        more_is_better=False,
    ),
    "rival_cost": Measure(
        "cost",
        "arithmetic operations, relative to the deconvnet's",
        "times the deconvnet’s",
        "cost",
        more_is_better=False,
    ),
}
FIELD = {
    "rival_faithfulness": Measure(
        "FF",
        "drop in the probability of the clip's class when the sound is removed",
        "probability",
        "faithfulness",
    ),
    "rival_faithfulness_logit": Measure(
        "FF, scores", "the same without softmax", "score", "faithfulness_logit"
    ),
    "rival_average_drop": Measure(
        "AD",
        "average drop on the sound alone",
        "fraction",
        "average_drop",
        more_is_better=False,
    ),
    "rival_average_increase": Measure(
        "AI", "average increase", "fraction of clips", "average_increase"
    ),
    "rival_average_increase_logit": Measure(
        "AI, scores", "the same without softmax", "fraction of clips", "average_increase_logit"
    ),
    "rival_average_gain": Measure("AG", "average gain", "fraction", "average_gain"),
    "rival_fidelity": Measure("Fid-In", "fidelity to the input", "fraction of clips", "fidelity"),
    "rival_sparseness": Measure("SPS", "sparseness", "Gini index", "sparseness"),
    "rival_complexity": Measure(
        "COMP", "complexity, in nats", "nats", "complexity", more_is_better=False
    ),
}
_REMOVAL = Measure(
    "removal",
    "fall of mAP when the sound is subtracted, minus that for the sound with random phases",
    "fall of mAP, less\nrandom phases’",
    "value",
    "phase",
)
METRICS = {"rival_removal": _REMOVAL, **MEASURES, **FIELD}


def in_order(methods: Iterable[str]) -> list[str]:
    """Return the names of methods, each once: the deconvnet first, the random signal last."""
    return sorted(set(methods), key=lambda name: (name != DECONVNET, name == RANDOM, name))


def in_words(method: str) -> str:
    """Return the name of a method as readers see it."""
    return method.replace("_", " ")


def rivals_values(rivals: pd.DataFrame) -> pd.DataFrame:
    """Return means over clips of contract rivals; empty values are left out, in pairs."""
    by_sound = {sound: rows.set_index([*_BY, "clip_id"]) for sound, rows in rivals.groupby("sound")}
    made = []
    for metric, measure in (MEASURES | FIELD).items():
        values = by_sound["sonification"][measure.column]
        if measure.less:
            values = values - by_sound[measure.less][measure.column]
        made.append(_named(values.groupby(level=_BY).mean(), metric))
    return pd.concat(made, ignore_index=True)


def rivals_removal_values(removal: pd.DataFrame) -> pd.DataFrame:
    """Return by how much further mAP falls without the sound than without its control."""
    rows = removal[(removal["metric"] == "mAP") & (removal["layer"] > 0)]
    left = {sound: of.set_index(_BY)["value"] for sound, of in rows.groupby("sound")}
    return _named(left["phase"] - left["sonification"], "rival_removal")


def words(means: pd.DataFrame) -> list[str]:
    """Return the page's part on methods, from rows of contract control_means about them."""
    parts = [
        "## Methods side by side",
        "Every method sonifies the most active filter of the same layers of the same clips; all "
        "sounds of a clip and layer have the energy of the deconvnet's. Means over seeds and "
        f"layers {', '.join(f'{n:g}' for n in sorted(means['layer'].unique()))}; figure_rivals "
        "shows them by layer, with intervals. ↑: higher is better; ↓: lower is better. "
        "docs/rivals.md defines the methods and the field's metrics.",
    ]
    for run, label in distinct_labels(means).items():
        rows = means[means["run"] == run]
        for heading, measures in (
            ("Is the sound special?", {"rival_removal": _REMOVAL, **MEASURES}),
            ("The field's metrics", FIELD),
        ):
            parts += [f"### {heading} ({label})", _matrix(rows, measures), _legend(measures)]
    return parts


def _matrix(rows: pd.DataFrame, measures: Mapping[str, Measure]) -> str:
    found = rows.groupby(["sound", "metric"])["mean"].mean().unstack("metric")
    heads = [f"{m.head} {'↑' if m.more_is_better else '↓'}" for m in measures.values()]
    lines = [["method", *heads], ["--", *["--:"] * len(measures)]]
    for name in in_order(found.index):
        values = [found.loc[name].get(metric, float("nan")) for metric in measures]
        cells = ["–" if v != v else f"{v:.3f}" for v in values]
        lines.append([in_words(name), *cells])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _legend(measures: Mapping[str, Measure]) -> str:
    return "; ".join(f"*{m.head}*: {m.words}" for m in measures.values()) + "."


def _named(values: pd.Series, metric: str) -> pd.DataFrame:
    frame = values.dropna().rename("value").reset_index().rename(columns={"method": "sound"})
    return frame.assign(metric=metric)[VALUES]


SOURCES = {"rivals": rivals_values, "rivals_removal": rivals_removal_values}
