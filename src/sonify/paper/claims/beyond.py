"""Claims from 101 on: our own, about what the paper does not measure, judged by the same rules.

Decisions 102, 107 and 118 say what had been seen of each before its criterion was written down.
"""

from collections.abc import Sequence
from itertools import product

import pandas as pd

from sonify.paper.claims.deltas import COHERENCE, FRACTION, SCORE
from sonify.paper.claims.evidence import FINETUNES, Evidence, by_layer, gather
from sonify.paper.claims.measurement import Measurement, differences
from sonify.paper.claims.rules import Above
from sonify.paper.claims.verdicts import Claim
from sonify.paper.labels import FINETUNES as FINETUNED
from sonify.paper.setting import CONTRASTIVE, SUPERVISED, PaperSetting

_OWN, _DECONVNET = "sonification", "deconvnet"
_FULL = PaperSetting("fsd50k", "contrastive", "full")
_REGIMES = {"contrastive": CONTRASTIVE, "supervised": SUPERVISED}
# What a sonification is held against in the removal test, each of its energy.
RIVALS = ("random_filter", "other_clip", "phase", "rolled", "untrained", "noise")
Pairs = dict[str, tuple[pd.DataFrame, pd.DataFrame]]


def own_response(evidence: Evidence) -> Measurement:
    """Return by how much the filter's response to s exceeds that to s with random phases."""
    pairs = _held_against(evidence, "stimulation", "response", ["phase"], selection="most_active")
    return differences("Response to the sonification vs random phases", pairs, skipna=True)


def own_lead(evidence: Evidence) -> Measurement:
    """Return how much more often s makes its filter the most active than s with random phases."""
    pairs = _held_against(evidence, "stimulation", "leads", ["phase"], selection="random")
    found = "Most active of its layer on the sonification vs random phases"
    return differences(found, pairs, skipna=True)


def special_removal(evidence: Evidence) -> Measurement:
    """Return how much further mAP falls without s than without another sound of equal energy."""

    def look_up(key: tuple[str, str]) -> pd.DataFrame:
        finetune, sound = key
        where = {"metric": "mAP", "sound": sound, "target_fraction": 0.0}
        setting = PaperSetting("fsd50k", "contrastive", finetune)
        return by_layer(evidence.of("removal_controls", setting, **where), "value")

    found = gather(look_up, product(FINETUNES, [_OWN, *RIVALS]))
    pairs = {
        f"{FINETUNED[finetune]} {rival.replace('_', ' ')}": (
            found[finetune, rival],
            found[finetune, _OWN],
        )
        for finetune, rival in product(FINETUNES, RIVALS)
    }
    measured = differences("mAP without the control vs without the sonification", pairs)
    return measured._replace(floor=evidence.half_clip("removal_controls"))


def learned_coherence(evidence: Evidence) -> Measurement:
    """Return how much more coherent sonifications are than those of an untrained network."""
    pairs = _held_against(evidence, "coherence_controls", "coherence", ["untrained"])
    return differences("Coherence of the trained vs an untrained network", pairs)


def coherence_beyond_bands(evidence: Evidence) -> Measurement:
    """Return how much more coherent sonifications are than noise in their bands."""
    pairs = _held_against(evidence, "coherence_controls", "coherence", ["phase"])
    return differences("Coherence of the sonification vs random phases", pairs)


def best_source(evidence: Evidence) -> Measurement:
    """Return by how much a sonification's share in its best source exceeds that of its control."""
    pairs = _held_against(evidence, "stems", "best_share", ["clip", "phase", "untrained"])
    return differences("Power in the best source, sonification vs control", pairs, skipna=True)


