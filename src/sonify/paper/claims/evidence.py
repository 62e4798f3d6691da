"""What claims are judged by: the evaluation tables, and which training runs a claim means."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

import pandas as pd

from sonify.paper.labels import DATASETS, finetuned_label
from sonify.runtime.errors import SonifyError

REGIMES = ("contrastive", "supervised")
FINETUNES = ("fconly", "full")

# In the order in which Table A.1 adds them.
AUGMENTATIONS = ("gain_db", "noise_amplitude", "time_mask", "background_snr_db")

# Split and measure of the published results, and of appendix B's curves.
SCORED = {
    "audioset": ("eval", "mAP"),
    "fsd50k": ("eval", "mAP"),
    "speech_commands": ("test", "accuracy"),
}
VALIDATED = {"fsd50k": "mAP", "speech_commands": "accuracy"}

K = TypeVar("K")
Frame = TypeVar("Frame", pd.Series, pd.DataFrame)


class Missing(Exception):
    """What a claim needs and the tables do not have, in words."""


@dataclass(frozen=True)
class Kind:
    """A kind of training run in the paper's terms; the defaults are the paper's main setting.

    A run that is finetuned was first trained, on the whole of AudioSet, as `pretraining` says; one
    with finetune "none" was trained in one go. Temperature and how many of AUGMENTATIONS are on
    tell contrastive pretrainings apart, and nothing else.
    """

    dataset: str
    regime: str
    finetune: str = "none"
    balanced: bool = False
    architecture: str = "CNN12"
    temperature: float = 0.1
    augmentations: int = len(AUGMENTATIONS)

    @property
    def pretraining(self) -> "Kind":
        """What a finetuned run of this kind starts from."""
        return replace(self, dataset="audioset", finetune="none", balanced=False)

    def fits(self, run: str, runs: Mapping[str, Mapping]) -> bool:
        """Whether `run`, by its facts in `runs`, is of this kind."""
        facts = runs[run]
        alike = facts["dataset"] == self.dataset and facts["finetune"] == self.finetune
        if not alike or (set(facts["splits"]) == {"balanced_train"}) != self.balanced:
            return False
        if self.finetune != "none":
            return self.pretraining.fits(facts["start"], runs)
        found = (facts["regime"], facts["architecture"], facts["downsampling"])
        if found != (self.regime, self.architecture, "pool"):
            return False
        named = set(AUGMENTATIONS[: self.augmentations])
        return self.regime == "supervised" or (
            facts["temperature"] == self.temperature and set(facts["augmentation"]) == named
        )

    def __str__(self) -> str:
        name = f"{DATASETS[self.dataset]}{' balanced' if self.balanced else ''}, "
        contrastive = (self.regime, self.finetune) == ("contrastive", "none")
        name += "contrastive" if contrastive else finetuned_label(self.regime, self.finetune)
        main = Kind(self.dataset, self.regime)
        if self.architecture != main.architecture:
            name += f", {self.architecture}"
        if self.temperature != main.temperature:
            name += f", τ {self.temperature:g}"
        if self.augmentations != main.augmentations:
            name += f", {self.augmentations} of {len(AUGMENTATIONS)} augmentations"
        return name


SUPERVISED = Kind("audioset", "supervised")
CONTRASTIVE = Kind("audioset", "contrastive")


@dataclass(frozen=True)
class Evidence:
    """Evaluation tables by contract, and what the configuration says of them.

    `runs` are the facts by run; `probes` says by run of layer_importance which of `runs` it starts
    from; `rule` and `rescaled` are the main condition of removal and coherence; `strided` the runs
    with "pool" and "strided" downsampling that section 3.2 compares, or None.
    """

    tables: Mapping[str, pd.DataFrame]
    runs: Mapping[str, Mapping]
    probes: Mapping[str, str]
    rule: str
    rescaled: bool
    strided: Mapping[str, str] | None

    def of(self, table: str, kind: Kind, **where: object) -> pd.DataFrame:
        """The rows of `table` of the one run of this kind, where the columns have these values.

        Raises Missing without any, SonifyError when two runs of the configuration are of one kind
        or were measured in two places.
        """
        frame = _where(self.tables[table], where)
        fitting = [r for r in frame["run"].unique() if r in self.runs and kind.fits(r, self.runs)]
        return _one_run(frame[frame["run"].isin(fitting)], table, str(kind))

    def of_run(self, table: str, run: str, **where: object) -> pd.DataFrame:
        """The rows of `table` of the run of this name, as `of`."""
        return _one_run(_where(self.tables[table], {"run": run, **where}), table, f"run {run}")

    def score(self, kind: Kind) -> pd.Series:
        """What the paper reports of a run of this kind, mAP or accuracy in [0, 1], by seed."""
        split, metric = SCORED[kind.dataset]
        rows = self.of("metrics", kind, dataset=kind.dataset, split=split, metric=metric)
        return rows.set_index("seed")["value"]

    def remaining(self, kind: Kind) -> pd.DataFrame:
        """mAP after removal of each layer's sonification, seed by layer; layer 0 is untouched."""
        condition = {"metric": "mAP", "rule": self.rule, "rescaled": self.rescaled}
        condition |= {"dataset": kind.dataset, "split": SCORED[kind.dataset][0]}
        curves = by_layer(self.of("removal", kind, **condition), "value")
        if 0 not in curves:
            raise Missing(f"removal of {kind}: the baseline, layer 0")
        return curves

    def retained(self, dataset: str, regime: str, finetune: str) -> pd.DataFrame:
        """Validation mAP or accuracy with the first layers retained, seed by layer (12: all)."""
        probe = {"dataset": dataset, "split": "val", "metric": VALIDATED[dataset]}
        start = Kind("audioset", regime)
        fitting = [run for run, name in self.probes.items() if start.fits(name, self.runs)]
        rows = _where(self.tables["layer_importance"], probe | {"finetune": finetune})
        words = f"{DATASETS[dataset]}, {finetuned_label(regime, finetune)}"
        rows = _one_run(rows[rows["run"].isin(fitting)], "layer_importance", words)
        return by_layer(rows, "value")


