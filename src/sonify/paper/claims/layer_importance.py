"""Claims 10 to 14: performance on the first retained layers (appendix B, Figure 4)."""

from collections.abc import Iterable
from itertools import product

import pandas as pd

from sonify.paper.claims.evidence import FINETUNES, REGIMES, VALIDATED, Evidence, gather
from sonify.paper.claims.layers import (
    CENTRE,
    DEEP,
    FIRST,
    LAYERS,
    TREND,
    against,
    among,
    common,
    number,
    partly,
    rank_correlation,
)
from sonify.paper.claims.verdicts import Above, Claim, Measured
from sonify.paper.labels import DATASETS, finetuned_label
from sonify.paper.labels import FINETUNES as WORDS

_WHOLE = 12  # the encoder with its fully connected layer
_EXCEPT = 2  # "all but the final two layers"
Curves = dict[tuple[str, str, str], pd.DataFrame]


def least_growth(evidence: Evidence) -> Measured:
    """The rank correlation of performance and layers retained, of all eight curves: "steady
    improvement as we add layers for both contrastive and supervised pretraining in both settings".
    """
    curves = _curves(evidence, VALIDATED)
    trends = pd.DataFrame({key: rank_correlation(curve) for key, curve in curves.items()})
    told = [
        f"{DATASETS[key[0]]} {finetuned_label(*key[1:])} {number(value, 2)}{partly(curves[key])}"
        for key, value in trends.mean().items()
    ]
    return Measured(trends, "Rank correlation with the layers: " + "; ".join(told))


def first_lead(evidence: Evidence) -> Measured:
    """The mean lead of contrastive over the first layers, by dataset and finetuning: it "leads to
    better performance for the initial layers, for both the in-domain and the out-of-domain transfer
    tasks".
    """
    curves = _curves(evidence, VALIDATED)
    leads, told = {}, []
    for dataset, finetune in product(VALIDATED, FINETUNES):
        contrastive, supervised = common(*_both(curves, dataset, finetune), FIRST)
        leads[dataset, finetune] = (contrastive - supervised).mean(axis=1, skipna=False)
        sides = against(contrastive, supervised)
        told.append(f"{DATASETS[dataset]} {WORDS[finetune]} {sides}")
    return Measured(pd.DataFrame(leads), "Contrastive against supervised: " + "; ".join(told))


def deep_lead(evidence: Evidence) -> Measured:
    """The mean lead of supervised over the deep layers when full, and how much greater it is when
    fc-only (both above 0, so is the lead when fc-only): "for the in-domain FSD50K dataset,
    supervised pretraining outperforms contrastive pretraining significantly when deeper layers are
    added, especially for the fconly setting".
    """
    curves = _curves(evidence, ["fsd50k"])
    leads, told = {}, []
    for finetune in FINETUNES:
        contrastive, supervised = common(*_both(curves, "fsd50k", finetune), DEEP)
        leads[finetune] = (supervised - contrastive).mean(axis=1, skipna=False)
        told.append(f"{WORDS[finetune]} {against(supervised, contrastive)}")
    both = {"full": leads["full"], "more": leads["fconly"] - leads["full"]}
    return Measured(pd.DataFrame(both), "Supervised against contrastive mAP: " + "; ".join(told))


def all_but_two(evidence: Evidence) -> Measured:
    """The lead of contrastive at each layer, its sign turned at the last two, where it must not
    lead, by finetuning: "contrastive pretraining performs better than
    supervised pretraining in all but the final two layers".
    """
    curves = _curves(evidence, ["speech_commands"])
    every, told = {}, []
    for finetune in FINETUNES:
        both = _both(curves, "speech_commands", finetune)
        first, last = (common(*both, part) for part in (LAYERS[:-_EXCEPT], LAYERS[-_EXCEPT:]))
        held = pd.concat([first[0] - first[1], last[1] - last[0]], axis=1)
        every[finetune] = held
        at = held.mean().idxmin()
        sides = against(both[0][at], both[1][at])
        told.append(f"{WORDS[finetune]} {sides} at layer {at}, where it holds least{partly(held)}")
    words = "Contrastive against supervised accuracy: " + "; ".join(told)
    return Measured(pd.concat(every, axis=1), words)


def linear_evaluation(evidence: Evidence) -> Measured:
    """Mean accuracy over the centre of the stack (not of its best layer, which would be picked for
    it) minus that of the whole encoder, by regime: "linear evaluation (linear classifier on
    top of the full feature encoder) performs worse than adding a linear classifier on top of middle
    of the stack [...] in both cases".
    """
    curves = _curves(evidence, ["speech_commands"], ["fconly"])
    gains, told = {}, []
    for (_, regime, _), curve in curves.items():
        middle = among(curve, CENTRE).mean(axis=1, skipna=False)
        whole = among(curve, (_WHOLE,))[_WHOLE]
        gains[regime] = middle - whole
        told.append(f"{regime} {against(middle, whole)}")
    return Measured(
        pd.DataFrame(gains), "Middle of the stack against all of it: " + "; ".join(told)
    )


def _curves(
    evidence: Evidence, datasets: Iterable[str], finetunes: Iterable[str] = FINETUNES
) -> Curves:
    return gather(lambda key: evidence.retained(*key), product(datasets, REGIMES, finetunes))


def _both(curves: Curves, dataset: str, finetune: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The contrastive and the supervised curve."""
    return curves[dataset, "contrastive", finetune], curves[dataset, "supervised", finetune]


CLAIMS = (
    Claim(
        number=10,
        section="B, Figure 4",
        statement="Performance grows steadily with the layers retained",
        measure="Rank correlation (Spearman) of layers retained, 1 to 11, and validation "
        "performance: the least over FSD50K (mAP) and Speech Commands (accuracy), both "
        "pretrainings, fc-only and full",
        rule=Above(TREND, every=True),
        measured=least_growth,
    ),
    Claim(
        number=11,
        section="B, Figure 4",
        statement="Contrastive pretraining is ahead in the first layers, in and out of domain",
        measure="Validation mAP (FSD50K) or accuracy (Speech Commands) with 1 or 2 layers "
        "retained, mean of both, contrastive minus supervised: the least over datasets, fc-only "
        "and full",
        rule=Above(every=True),
        measured=first_lead,
    ),
    Claim(
        number=12,
        section="B, Figure 4",
        statement="Supervised pretraining is ahead in the deep layers in domain, more so fc-only",
        measure="Validation mAP on FSD50K with 8 to 11 layers retained, mean over them, supervised "
        "minus contrastive: that of full, or what that of fc-only is more, whichever is less",
        rule=Above(every=True),
        measured=deep_lead,
    ),
    Claim(
        number=13,
        section="B, Figure 4",
        statement="Out of domain, contrastive pretraining is ahead at all but the last two layers",
        measure="Validation accuracy on Speech Commands, contrastive minus supervised with 1 to 9 "
        "layers retained, supervised minus contrastive with 10 and 11: the least over layers, "
        "fc-only and full",
        rule=Above(every=True),
        measured=all_but_two,
    ),
    Claim(
        number=14,
        section="B, Figure 4",
        statement="Out of domain, a linear classifier does worse on the full encoder than on the "
        "middle of its stack",
        measure="Validation accuracy on Speech Commands, fc-only, mean of 5 to 7 layers retained "
        "minus the whole encoder: the lesser of the two pretrainings",
        rule=Above(every=True),
        measured=linear_evaluation,
    ),
)
