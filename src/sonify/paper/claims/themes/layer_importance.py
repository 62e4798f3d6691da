"""Claims 10 to 14: performance on the first retained layers (appendix B, Figure 4)."""

from collections.abc import Iterable, Mapping
from itertools import product

import pandas as pd

from sonify.paper.claims.deltas import SCORE
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
    rank_step,
)
from sonify.paper.claims.measurement import (
    Measurement,
    Task,
    better,
    number,
    score_differences,
    versus,
)
from sonify.paper.claims.rules import Above, NotAbove, Parts
from sonify.paper.claims.verdicts import Claim
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
    curves = _curves(evidence, VALIDATED, paired=False)  # compared with depth, not with each other
    trends = pd.DataFrame({key: rank_correlation(curve) for key, curve in curves.items()})
    remarks = [
        f"{DATASETS[key[0]]} {finetuned_label(*key[1:])} {number(value, 2)}"
        f"{coverage_note(curves[key])}"
        for key, value in trends.mean().items()
    ]
    tasks = _tasks(evidence, VALIDATED)
    above = {k: at_layers(c, LAYERS).mean(axis=1) - tasks[k[0]].chance for k, c in curves.items()}
    return Measurement(
        trends,
        "Rank correlation with the number of layers: " + "; ".join(remarks),
        floor=pd.Series({key: rank_step(curve) for key, curve in curves.items()}),
        above_chance=pd.DataFrame(above),
    )


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
    tasks = _tasks(evidence, VALIDATED)
    leads = score_differences(
        "Contrastive vs supervised",
        {names[k]: v for k, v in pairs.items()},
        {names[k]: tasks[k[0]] for k in pairs},
    )
    return _with_excess(leads, {d: (names[d, "fconly"], names[d, "full"]) for d in VALIDATED})


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
    tasks = dict.fromkeys(pairs, evidence.task("layer_importance", "fsd50k"))
    leads = score_differences("Supervised vs contrastive mAP", pairs, tasks)
    return _with_excess(leads, {"fsd50k": ("fc-only", "full")})


def all_but_two(evidence: Evidence) -> Measurement:
    """Return the lead of contrastive pretraining by part of the stack, finetuning and layer.

    "Contrastive pretraining performs better than supervised pretraining in all but the final two
    layers": there it is not better, which does not make supervised pretraining so.
    """
    curves = _curves(evidence, ["speech_commands"])
    parts = {"first": LAYERS[:-_FINAL], "final": LAYERS[-_FINAL:]}
    task = evidence.task("layer_importance", "speech_commands")
    every, above, remarks = {}, {}, []
    for finetune in FINETUNES:
        both = _by_regime(curves, "speech_commands", finetune)
        for part, layers in parts.items():
            contrastive, supervised = paired(*both, layers)
            every[part, finetune] = lead = contrastive - supervised
            above[part, finetune] = pd.DataFrame(
                {n: better(contrastive[n], supervised[n]) - task.chance for n in lead}
            )
            at = lead.mean().idxmin() if part == "first" else lead.mean().idxmax()
            extreme = "smallest" if part == "first" else "largest"
            remarks.append(
                f"{FINETUNE_LABELS[finetune]} {versus(contrastive[at], supervised[at])} at layer "
                f"{at}, its {extreme} lead of layers {layers[0]} to {layers[-1]}"
                f"{coverage_note(paired(*both, LAYERS)[0]) if part == 'first' else ''}"
            )
    remark = "Contrastive vs supervised accuracy: " + "; ".join(remarks)
    numbers, over = (
        pd.concat(each, axis=1, names=["part", "finetune", "layer"]) for each in (every, above)
    )
    return Measurement(numbers, remark, task.half_clip, over)


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
    tasks = dict.fromkeys(pairs, evidence.task("layer_importance", "speech_commands"))
    return score_differences("Middle of the stack vs all of it", pairs, tasks)


def _with_excess(leads: Measurement, names: Mapping[str, tuple[str, str]]) -> Measurement:
    """Return, by dataset, the lead when full, and by how much the fc-only lead exceeds it.

    names: those of both in `leads`, fc-only first. If either lead is at chance, so is their
    difference.
    """
    over, floors = pd.DataFrame(leads.above_chance), pd.Series(leads.floor)
    numbers, above, floor = {}, {}, {}
    for dataset, (fconly, full) in names.items():
        excess = f"{dataset} beyond"
        numbers[dataset] = leads.values[full]
        numbers[excess] = leads.values[fconly] - leads.values[full]
        above[dataset] = over[full]
        above[excess] = min(over[fconly], over[full], key=lambda scores: scores.mean())
        floor[dataset] = floor[excess] = floors[full]
    return Measurement(pd.DataFrame(numbers), leads.remark, pd.Series(floor), pd.DataFrame(above))


def _tasks(evidence: Evidence, datasets: Iterable[str]) -> dict[str, Task]:
    return {dataset: evidence.task("layer_importance", dataset) for dataset in datasets}


def _curves(
    evidence: Evidence,
    datasets: Iterable[str],
    finetunes: Iterable[str] = FINETUNES,
    *,
    paired: bool = True,
) -> Curves:
    keys = product(datasets, REGIMES, finetunes)
    return gather(lambda key: evidence.importance_curves(*key), keys, paired=paired)


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
        delta=SCORE,
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
        delta=SCORE,
    ),
    Claim(
        number=13,
        section="B, Figure 4",
        statement="Out of domain, contrastive pretraining is ahead at all but the last two layers",
        measure="Validation accuracy on Speech Commands, contrastive minus supervised, at each "
        "number of layers retained, fc-only and full: the one that speaks most against the claim",
        rule=Parts(
            {"first": Above(every=True), "final": NotAbove(SCORE.value)},
            "Each of the m numbers has its own interval: reproduced if every 95% interval of 1 to "
            f"9 layers lies above 0 and every one of 10 and 11 below {SCORE.value:g}, a lead that "
            "is too small to matter; contradicted if that of the number shown, at level "
            f"1 − 0.05/m, lies wholly below 0, or above {SCORE.value:g} for 10 or 11 layers",
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
        delta=SCORE,
    ),
)
