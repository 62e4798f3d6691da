"""Claims 10 to 14: performance on the first retained layers (appendix B, Figure 4)."""

from collections.abc import Iterable
from itertools import product

import pandas as pd

from sonify.paper.claims.evidence import FINETUNES, REGIMES, VALIDATED, Evidence, gather
from sonify.paper.claims.layers import (
    CENTRE,
    DEEP,
    INITIAL,
    LAYERS,
    TREND,
    at_layers,
    coverage_note,
    paired,
    rank_correlation,
)
from sonify.paper.claims.measurement import Measurement, differences, number, versus
from sonify.paper.claims.verdicts import Above, Claim, NotAbove, Parts
from sonify.paper.labels import DATASETS, finetuned_label
from sonify.paper.labels import FINETUNES as FINETUNE_LABELS

_WHOLE = 12  # the encoder with its fully connected layer
_FINAL = 2  # "all but the final two layers"
Curves = dict[tuple[str, str, str], pd.DataFrame]  # by dataset, regime, finetuning


def least_growth(evidence: Evidence) -> Measurement:
    """Return the rank correlation of performance and layers retained, of all eight curves.

    "Steady improvement as we add layers for both contrastive and supervised pretraining in both
    settings".
    """
    curves = _curves(evidence, VALIDATED)
    trends = pd.DataFrame({key: rank_correlation(curve) for key, curve in curves.items()})
    remarks = [
        f"{DATASETS[key[0]]} {finetuned_label(*key[1:])} {number(value, 2)}"
        f"{coverage_note(curves[key])}"
        for key, value in trends.mean().items()
    ]
    return Measurement(trends, "Rank correlation with the number of layers: " + "; ".join(remarks))


def first_lead(evidence: Evidence) -> Measurement:
    """Return the mean lead of contrastive over the initial layers: full, and fc-only beyond full.

    If both exceed 0, so does the lead when fc-only. It "leads to better performance for the initial
    layers, for both the in-domain and the out-of-domain transfer tasks, more so for the fconly
    setting".
    """
    curves = _curves(evidence, VALIDATED)
    pairs = {
        (dataset, finetune): paired(*_by_regime(curves, dataset, finetune), INITIAL)
        for dataset, finetune in product(VALIDATED, FINETUNES)
    }
    names = {(d, f): f"{DATASETS[d]} {FINETUNE_LABELS[f]}" for d, f in pairs}
    leads, remark = differences(
        "Contrastive vs supervised", {names[k]: v for k, v in pairs.items()}
    )
    numbers = {}
    for dataset in VALIDATED:
        fconly, full = (leads[names[dataset, finetune]] for finetune in FINETUNES)
        numbers[dataset], numbers[f"{dataset} beyond"] = full, fconly - full
    return Measurement(pd.DataFrame(numbers), remark)


def deep_lead(evidence: Evidence) -> Measurement:
    """Return the mean lead of supervised over the deep layers: full, and fc-only beyond full.

    If both exceed 0, so does the lead when fc-only. "For the in-domain FSD50K dataset, supervised
    pretraining outperforms contrastive pretraining significantly when deeper layers are added,
    especially for the fconly setting".
    """
    curves = _curves(evidence, ["fsd50k"])
    pairs = {}
    for finetune in FINETUNES:
        contrastive, supervised = paired(*_by_regime(curves, "fsd50k", finetune), DEEP)
        pairs[FINETUNE_LABELS[finetune]] = supervised, contrastive
    leads, remark = differences("Supervised vs contrastive mAP", pairs)
    beyond = leads["fc-only"] - leads["full"]
    return Measurement(pd.DataFrame({"full": leads["full"], "beyond": beyond}), remark)


