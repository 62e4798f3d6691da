"""The claims judged on the authors' own numbers, which shows criteria that these cannot meet.

Removal and coherence have three runs each. Of Figure 4 and of Tables A.1 to A.6 only means are
known: they have no interval, hence no verdict but "inconclusive", and the remark says whether the
means alone would meet the criterion.
"""

import math
from collections.abc import Iterator
from dataclasses import replace
from functools import cache

import pandas as pd

from sonify.paper import authors
from sonify.paper.claims.evidence import SCORED, VALIDATED, Evidence, Missing
from sonify.paper.claims.outcomes import MEANS_FAIL, UNPUBLISHED
from sonify.paper.claims.verdicts import SINGLE, Claim, rules_of
from sonify.paper.published import PAPER_TABLES
from sonify.paper.run_facts import RunFacts, Runs
from sonify.paper.setting import CONTRASTIVE, SUPERVISED, PaperSetting

# The tables with the paper's own models; A.3 and A.5 repeat lines of A.2 and A.4.
_TABLES = ("A1", "A2", "A4", "A6")
_MEANS = ("layer_importance", "metrics")
NOTES = {
    "removal": "Three runs of the authors",
    "coherence": "Three runs of the authors, by another measure: the mean of the five highest "
    "peaks of coherence, over the top five clips of every filter instead of the most active map "
    "of every clip",
    "layer_importance": "Means of three runs, read off the authors' Figure 4",
    "metrics": "Means of the paper's tables",
}


class _Recorded(dict[str, pd.DataFrame]):
    """Tables by name, recording which were looked up."""

    def __init__(self, tables: dict[str, pd.DataFrame]) -> None:
        super().__init__(tables)
        self.used: set[str] = set()

    def __getitem__(self, name: str) -> pd.DataFrame:
        if name not in self:
            raise Missing(name)
        self.used.add(name)
        return super().__getitem__(name)


def calibrated(claim: Claim) -> dict[str, float | str]:
    """Return the columns authors_* of contract claims; without numbers, the verdict says so."""
    evidence = authors_evidence()
    tables = _Recorded(dict(evidence.tables))
    try:
        measured = claim.evaluate(replace(evidence, tables=tables))
    except Missing:
        remark = "The authors published no numbers for it."
        return _row(math.nan, math.nan, UNPUBLISHED, remark)
    judged = claim.judge(measured)
    remark = f"{'; '.join(NOTES[name] for name in sorted(tables.used))}: {measured.remark}"
    if tables.used & set(_MEANS):
        meet = "meet the criterion" if _means_meet(claim, measured.values) else MEANS_FAIL
        remark += f"; there are no single runs, hence no interval; the means {meet}"
    caveats = [caveat for caveat in judged.caveats if caveat != SINGLE]
    remark = "; ".join([remark, *caveats]) + "."
    return _row(judged.mean, judged.ci95, judged.verdict, remark)


@cache
def authors_evidence() -> Evidence:
    """Return the authors' numbers in the form in which claims are judged."""
    settings = [line.setting for name in _TABLES for line in PAPER_TABLES[name].lines]
    runs = _runs([CONTRASTIVE, SUPERVISED, *filter(None, settings)])
    tables = {
        "removal": _removal(),
        "coherence": _coherence(),
        "layer_importance": pd.concat([_importance(dataset) for dataset in VALIDATED]),
        "metrics": _metrics(),
    }
    probes = {
        run: str(PaperSetting("audioset", regime))
        for run, regime in tables["layer_importance"][["run", "regime"]].to_numpy()
    }
    return Evidence(tables, runs, probes, rule="mean", rescaled=False, strided=None)


def _row(mean: float, ci95: float, verdict: str, remark: str) -> dict[str, float | str]:
    return {
        "authors_mean": mean,
        "authors_ci95": ci95,
        "authors_verdict": verdict,
        "authors_remark": remark,
    }


def _means_meet(claim: Claim, values: pd.DataFrame | pd.Series) -> bool:
    """Return whether every mean is on the right side, whatever its interval would be."""
    frame = pd.DataFrame(values)
    pairs = zip(rules_of(frame, claim.rule), frame.mean(), strict=True)
    return all(rule.room(mean) > 0 for rule, mean in pairs)


def _removal() -> pd.DataFrame:
    frame = authors.figure_6()
    runs = [str(PaperSetting("fsd50k", "contrastive", finetune)) for finetune in frame["finetune"]]
    split, metric = SCORED["fsd50k"]
    condition = {"rule": "mean", "rescaled": False, "metric": metric}
    return frame.assign(run=runs, dataset="fsd50k", split=split, **condition)


def _coherence() -> pd.DataFrame:
    frame = authors.figure_7().rename(columns={"value": "coherence"})
    runs = [str(PaperSetting("audioset", regime)) for regime in frame["regime"]]
    return frame.assign(run=runs, dataset="audioset", split="eval", rule="mean")


def _importance(dataset: str) -> pd.DataFrame:
    """Return the bars, and the dashed lines as layer 12: means of three runs, seed 0."""
    whole = authors.figure_4_whole(dataset).groupby(["regime", "finetune", "layer"])["value"]
    whole = whole.mean().reset_index().assign(seed=0)
    frame = pd.concat([authors.figure_4(dataset), whole])
    runs = [f"{dataset} {r} {f}" for r, f in frame[["regime", "finetune"]].to_numpy()]
    return frame.assign(run=runs, dataset=dataset, split="val", metric=VALIDATED[dataset])


def _metrics() -> pd.DataFrame:
    rows = []
    for table in (PAPER_TABLES[name] for name in _TABLES):
        split, metric = SCORED[table.dataset]
        where = {"dataset": table.dataset, "split": split, "metric": metric, "seed": 0}
        for line in table.lines:
            if line.setting:
                rows.append({"run": str(line.setting), "value": line.values[metric][0], **where})
    return pd.DataFrame(rows)


def _runs(settings: list[PaperSetting]) -> Runs:
    """Return the facts of the runs of these settings and of what they start from, by name."""
    return {
        str(one): _facts(one) for setting in settings for one in (setting, *_pretraining(setting))
    }


def _pretraining(setting: PaperSetting) -> Iterator[PaperSetting]:
    if setting.finetune != "none":
        yield replace(setting, dataset="audioset", finetune="none", balanced=False)


def _facts(setting: PaperSetting) -> RunFacts:
    starts = [str(start) for start in _pretraining(setting)]
    contrastive = (setting.regime, setting.finetune) == ("contrastive", "none")
    return RunFacts(
        dataset=setting.dataset,
        splits=("balanced_train",) if setting.balanced else ("train",),
        objective="contrastive" if contrastive else "multilabel",
        regime=setting.regime,
        finetune=setting.finetune,
        start=starts[0] if starts else None,
        architecture=setting.architecture,
        width=1.0,
        downsampling="pool",
        temperature=setting.temperature if setting.regime == "contrastive" else None,
        augmentation=setting.augmentation,
    )