def loudest_method(evidence: Evidence) -> Measurement:
    """Return by how much a filter's response to the deconvnet's sound exceeds that to each rival's.

    All sounds of a clip and layer have equal energy.
    """

    def look_up(method: str) -> pd.DataFrame:
        where = {"sound": _OWN, "method": method}
        return by_layer(evidence.of("rivals", _FULL, **where), "response")

    rows = evidence.of("rivals", _FULL, sound=_OWN)
    rivals = sorted(set(rows["method"]) - {_DECONVNET})
    found = gather(look_up, [_DECONVNET, *rivals])
    pairs = {name.replace("_", " "): (found[_DECONVNET], found[name]) for name in rivals}
    return differences("Response to the deconvnet's sound vs another's", pairs, skipna=True)


def _held_against(
    evidence: Evidence, table: str, column: str, rivals: Sequence[str], **where: object
) -> Pairs:
    """Return curves over layers of the sonification and of each rival, by regime and, of several,
    rival.
    """

    def look_up(key: tuple[str, str]) -> pd.DataFrame:
        regime, sound = key
        return by_layer(evidence.of(table, _REGIMES[regime], sound=sound, **where), column)

    found = gather(look_up, product(_REGIMES, [_OWN, *rivals]))
    return {
        f"{regime} {rival}" if len(rivals) > 1 else regime: (
            found[regime, _OWN],
            found[regime, rival],
        )
        for regime, rival in product(_REGIMES, rivals)
    }


CLAIMS = (
    Claim(
        number=101,
        section="4.1",
        statement="A sonification excites its own filter more than noise in the same bands does",
        measure="Activity of the most active filter on its sonification, relative to that on the "
        "clip, minus that on the sonification with random phases, mean over layers: the smaller of "
        "contrastive and supervised",
        rule=Above(every=True),
        evaluate=own_response,
        delta=FRACTION,
    ),
    Claim(
        number=102,
        section="3.2",
        statement="The sonification of any filter makes it the most active of its layer more "
        "often than noise in the same bands does",
        measure="Fraction of clips on which a filter drawn at random is the most active of its "
        "layer on its own sonification, minus that with random phases, mean over layers: the "
        "smaller of contrastive and supervised",
        rule=Above(every=True),
        evaluate=own_lead,
        delta=FRACTION,
    ),
    Claim(
        number=103,
        section="4.1",
        statement="Removing a sonification costs more mAP than removing any other sound of the "
        "same energy",
        measure="mAP on FSD50K eval after contrastive pretraining when a control is subtracted, "
        "minus that when the sonification of the most active map is, mean over layers: the "
        "smallest of six controls and two finetunings",
        rule=Above(every=True),
        evaluate=special_removal,
        delta=SCORE,
    ),
    Claim(
        number=104,
        section="4.2",
        statement="Sonifications of a trained network are more coherent with their clips than "
        "those of an untrained one",
        measure="Coherence with the clip, minus that of an untrained network's sonification, mean "
        "over layers: the smaller of contrastive and supervised",
        rule=Above(every=True),
        evaluate=learned_coherence,
        delta=COHERENCE,
    ),
    Claim(
        number=105,
        section="4.2",
        statement="Sonifications are more coherent with their clips than noise in the same bands",
        measure="Coherence with the clip, minus that of the sonification with random phases, mean "
        "over layers: the smaller of contrastive and supervised",
        rule=Above(every=True),
        evaluate=coherence_beyond_bands,
        delta=COHERENCE,
    ),
    Claim(
        number=106,
        section="4.2",
        statement="Sonifications single out one source of their clips",
        measure="Fraction of power in the best source of clips with known stems, minus that of the "
        "clip itself, of the sonification with random phases, and of an untrained network's, mean "
        "over layers: the smallest of three controls and two regimes",
        rule=Above(every=True),
        evaluate=best_source,
        delta=FRACTION,
    ),
    Claim(
        number=107,
        section="3.2",
        statement="The deconvnet's sound of a filter excites it more than any other method's sound "
        "of the same energy",
        measure="Activity of the most active filter on the deconvnet's sonification, relative to "
        "that on the clip, minus that on another method's sound of the same energy, contrastive, "
        "fully finetuned, mean over layers: the smallest of eight methods",
        rule=Above(every=True),
        evaluate=loudest_method,
        delta=FRACTION,
    ),
)
