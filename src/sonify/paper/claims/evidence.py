"""The evidence for claims: the evaluation tables, and the runs they describe."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self, TypeVar

import numpy as np
import pandas as pd

from sonify.evaluation.metrics.chance import chance_map
from sonify.paper.claims.measurement import Task
from sonify.paper.labels import DATASETS, finetuned_label
from sonify.paper.run_facts import Runs, read_runs
from sonify.paper.setting import PaperSetting
from sonify.runtime.errors import SonifyError

REGIMES = ("contrastive", "supervised")
FINETUNES = ("fconly", "full")

# Split and metric of the published results, and metric of appendix B's curves.
SCORED = {
    "audioset": ("eval", "mAP"),
    "fsd50k": ("eval", "mAP"),
    "speech_commands": ("test", "accuracy"),
}
VALIDATED = {"fsd50k": "mAP", "speech_commands": "accuracy"}

# Columns that have one value in the rows of a claim, and what to do where they have several.
_REMEDIES = {
    "run": "keep one of them in the configuration",
    "dataset": "measure it on one",
    "split": "measure it on one",
}

K = TypeVar("K")
Frame = TypeVar("Frame", pd.Series, pd.DataFrame)


class Missing(Exception):
    """Something that a claim needs and the tables lack; the text names it."""


@dataclass(frozen=True)
class Evidence:
    """Evaluation tables by contract, and the configuration's facts about them.

    runs: facts by run. probes: by run of layer_importance, the one of `runs` that it starts from.
    rule, rescaled: the main condition of removal and coherence. strided: the runs with "pool" and
    "strided" downsampling that section 3.2 compares, or None.
    """

    tables: Mapping[str, pd.DataFrame]
    runs: Runs
    probes: Mapping[str, str]
    rule: str
    rescaled: bool
    strided: Mapping[str, str] | None

    @classmethod
    def known(cls, tables: Mapping[str, pd.DataFrame], settings: Mapping[str, Any]) -> Self:
        """Return the evidence of tables under the settings of the claims' jobs, as JSON."""
        known = {name: settings[name] for name in ("probes", "rule", "rescaled", "strided")}
        return cls(tables, read_runs(settings["runs"]), **known)

    def of(self, table: str, setting: PaperSetting, **where: object) -> pd.DataFrame:
        """Return the rows of `table` of the one run of this setting, where columns equal `where`.

        Raises Missing if there are none, SonifyError if two runs have this setting or were measured
        on two datasets or splits.
        """
        if table not in self.tables:
            raise Missing(table)
        rows = _where(self.tables[table], where)
        runs = [r for r in rows["run"].unique() if r in self.runs and setting.matches(r, self.runs)]
        return _of_one_run(rows[rows["run"].isin(runs)], table, str(setting))

    def of_run(self, table: str, run: str, **where: object) -> pd.DataFrame:
        """Return the rows of `table` of the run of this name, as `of` does."""
        return _of_one_run(_where(self.tables[table], {"run": run, **where}), table, f"run {run}")

    def score(self, setting: PaperSetting) -> pd.Series:
        """Return, by seed, the score that the paper reports: mAP or accuracy, in [0, 1]."""
        split, metric = SCORED[setting.dataset]
        rows = self.of("metrics", setting, dataset=setting.dataset, split=split, metric=metric)
        return rows.set_index("seed")["value"]

    def task(self, table: str, dataset: str) -> Task:
        """Return the `Task` that scores of `table` on a dataset are compared with.

        table: metrics, on the published split, or layer_importance, on the validation split.
        """
        split, metric = SCORED[dataset] if table == "metrics" else ("val", VALIDATED[dataset])
        rows = self.tables.get(table)
        if rows is None or "prevalence" not in rows:
            return Task(pd.Series(dtype=float), 0.0)
        rows = _where(rows, {"dataset": dataset, "split": split, "metric": metric})
        rows = rows[rows["n_clips"] > 0]
        if rows.empty:
            return Task(pd.Series(dtype=float), 0.0)
        seeds = rows.groupby("seed")[["prevalence", "n_clips"]].mean()
        prevalence, n_clips = seeds["prevalence"], seeds["n_clips"]
        chance = chance_map(prevalence, n_clips) if metric == "mAP" else prevalence
        return Task(chance, 1 / (2 * float(n_clips.min())))

    def half_clip(self, table: str) -> float:
        """Return half of what one clip changes in a mean over the clips of `table`.

        0 if the tables do not say.
        """
        rows = self.tables.get(table)
        if rows is None or "n_clips" not in rows:
            return 0.0
        n_clips = rows.loc[rows["n_clips"] > 0, "n_clips"]
        return 1 / (2 * float(n_clips.min())) if len(n_clips) else 0.0

    def removal_curves(self, setting: PaperSetting) -> pd.DataFrame:
        """Return mAP after removal of each layer's sonification, seed by layer; 0 is untouched."""
        condition = {"metric": "mAP", "rule": self.rule, "rescaled": self.rescaled}
        condition |= {"dataset": setting.dataset, "split": SCORED[setting.dataset][0]}
        curves = by_layer(self.of("removal", setting, **condition), "value")
        if 0 not in curves:
            raise Missing(f"removal of {setting}: the baseline, layer 0")
        return curves

    def importance_curves(self, dataset: str, regime: str, finetune: str) -> pd.DataFrame:
        """Return validation mAP or accuracy by layers retained, seed by layer; 12 is all of it."""
        condition = {"dataset": dataset, "split": "val", "metric": VALIDATED[dataset]}
        start = PaperSetting("audioset", regime)
        runs = [run for run, name in self.probes.items() if start.matches(name, self.runs)]
        rows = _where(self.tables["layer_importance"], condition | {"finetune": finetune})
        words = f"{DATASETS[dataset]}, {finetuned_label(regime, finetune)}"
        rows = rows[rows["run"].isin(runs)]
        # Layer by layer, since the whole encoder may be another run.
        several = rows.groupby("layer")[list(_REMEDIES)].nunique().gt(1).any(axis=1)
        for layer in several.index[several]:
            _of_one_run(rows[rows["layer"] == layer], "layer_importance", words)
        return by_layer(_some(rows, "layer_importance", words), "value")