def all_but_two(evidence: Evidence) -> Measurement:
    """Return the lead of contrastive at each layer, by part of the stack, finetuning and layer.

    "Contrastive pretraining performs better than supervised pretraining in all but the final two
    layers": there it is not better, which does not make supervised pretraining so.
    """
    curves = _curves(evidence, ["speech_commands"])
    parts = {"first": LAYERS[:-_FINAL], "final": LAYERS[-_FINAL:]}
    every, remarks = {}, []
    for finetune in FINETUNES:
        both = _by_regime(curves, "speech_commands", finetune)
        for part, layers in parts.items():
            contrastive, supervised = paired(*both, layers)
            every[part, finetune] = lead = contrastive - supervised
            at = lead.mean().idxmin() if part == "first" else lead.mean().idxmax()
            extreme = "smallest" if part == "first" else "largest"
            remarks.append(
                f"{FINETUNE_LABELS[finetune]} {versus(contrastive[at], supervised[at])} at layer "
                f"{at}, its {extreme} lead of layers {layers[0]} to {layers[-1]}"
                f"{coverage_note(paired(*both, LAYERS)[0]) if part == 'first' else ''}"
            )
    remark = "Contrastive vs supervised accuracy: " + "; ".join(remarks)
    return Measurement(pd.concat(every, axis=1), remark)


def linear_evaluation(evidence: Evidence) -> Measurement:
    """Return mean accuracy over the centre of the stack minus that of the whole encoder, by regime.

    The mean, because the best layer would have been selected for being best. "Linear evaluation
    (linear classifier on top of the full feature encoder) performs worse than adding a linear
    classifier on top of middle of the stack [...] in both cases".
    """
    pairs = {}
    for (_, regime, _), curve in _curves(evidence, ["speech_commands"], ["fconly"]).items():
        middle = at_layers(curve, CENTRE).mean(axis=1, skipna=False)
        pairs[regime] = middle, at_layers(curve, (_WHOLE,))[_WHOLE]
    return differences("Middle of the stack vs all of it", pairs)


def _curves(
    evidence: Evidence, datasets: Iterable[str], finetunes: Iterable[str] = FINETUNES
) -> Curves:
    keys = product(datasets, REGIMES, finetunes)
    return gather(lambda key: evidence.importance_curves(*key), keys)


def _by_regime(curves: Curves, dataset: str, finetune: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the contrastive and the supervised curves."""
    return curves[dataset, "contrastive", finetune], curves[dataset, "supervised", finetune]


CLAIMS = (
    Claim(
        number=10,
        section="B, Figure 4",
        statement="Performance grows steadily with the number of layers retained",
        measure="Rank correlation (Spearman) of layers retained, 1 to 11, and validation "
        "performance: the smallest over FSD50K (mAP) and Speech Commands (accuracy), both "
        "pretrainings, fc-only and full",
        rule=Above(TREND, every=True),
        evaluate=least_growth,
    ),
    Claim(
        number=11,
        section="B, Figure 4",
        statement="Contrastive pretraining is ahead in the initial layers, in and out of domain, "
        "more so with fc-only finetuning",
        measure="Validation mAP (FSD50K) or accuracy (Speech Commands) with 1 to 7 layers "
        "retained, mean over them, contrastive minus supervised: for full, or the excess of "
        "fc-only over full, the smallest over datasets",
        rule=Above(every=True),
        evaluate=first_lead,
    ),
    Claim(
        number=12,
        section="B, Figure 4",
        statement="In domain, supervised pretraining is ahead in the deep layers, more so with "
        "fc-only finetuning",
        measure="Validation mAP on FSD50K with 8 to 11 layers retained, mean over them, supervised "
        "minus contrastive: for full, or the excess of fc-only over full, whichever is smaller",
        rule=Above(every=True),
        evaluate=deep_lead,
    ),
    Claim(
        number=13,
        section="B, Figure 4",
        statement="Out of domain, contrastive pretraining is ahead at all but the last two layers",
        measure="Validation accuracy on Speech Commands, contrastive minus supervised, at each "
        "number of layers retained, fc-only and full: the one that speaks most against the claim",
        rule=Parts(
            {"first": Above(every=True), "final": NotAbove()},
            "Each number compared has its own 95% t-interval over seeds: reproduced if all of 1 to "
            "9 layers lie above 0 and none of 10 and 11 does, not reproduced if the number shown "
            "lies wholly on the wrong side of 0, otherwise inconclusive.",
        ),
        evaluate=all_but_two,
    ),
    Claim(
        number=14,
        section="B, Figure 4",
        statement="Out of domain, a linear classifier performs worse on the full encoder than on "
        "its middle layers",
        measure="Validation accuracy on Speech Commands, fc-only, mean of 5 to 7 layers retained "
        "minus the whole encoder: the smaller of the two pretrainings",
        rule=Above(every=True),
        evaluate=linear_evaluation,
    ),
)
