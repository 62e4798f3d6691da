"""Claims 15 to 19: recognition performance (appendix A, Tables A.1 to A.6).

Each compares pairs of trainings, seed by seed (a finetuning starts from the pretraining of the same
seed), on whole clips of the evaluation split: mAP, on Speech Commands accuracy, both in [0, 1].
Every pair must gain.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import pandas as pd

from sonify.paper.claims.evidence import (
    AUGMENTATIONS,
    FINETUNES,
    SCORED,
    Evidence,
    Kind,
    gather,
)
from sonify.paper.claims.layers import against
from sonify.paper.claims.verdicts import Above, Claim, Measured
from sonify.paper.labels import DATASETS
from sonify.paper.labels import FINETUNES as WORDS


@dataclass(frozen=True)
class Pair:
    """Two kinds of training, of which a claim says that the first does better, and what they are
    compared on, in words.
    """

    words: str
    better: Kind
    worse: Kind


def gains(heading: str, pairs: list[Pair]) -> Callable[[Evidence], Measured]:
    """The measure of a claim that the first of every pair does better: the gains, by seed.

    `heading` says in the remark what is compared.
    """

    def measured(evidence: Evidence) -> Measured:
        kinds = dict.fromkeys(kind for pair in pairs for kind in (pair.better, pair.worse))
        scores = gather(evidence.score, kinds)
        found = {pair.words: scores[pair.better] - scores[pair.worse] for pair in pairs}
        told = [f"{p.words} {against(scores[p.better], scores[p.worse])}" for p in pairs]
        return Measured(pd.DataFrame(found), f"{heading}: {'; '.join(told)}")

    return measured


def _balanced(
    finetune: str, temperature: float = 0.1, augmentations: int = len(AUGMENTATIONS)
) -> Kind:
    """A row of Table A.1: pretrained with this setting, finetuned on AudioSet's balanced part."""
    return Kind(
        "audioset",
        "contrastive",
        finetune,
        balanced=True,
        temperature=temperature,
        augmentations=augmentations,
    )


def _scratch() -> list[Pair]:
    return [
        Pair(
            f"{DATASETS[dataset]} {metric}",
            Kind(dataset, "contrastive", "full"),
            Kind(dataset, "supervised"),
        )
        for dataset, (_, metric) in SCORED.items()
    ]


def _augmentations() -> list[Pair]:
    """Each added augmentation against the setting before it: the three steps of Table A.1.

    Its own second step, time masking, gains 0.000 (fc-only) and 0.001 (full) of mAP.
    """
    names = ("Gaussian noise", "time mask", "random SNR")
    return [
        Pair(
            f"{name} {WORDS[finetune]}",
            _balanced(finetune, augmentations=count),
            _balanced(finetune, augmentations=count - 1),
        )
        for count, name in zip(range(2, len(AUGMENTATIONS) + 1), names, strict=True)
        for finetune in FINETUNES
    ]


def _temperatures() -> list[Pair]:
    return [
        Pair(
            f"0.1 and {temperature} {WORDS[finetune]}",
            _balanced(finetune),
            _balanced(finetune, temperature=temperature),
        )
        for temperature in (0.2, 0.3)
        for finetune in FINETUNES
    ]


def _doubled() -> list[Pair]:
    """Every setting that Tables A.1, A.2 and A.4 give for both widths."""
    settings = {
        **{f"AudioSet balanced {WORDS[f]}": _balanced(f) for f in FINETUNES},
        "AudioSet full": Kind("audioset", "contrastive", "full"),
        **{f"FSD50K {WORDS[f]}": Kind("fsd50k", "contrastive", f) for f in FINETUNES},
    }
    return [
        Pair(words, replace(kind, architecture="CNN12_x2"), kind)
        for words, kind in settings.items()
    ]


def _linear() -> list[Pair]:
    return [
        Pair("FSD50K", Kind("fsd50k", "supervised", "fconly"), Kind("fsd50k", "supervised", "full"))
    ]


CLAIMS = (
    Claim(
        number=15,
        section="A, Tables A.2, A.4, A.6",
        statement="Contrastive pretraining, finetuned fully, beats training from scratch on all "
        "three datasets",
        measure="mAP on AudioSet eval and FSD50K eval, accuracy on Speech Commands test, "
        "pretrained minus from scratch: the least of the three",
        rule=Above(every=True),
        measured=gains("Pretrained against from scratch", _scratch()),
    ),
    Claim(
        number=16,
        section="A.2, Table A.1",
        statement="Each augmentation added in contrastive pretraining helps",
        measure="mAP on AudioSet eval, finetuned on its balanced part, with Gaussian noise, time "
        "mask and random SNR each minus without it: the least over the three steps, fc-only and "
        "full",
        rule=Above(every=True),
        measured=gains("With against without", _augmentations()),
    ),
    Claim(
        number=17,
        section="A.2, Table A.1",
        statement="A temperature of 0.1 beats 0.2 and 0.3",
        measure="mAP on AudioSet eval, finetuned on its balanced part, τ 0.1 minus τ 0.2 and minus "
        "τ 0.3: the least over both, fc-only and full",
        rule=Above(every=True),
        measured=gains("Temperature", _temperatures()),
    ),
    Claim(
        number=18,
        section="A, Tables A.1, A.2, A.4",
        statement="Twice the filters help",
        measure="mAP after contrastive pretraining, CNN12_x2 minus CNN12: the least over AudioSet "
        "balanced (fc-only and full), AudioSet (full) and FSD50K (fc-only and full)",
        rule=Above(every=True),
        measured=gains("CNN12_x2 against CNN12", _doubled()),
    ),
    Claim(
        number=19,
        section="A.3.2, Table A.4",
        statement="After supervised pretraining, fc-only beats full finetuning on FSD50K",
        measure="mAP on FSD50K eval, supervised pretraining, fc-only minus full",
        rule=Above(),
        measured=gains("Supervised, fc-only against full", _linear()),
    ),
)