def by_layer(rows: pd.DataFrame, column: str) -> pd.DataFrame:
    """Return the mean of `column`, seed by layer; NaN where nothing was measured."""
    return rows.groupby(["seed", "layer"])[column].mean().unstack("layer")


def gather(
    look_up: Callable[[K], Frame], keys: Iterable[K], *, paired: bool = True
) -> dict[K, Frame]:
    """Return `look_up(key)` by key; if `paired`, restricted to the seeds they share.

    Raises Missing, naming everything that is missing, or if no seed has all paired values.
    """
    frames: dict[K, Frame] = {}
    lacking: list[str] = []
    for key in keys:
        try:
            frames[key] = look_up(key)
        except Missing as missing:
            lacking.append(str(missing))
    if lacking:
        raise Missing("; ".join(dict.fromkeys(lacking)))
    if not paired:
        return frames
    seeds = sorted(set.intersection(*(set(frame.index) for frame in frames.values())))
    if not seeds:
        raise Missing("a seed with every run compared")
    return {key: frame.loc[seeds] for key, frame in frames.items()}


def _where(frame: pd.DataFrame, values: Mapping[str, object]) -> pd.DataFrame:
    chosen = np.ones(len(frame), bool)
    for column, value in values.items():
        chosen &= (frame[column] == value).to_numpy(bool)
    return frame[chosen]


def _some(rows: pd.DataFrame, table: str, words: str) -> pd.DataFrame:
    if rows.empty:
        raise Missing(f"{table.replace('_', ' ')} of {words}")
    return rows


def _of_one_run(rows: pd.DataFrame, table: str, words: str) -> pd.DataFrame:
    rows = _some(rows, table, words)
    for column, remedy in _REMEDIES.items():
        values = sorted(rows[column].unique())
        if len(values) > 1:
            raise SonifyError(
                f"table {table} has {column} {' and '.join(values)} for {words}, of which a claim "
                f"can mean only one: {remedy}"
            )
    return rows
