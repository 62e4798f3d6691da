"""The curves of Figures 4, 6 and 7 as rows of contract `curves`: ours beside the authors' own."""

from collections.abc import Mapping, Sequence

import pandas as pd

from sonify.contracts import tables
from sonify.evaluation.metrics.intervals import t_intervals
from sonify.paper.labels import scale_label
from sonify.paper.setting import CONTRASTIVE
from sonify.reporting import authors_curves, curves
from sonify.reporting.figures.figure_4 import PANELS

_MODEL = ["regime", "finetune"]


def figure_4(
    layer_importance: pd.DataFrame,
    scale: str,
    whole: Mapping[str, int],
    finetuned: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """Return Figure 4's curves, of both datasets; arguments and errors as in drawing it."""
    runs = curves.importance_runs(layer_importance, PANELS, finetuned)
    panels = []
    for (dataset, split, metric), rows in runs.groupby(["dataset", "split", "metric"]):
        ours = t_intervals(rows, [*curves.MODEL, "layer"], "value")
        theirs = authors_curves.importance_curves(dataset, split)
        panels.append(_beside(ours, theirs, dataset, split, metric))
    return _rows(panels, "figure_4", scale)


def figure_6(
    removal: pd.DataFrame, scale: str, rule: str = "mean", rescaled: bool = False
) -> pd.DataFrame:
    """Return Figure 6's curves; arguments and errors as in drawing it."""
    ours = curves.removal_curves(removal, rule, rescaled)
    dataset, split = _where(removal)
    theirs = authors_curves.removal_curves(dataset, split)
    return _rows([_beside(ours, theirs, dataset, split, "mAP")], "figure_6", scale)


def figure_7(
    coherence: pd.DataFrame,
    coherence_by_filter: pd.DataFrame,
    scale: str,
    rule: str = "mean",
    runs: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Return the curves of both panels of Figure 7; arguments and errors as in drawing it."""
    ours = curves.coherence_curves(coherence, rule, runs)
    unknown = authors_curves.removal_curves("", "")  # by the measure of the text there is nothing
    panels = [_beside(ours, unknown, *_where(coherence), "coherence")]
    by_filter = coherence_by_filter[coherence_by_filter["run"].isin(ours["run"])]
    if len(by_filter):
        dataset, split = _where(by_filter)
        theirs = authors_curves.coherence_curves(dataset, split)
        peaks = curves.peak_curves(by_filter)
        panels.append(_beside(peaks, theirs, dataset, split, "peak_coherence"))
    return _rows(panels, "figure_7", scale)


def _where(frame: pd.DataFrame) -> tuple[str, str]:
    dataset, split = frame[["dataset", "split"]].iloc[0]
    return dataset, split


def _beside(
    ours: pd.DataFrame, theirs: pd.DataFrame, dataset: str, split: str, metric: str
) -> pd.DataFrame:
    """Return each layer of our models beside the authors' of the same model; then theirs alone.

    Theirs are of the paper's encoder: other architectures have nothing beside them.
    """
    models = ours[curves.MODEL].drop_duplicates()
    models = models[models["architecture"] == CONTRASTIVE.architecture]
    theirs = theirs.rename(columns={"mean": "authors_mean", "ci95": "authors_ci95"})
    theirs = theirs.drop(columns="n").astype({"layer": ours["layer"].dtype})
    theirs = theirs.merge(models, on=_MODEL, how="left").fillna({"run": "", "architecture": ""})
    frame = ours.merge(theirs, on=[*curves.MODEL, "layer"], how="outer")
    return frame.assign(dataset=dataset, split=split, metric=metric)


def _rows(panels: list[pd.DataFrame], figure: str, scale: str) -> pd.DataFrame:
    scale_label(scale)
    frame = pd.concat(panels, ignore_index=True).rename(columns={"n": "n_runs"})
    frame = frame.assign(figure=figure, scale=scale, n_runs=frame["n_runs"].fillna(0).astype(int))
    frame = frame.reindex(columns=list(tables.contract("curves").columns))
    return tables.checked(frame, "curves").to_pandas()
