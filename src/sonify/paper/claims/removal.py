"""Claims 1 to 3: what the removal of sonifications does to recognition (section 4.1, Figure 6).

All are of contrastive pretraining on AudioSet, finetuned either way on FSD50K, which is what the
paper did it with (Figure 6: "Contrastive model pretrained on AudioSet was finetuned"); supervised
pretraining, which it does not show, is told beside them. They are of the map that the main rule
calls most active, with the residual as the configuration has it.
"""

import pandas as pd

from sonify.paper.claims.evidence import (
    FINETUNES,
    REGIMES,
    Evidence,
    Kind,
    Missing,
    gather,
)
from sonify.paper.claims.layers import LAYERS, against, among, number, partly, spread
from sonify.paper.claims.verdicts import Above, Claim, Measured
from sonify.paper.labels import finetuned_label

_REGIME = "contrastive"  # Figure 6's
Curves = dict[str, pd.DataFrame]  # by finetuning


def least_fall(evidence: Evidence) -> Measured:
    """The fall of mAP at each layer of each model: "mAP scores are drastically reduced".

    A rise is a negative fall.
    """
    every, told = {}, []
    for regime, curves in _measured(evidence).items():
        for finetune, curve in curves.items():
            fall = _fall(curve)
            if regime == _REGIME:
                every[finetune] = fall
            mean = fall.mean()
            told.append(
                f"{finetuned_label(regime, finetune)} loses {number(mean.min())} (layer "
                f"{mean.idxmin()}) to {number(mean.max())} (layer {mean.idxmax()}) of "
                f"{number(curve[0].mean())}{partly(fall)}"
            )
    return Measured(pd.concat(every, axis=1), "Of its mAP, " + "; ".join(told))


def excess_spread(evidence: Evidence) -> Measured:
    """By how much the standard deviation over layers of the fall of mAP is greater for full: "the
    variance in performance reduction across layers is lower for fc-only models". The fall itself
    and not its share, as the paper speaks of the reduction it plots.
    """
    found, told = {}, []
    for regime, curves in _measured(evidence).items():
        full, fconly = (spread(_fall(curves[finetune])) for finetune in ("full", "fconly"))
        found[regime] = full - fconly
        told.append(f"{regime} {against(full, fconly)}")
    words = "Standard deviation over layers, full against fc-only: " + "; ".join(told)
    return Measured(found[_REGIME], words)


def robustness(evidence: Evidence) -> Measured:
    """By how much more of its baseline mAP fc-only loses, in the mean over layers: "a fully
    finetuned model is more robust". A share, since the two begin at different baselines and the one
    with less to lose is not the more robust for it.
    """
    found, told = {}, []
    for regime, curves in _measured(evidence).items():
        fconly, full = (
            _fall(curve).div(curve[0], axis=0).mean(axis=1, skipna=False)
            for curve in (curves["fconly"], curves["full"])
        )
        found[regime] = fconly - full
        told.append(f"{regime} {against(fconly, full)}")
    words = "Share of the baseline lost, fc-only against full: " + "; ".join(told)
    return Measured(found[_REGIME], words)


def _measured(evidence: Evidence) -> dict[str, Curves]:
    """The curves of the regimes that were measured; Missing where Figure 6's was not."""
    found = {}
    for regime in REGIMES:
        kinds = {finetune: Kind("fsd50k", regime, finetune) for finetune in FINETUNES}
        try:
            found[regime] = gather(lambda f, kinds=kinds: evidence.remaining(kinds[f]), kinds)
        except Missing:
            if regime == _REGIME:
                raise
    return found


def _fall(curve: pd.DataFrame) -> pd.DataFrame:
    """By how much each layer's removal lowers the value at layer 0, where nothing is removed."""
    return -among(curve, LAYERS).sub(curve[0], axis=0)


CLAIMS = (
    Claim(
        number=1,
        section="4.1",
        statement="Removing the sonification of the most active map lowers mAP, at every layer",
        measure="Fall of mAP on FSD50K eval after contrastive pretraining: the least over layers 1 "
        "to 11 of the fc-only and the full model",
        rule=Above(every=True),
        measured=least_fall,
    ),
    Claim(
        number=2,
        section="4.1",
        statement="The fall of mAP varies less across layers for fc-only than for full models",
        measure="Standard deviation over layers of the fall of mAP on FSD50K eval after "
        "contrastive pretraining, full minus fc-only",
        rule=Above(),
        measured=excess_spread,
    ),
    Claim(
        number=3,
        section="4.1",
        statement="A fully finetuned model is more robust to the removal",
        measure="Share of the baseline mAP on FSD50K eval that is lost after contrastive "
        "pretraining, mean over layers, fc-only minus full",
        rule=Above(),
        measured=robustness,
    ),
)
