"""Claims 1 to 3: what the removal of sonifications does to recognition (section 4.1, Figure 6).

All are of four models of FSD50K, pretrained either way on AudioSet, finetuned either way, and of
the map that the main rule calls most active, with the residual as the configuration has it.
"""

import pandas as pd

from sonify.reporting.claims.evidence import FINETUNES, REGIMES, Evidence, Kind, gather
from sonify.reporting.claims.layers import LAYERS, against, among, least, number, partly, spread
from sonify.reporting.claims.verdicts import Above, Claim, Measured
from sonify.reporting.labels import finetuned_label

_MODELS = {
    (regime, finetune): Kind("fsd50k", regime, finetune)
    for regime in REGIMES
    for finetune in FINETUNES
}


def least_fall(evidence: Evidence) -> Measured:
    """The least fall of mAP over layers and models: "mAP scores are drastically reduced".

    The worst layer of the worst model speaks for "every layer"; a rise is a negative fall.
    """
    curves = _curves(evidence)
    falls = {model: _fall(curve) for model, curve in curves.items()}
    told = []
    for model, fall in falls.items():
        mean = fall.mean()
        told.append(
            f"{finetuned_label(*model)} loses {number(mean.min())} (layer {mean.idxmin()}) to "
            f"{number(mean.max())} (layer {mean.idxmax()}) of {number(curves[model][0].mean())}"
        )
    every = pd.concat(falls, axis=1)
    return Measured(least(every), f"Of its mAP{partly(fall)}, " + "; ".join(told))


def excess_spread(evidence: Evidence) -> Measured:
    """By how much the standard deviation over layers of the fall of mAP is greater for full, the
    lesser regime: "the variance in performance reduction across layers is lower for fc-only
    models". The fall itself and not its share, as the paper speaks of the reduction it plots.
    """
    spreads = {model: spread(_fall(curve)) for model, curve in _curves(evidence).items()}
    told = [f"{r} {against(spreads[r, 'full'], spreads[r, 'fconly'])}" for r in REGIMES]
    lesser = least({r: spreads[r, "full"] - spreads[r, "fconly"] for r in REGIMES})
    return Measured(
        lesser, "Standard deviation over layers, full against fc-only: " + "; ".join(told)
    )


def robustness(evidence: Evidence) -> Measured:
    """By how much more of its baseline mAP fc-only loses, in the mean over layers, the lesser
    regime: "a fully finetuned model is more robust". A share, since the two begin at different
    baselines and the one with less to lose is not the more robust for it.
    """
    shares = {
        model: _fall(curve).div(curve[0], axis=0).mean(axis=1, skipna=False)
        for model, curve in _curves(evidence).items()
    }
    told = [f"{r} {against(shares[r, 'fconly'], shares[r, 'full'])}" for r in REGIMES]
    lesser = least({r: shares[r, "fconly"] - shares[r, "full"] for r in REGIMES})
    return Measured(lesser, "Share of the baseline lost, fc-only against full: " + "; ".join(told))


def _curves(evidence: Evidence) -> dict[tuple[str, str], pd.DataFrame]:
    return gather(lambda model: evidence.remaining(_MODELS[model]), _MODELS)


def _fall(curve: pd.DataFrame) -> pd.DataFrame:
    """By how much each layer's removal lowers the value at layer 0, where nothing is removed."""
    return -among(curve, LAYERS).sub(curve[0], axis=0)


CLAIMS = (
    Claim(
        number=1,
        section="4.1",
        statement="Removing the sonification of the most active map lowers mAP, at every layer",
        measure="Fall of mAP on FSD50K eval: the least over layers 1 to 11 and the four models "
        "(either pretraining, fc-only or full)",
        rule=Above(),
        measured=least_fall,
    ),
    Claim(
        number=2,
        section="4.1",
        statement="The fall of mAP varies less across layers for fc-only than for full models",
        measure="Standard deviation over layers of the fall of mAP on FSD50K eval, full minus "
        "fc-only: the lesser of the two pretrainings",
        rule=Above(),
        measured=excess_spread,
    ),
    Claim(
        number=3,
        section="4.1",
        statement="A fully finetuned model is more robust to the removal",
        measure="Share of the baseline mAP on FSD50K eval that is lost, mean over layers, fc-only "
        "minus full: the lesser of the two pretrainings",
        rule=Above(),
        measured=robustness,
    ),
)
