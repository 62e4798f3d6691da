"""Claims 15 to 19: recognition performance (appendix A, Tables A.1 to A.6).

Each compares pairs of trainings, seed by seed (a finetuning starts from the pretraining of the same
seed), on whole clips of the evaluation split: by mAP, on Speech Commands by accuracy, both in
[0, 1].
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from sonify.paper.claims.deltas import SCORE
from sonify.paper.claims.evidence import FINETUNES, SCORED, Evidence, Missing, gather
from sonify.paper.claims.measurement import Measurement, score_differences
from sonify.paper.claims.rules import Above
from sonify.paper.claims.verdicts import Claim
from sonify.paper.labels import DATASETS
from sonify.paper.labels import FINETUNES as FINETUNE_LABELS
from sonify.paper.setting import AUGMENTATIONS, PaperSetting


@dataclass(frozen=True)
class Pair:
    """Two settings, the first of which is claimed to perform better, and a name for the remark."""

    name: str
    better: PaperSetting
    worse: PaperSetting


def gains(heading: str, pairs: list[Pair]) -> Callable[[Evidence], Measurement]:
    """Return the evaluation of a claim that the first of every pair beats the second."""

    def evaluate(evidence: Evidence) -> Measurement:
        settings = dict.fromkeys(one for pair in pairs for one in (pair.better, pair.worse))
        scores = gather(evidence.score, settings)
        sides = {p.name: (scores[p.better], scores[p.worse]) for p in pairs}
        datasets = dict.fromkeys(pair.better.dataset for pair in pairs)
        tasks = {dataset: evidence.task("metrics", dataset) for dataset in datasets}
        return score_differences(heading, sides, {p.name: tasks[p.better.dataset] for p in pairs})

    return evaluate


def _balanced(finetune: str, **changed: Any) -> PaperSetting:
    """Return a setting of Table A.1, finetuned on AudioSet's balanced part."""
    main = PaperSetting("audioset", "contrastive", finetune, balanced=True)
    return replace(main, **changed)


def _scratch() -> list[Pair]:
    return [
        Pair(
            f"{DATASETS[dataset]} {metric}",
            PaperSetting(dataset, "contrastive", "full"),
            PaperSetting(dataset, "supervised"),
        )
        for dataset, (_, metric) in SCORED.items()
    ]


def augmentation_gains(evidence: Evidence) -> Measurement:
    """Return the benefit of all four augmentations over gain alone, fc-only and full.

    The paper claims only that it uses them. The remark has the steps of Table A.1 that were run:
    the second, time masking, gains 0.000 (fc-only) and 0.001 (full) there.
    """
    gained = gains("All four vs gain alone", _all_augmentations())(evidence)
    try:
        steps = gains("step by step", _augmentation_steps())(evidence).remark
    except Missing:
        return gained
    return gained._replace(remark=f"{gained.remark}; {steps}")


def doubling_gain(evidence: Evidence) -> Measurement:
    """Return the mean gain of twice the filters, over the pairs that the tables give.

    The mean, because the paper reports CNN12_x2 beside CNN12 and claims nothing of single pairs. It
    is at chance if any pair is.
    """
    gained = gains("CNN12_x2 vs CNN12", _doubled())(evidence)
    mean = gained.values.mean(axis=1, skipna=False)
    return gained._replace(values=mean, floor=float(pd.Series(gained.floor).mean()))


def _all_augmentations() -> list[Pair]:
    return [
        Pair(
            FINETUNE_LABELS[finetune],
            _balanced(finetune),
            _balanced(finetune, augmentation=AUGMENTATIONS[:1]),
        )
        for finetune in FINETUNES
    ]


def _augmentation_steps() -> list[Pair]:
    """Compare each added augmentation with the setting before it: the three steps of Table A.1."""
    names = ("Gaussian noise", "time mask", "random SNR")
    return [
        Pair(
            f"{name} {FINETUNE_LABELS[finetune]}",
            replace(_balanced(finetune), augmentation=AUGMENTATIONS[:count]),
            replace(_balanced(finetune), augmentation=AUGMENTATIONS[: count - 1]),
        )
        for count, name in zip(range(2, len(AUGMENTATIONS) + 1), names, strict=True)
        for finetune in FINETUNES
    ]


def _temperatures() -> list[Pair]:
    return [
        Pair(
            f"0.1 and {temperature} {FINETUNE_LABELS[finetune]}",
            _balanced(finetune),
            replace(_balanced(finetune), temperature=temperature),
        )
        for temperature in (0.2, 0.3)
        for finetune in FINETUNES
    ]


def _doubled() -> list[Pair]:
    """Compare widths in every setting that Tables A.1, A.2 and A.4 give for both."""
    settings = {
        **{f"AudioSet balanced {FINETUNE_LABELS[f]}": _balanced(f) for f in FINETUNES},
        "AudioSet full": PaperSetting("audioset", "contrastive", "full"),
        **{
            f"FSD50K {FINETUNE_LABELS[f]}": PaperSetting("fsd50k", "contrastive", f)
            for f in FINETUNES
        },
    }
    return [
        Pair(name, replace(setting, architecture="CNN12_x2"), setting)
        for name, setting in settings.items()
    ]


def _linear() -> list[Pair]:
    fconly, full = (PaperSetting("fsd50k", "supervised", finetune) for finetune in FINETUNES)
    return [Pair("FSD50K", fconly, full)]


CLAIMS = (
    Claim(
        number=15,
        section="A, Tables A.2, A.4, A.6",
        statement="Contrastive pretraining, finetuned fully, beats training from scratch on all "
        "three datasets",
        measure="mAP on AudioSet eval and FSD50K eval, accuracy on Speech Commands test, "
        "pretrained minus from scratch: the smallest of the three",
        rule=Above(every=True),
        evaluate=gains("Pretrained vs from scratch", _scratch()),
        delta=SCORE,
    ),
    Claim(
        number=16,
        section="A.2, Table A.1",
        statement="The four augmentations of contrastive pretraining help",
        measure="mAP on AudioSet eval, finetuned on its balanced part, all four augmentations "
        "minus random gain alone: the smaller of fc-only and full",
        rule=Above(every=True),
        evaluate=augmentation_gains,
        delta=SCORE,
    ),
    Claim(
        number=17,
        section="A.2, Table A.1",
        statement="A temperature of 0.1 beats 0.2 and 0.3",
        measure="mAP on AudioSet eval, finetuned on its balanced part, τ 0.1 minus τ 0.2 and minus "
        "τ 0.3: the smallest over both, fc-only and full",
        rule=Above(every=True),
        evaluate=gains("Temperature", _temperatures()),
        delta=SCORE,
    ),
    Claim(
        number=18,
        section="A, Tables A.1, A.2, A.4",
        statement="Doubling the filters helps",
        measure="mAP after contrastive pretraining, CNN12_x2 minus CNN12, mean over AudioSet "
        "balanced (fc-only and full), AudioSet (full) and FSD50K (fc-only and full)",
        rule=Above(),
        evaluate=doubling_gain,
        delta=SCORE,
    ),
    Claim(
        number=19,
        section="A.3.2, Table A.4",
        statement="After supervised pretraining, fc-only beats full finetuning on FSD50K",
        measure="mAP on FSD50K eval, supervised pretraining, fc-only minus full",
        rule=Above(),
        evaluate=gains("Supervised, fc-only vs full", _linear()),
        delta=SCORE,
    ),
)
