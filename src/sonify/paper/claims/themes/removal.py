"""Claims 1 to 3: the effect of removing sonifications on recognition (section 4.1, Figure 6).

All are about contrastive pretraining on AudioSet, finetuned either way on FSD50K, as in the paper
(Figure 6: "Contrastive model pretrained on AudioSet was finetuned"). Supervised pretraining, which
the paper does not show, appears in the remarks alone. The map removed is the one that the main rule
calls most active; the residual is rescaled or not as the configuration says.
"""

import pandas as pd

from sonify.evaluation.metrics.intervals import plus_minus
from sonify.paper.claims.deltas import BASELINE, SCORE
from sonify.paper.claims.evidence import FINETUNES, REGIMES, Evidence, Missing, gather
from sonify.paper.claims.layers import LAYERS, at_layers, coverage_note, spread
from sonify.paper.claims.measurement import Measurement, Task, better, number, versus
from sonify.paper.claims.rules import Above
from sonify.paper.claims.verdicts import Claim, judge
from sonify.paper.labels import finetuned_label
from sonify.paper.setting import PaperSetting

# A larger fraction of mAP lost is drastic. The paper calls its networks "sufficiently performant"
# with 21 and 25 % less mAP than the best baseline (0.424 of 0.537 in Table A.5, 0.323 of 0.431 in
# A.3): what it calls drastic must be more than what it is content with.
DRASTIC = 0.25

_REGIME = "contrastive"  # Figure 6's
Curves = dict[str, pd.DataFrame]  # by finetuning


def drastic_fall(evidence: Evidence) -> Measurement:
    """Return the fraction of mAP lost of each model: "mAP scores are drastically reduced".

    Averaged over layers; the remark gives the extremes. A rise is a negative loss.
    """
    task = _task(evidence)
    means, above, floor, remarks = {}, {}, {}, []
    for regime, curves in _curves(evidence).items():
        for finetune, curve in curves.items():
            lost = _fall(curve).div(curve[0], axis=0)
            mean = lost.mean(axis=1, skipna=False)
            if regime == _REGIME:
                means[finetune], above[finetune] = mean, curve[0] - task.chance
                floor[finetune] = task.half_clip / curve[0].mean()
            layers = lost.mean()
            remarks.append(
                f"{finetuned_label(regime, finetune)} {number(mean.mean())} of "
                f"{number(curve[0].mean())}, by layer {number(layers.min())} (layer "
                f"{layers.idxmin()}) to {number(layers.max())} (layer {layers.idxmax()})"
                f"{coverage_note(lost)}"
            )
    return Measurement(
        pd.DataFrame(means),
        "Fraction of mAP lost: " + "; ".join(remarks),
        floor=pd.Series(floor),
        above_chance=pd.DataFrame(above),
    )


def excess_spread(evidence: Evidence) -> Measurement:
    """Measure how much more the fall of mAP varies over layers for full than for fc-only models.

    By its standard deviation: "the variance in performance reduction across layers is lower for
    fc-only models". The absolute fall, since the paper speaks of the reduction that it plots.
    """
    pairs, every = {}, _curves(evidence)
    for regime, curves in every.items():
        spreads = {finetune: spread(_fall(curve)) for finetune, curve in curves.items()}
        pairs[regime] = spreads["full"], spreads["fconly"]
    found = _beside("Standard deviation over layers, full vs fc-only", pairs)
    task = _task(evidence)
    return found._replace(floor=task.half_clip, above_chance=_above(every[_REGIME], task))


def robustness(evidence: Evidence) -> Measurement:
    """Measure how much more of its baseline mAP an fc-only model loses, averaged over layers.

    "A fully finetuned model is more robust". Relative to the baseline, because baselines differ,
    and having less to lose does not make a model more robust. The remark judges the absolute fall
    likewise: the text does not say which is meant.
    """
    pairs, falls, every = {}, {}, _curves(evidence)
    for regime, curves in every.items():
        lost = {f: _fall(curve).mean(axis=1, skipna=False) for f, curve in curves.items()}
        falls[regime] = lost["fconly"] - lost["full"]
        pairs[regime] = lost["fconly"] / curves["fconly"][0], lost["full"] / curves["full"][0]
    values, remark = _beside("Fraction of the baseline lost, fc-only vs full", pairs)[:2]
    task = _task(evidence)
    absolute = judge(falls[_REGIME], Above(), delta=SCORE.value, floor=task.half_clip)
    by = f"{plus_minus(absolute.mean, absolute.ci95)} of mAP, {absolute.verdict}"
    return Measurement(
        values,
        f"{remark}; by absolute fall the difference is {by}",
        floor=task.half_clip / min(curve[0].mean() for curve in every[_REGIME].values()),
        above_chance=_above(every[_REGIME], task),
    )


def _beside(heading: str, pairs: dict[str, tuple[pd.Series, pd.Series]]) -> Measurement:
    """Return the difference of Figure 6's pair, and a remark on the pairs of all regimes."""
    remarks = [f"{regime} {versus(*pair)}" for regime, pair in pairs.items()]
    greater, lesser = pairs[_REGIME]
    return Measurement(greater - lesser, f"{heading}: {'; '.join(remarks)}")


def _task(evidence: Evidence) -> Task:
    """Return the `Task` of mAP: chance on whole clips, and half a clip of these tables."""
    return evidence.task("metrics", "fsd50k")._replace(half_clip=evidence.half_clip("removal"))


def _above(curves: Curves, task: Task) -> pd.Series:
    """Return the better baseline minus chance, by seed."""
    return better(*(curve[0] for curve in curves.values())) - task.chance


def _curves(evidence: Evidence) -> dict[str, Curves]:
    """Return the curves of each regime that was measured; Figure 6's must be, or Missing."""
    curves = {}
    for regime in REGIMES:
        try:
            curves[regime] = _curves_of(evidence, regime)
        except Missing:
            if regime == _REGIME:
                raise
    return curves


def _curves_of(evidence: Evidence, regime: str) -> Curves:
    def look_up(finetune: str) -> pd.DataFrame:
        return evidence.removal_curves(PaperSetting("fsd50k", regime, finetune))

    return gather(look_up, FINETUNES)


def _fall(curve: pd.DataFrame) -> pd.DataFrame:
    """Return how far each layer's removal lowers the value at layer 0, where nothing is removed."""
    return -at_layers(curve, LAYERS).sub(curve[0], axis=0)


CLAIMS = (
    Claim(
        number=1,
        section="4.1",
        statement="Removing the sonification of the most active map drastically reduces mAP",
        measure="Fraction of the baseline mAP on FSD50K eval that is lost, after contrastive "
        "pretraining, mean over layers 1 to 11: the smaller of the fc-only and the full model",
        rule=Above(DRASTIC, every=True),
        evaluate=drastic_fall,
    ),
    Claim(
        number=2,
        section="4.1",
        statement="The fall of mAP varies less across layers for fc-only than for full models",
        measure="Standard deviation over layers of the fall of mAP on FSD50K eval after "
        "contrastive pretraining, full minus fc-only",
        rule=Above(),
        evaluate=excess_spread,
        delta=SCORE,
    ),
    Claim(
        number=3,
        section="4.1",
        statement="A fully finetuned model is more robust to the removal",
        measure="Fraction of the baseline mAP on FSD50K eval that is lost, after contrastive "
        "pretraining, mean over layers, fc-only minus full",
        rule=Above(),
        evaluate=robustness,
        delta=BASELINE,
    ),
)
