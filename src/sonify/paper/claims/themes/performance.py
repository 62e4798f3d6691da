"""Claims 15 to 19: recognition performance (appendix A, Tables A.1 to A.6).

Each compares pairs of trainings, seed by seed (a finetuning starts from the pretraining of the same
seed), on whole clips of the evaluation split: by mAP, on Speech Commands by accuracy, both in
[0, 1]. Every pair must gain.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from sonify.paper.claims.evidence import FINETUNES, SCORED, Evidence, gather
from sonify.paper.claims.measurement import Measurement, differences
from sonify.paper.claims.verdicts import Above, Claim
from sonify.paper.labels import DATASETS
from sonify.paper.labels import FINETUNES as FINETUNE_LABELS
from sonify.paper.setting import AUGMENTATIONS, PaperSetting


@dataclass(frozen=True)
class Pair:
    """Two settings of which, by a claim, the first performs better, and a name for the remark."""

    name: str
    better: PaperSetting
    worse: PaperSetting


def gains(heading: str, pairs: list[Pair]) -> Callable[[Evidence], Measurement]:
    """Return the evaluation of a claim that the better of every pair gains over the worse."""

    def evaluate(evidence: Evidence) -> Measurement:
        settings = dict.fromkeys(one for pair in pairs for one in (pair.better, pair.worse))
        scores = gather(evidence.score, settings)
        return differences(heading, {p.name: (scores[p.better], scores[p.worse]) for p in pairs})

    return evaluate


def _balanced(finetune: str) -> PaperSetting:
    """Return the main setting of Table A.1, finetuned on AudioSet's balanced part."""
    return PaperSetting("audioset", "contrastive", finetune, balanced=True)


def _scratch() -> list[Pair]:
    return [
        Pair(
            f"{DATASETS[dataset]} {metric}",
            PaperSetting(dataset, "contrastive", "full"),
            PaperSetting(dataset, "supervised"),
        )
        for dataset, (_, metric) in SCORED.items()
    ]


def _augmentations() -> list[Pair]:
    """Compare each added augmentation with the setting before it: the three steps of Table A.1.

    In the paper the second step, time masking, gains 0.000 (fc-only) and 0.001 (full) of mAP.
    """
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
        "pretrained minus from scratch: the least of the three",
        rule=Above(every=True),
        evaluate=gains("Pretrained against from scratch", _scratch()),
    ),
    Claim(
        number=16,
        section="A.2, Table A.1",
        statement="Each augmentation added in contrastive pretraining helps",
        measure="mAP on AudioSet eval, finetuned on its balanced part, with Gaussian noise, time "
        "mask and random SNR each minus without it: the least over the three steps, fc-only and "
        "full",
        rule=Above(every=True),
        evaluate=gains("With against without", _augmentations()),
    ),
    Claim(
        number=17,
        section="A.2, Table A.1",
        statement="A temperature of 0.1 beats 0.2 and 0.3",
        measure="mAP on AudioSet eval, finetuned on its balanced part, τ 0.1 minus τ 0.2 and minus "
        "τ 0.3: the least over both, fc-only and full",
        rule=Above(every=True),
        evaluate=gains("Temperature", _temperatures()),
    ),
    Claim(
        number=18,
        section="A, Tables A.1, A.2, A.4",
        statement="Twice the filters help",
        measure="mAP after contrastive pretraining, CNN12_x2 minus CNN12: the least over AudioSet "
        "balanced (fc-only and full), AudioSet (full) and FSD50K (fc-only and full)",
        rule=Above(every=True),
        evaluate=gains("CNN12_x2 against CNN12", _doubled()),
    ),
    Claim(
        number=19,
        section="A.3.2, Table A.4",
        statement="After supervised pretraining, fc-only beats full finetuning on FSD50K",
        measure="mAP on FSD50K eval, supervised pretraining, fc-only minus full",
        rule=Above(),
        evaluate=gains("Supervised, fc-only against full", _linear()),
    ),
)