def by_layer(rows: pd.DataFrame, column: str) -> pd.DataFrame:
    """The mean of `column` by seed (rows) and layer (columns); NaN where nothing was measured."""
    return rows.groupby(["seed", "layer"])[column].mean().unstack("layer")


def gather(found: Callable[[K], Frame], wanted: Iterable[K]) -> dict[K, Frame]:
    """`found` of each of `wanted`, all on the seeds that they have in common, so that they pair.

    Raises Missing that names everything missing at once, or that no seed has all.
    """
    have: dict[K, Frame] = {}
    lacking: list[str] = []
    for key in wanted:
        try:
            have[key] = found(key)
        except Missing as missing:
            lacking.append(str(missing))
    if lacking:
        raise Missing("; ".join(dict.fromkeys(lacking)))
    seeds = sorted(set.intersection(*(set(frame.index) for frame in have.values())))
    if not seeds:
        raise Missing("a seed that has every run compared")
    return {key: frame.loc[seeds] for key, frame in have.items()}


def _where(frame: pd.DataFrame, values: Mapping[str, object]) -> pd.DataFrame:
    for column, value in values.items():
        frame = frame[frame[column] == value]
    return frame


def _one_run(rows: pd.DataFrame, table: str, words: str) -> pd.DataFrame:
    if rows.empty:
        raise Missing(f"{table.replace('_', ' ')} of {words}")
    for column, remedy in (
        ("run", "keep one of them in the configuration"),
        ("dataset", "measure it on one"),
        ("split", "measure it on one"),
    ):
        found = sorted(rows[column].unique())
        if len(found) > 1:
            raise SonifyError(
                f"table {table} has {column} {' and '.join(found)} for {words}, of which a claim "
                f"can mean only one: {remedy}"
            )
    return rows
