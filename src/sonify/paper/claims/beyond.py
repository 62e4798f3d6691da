"""Claims 101 and on: ours, about what the paper does not measure, judged by the rules for its own.

Decision 98-controls says what had been seen of each before its criterion was written down.
"""

import pandas as pd

from sonify.paper.claims.deltas import FRACTION
from sonify.paper.claims.evidence import Evidence, by_layer, gather
from sonify.paper.claims.measurement import Measurement, differences
from sonify.paper.claims.rules import Above
from sonify.paper.claims.verdicts import Claim
from sonify.paper.setting import CONTRASTIVE, SUPERVISED

_REGIMES = {"contrastive": CONTRASTIVE, "supervised": SUPERVISED}
Pairs = dict[str, tuple[pd.DataFrame, pd.DataFrame]]


def own_response(evidence: Evidence) -> Measurement:
    """Return how much more of its activity s gives back to its filter than s with random phases."""
    pairs = _stimulation(evidence, "response", "most_active")
    return differences("Response to the sonification vs random phases", pairs, skipna=True)


def own_lead(evidence: Evidence) -> Measurement:
    """Return how much oftener s makes its filter the most active than s with random phases."""
    pairs = _stimulation(evidence, "leads", "random")
    return differences("Leads its layer on the sonification vs random phases", pairs, skipna=True)


def _stimulation(evidence: Evidence, column: str, selection: str) -> Pairs:
    """Return curves over layers of the sonification and of its surrogate, by regime."""

    def look_up(key: tuple[str, str]) -> pd.DataFrame:
        regime, sound = key
        where = {"selection": selection, "sound": sound}
        return by_layer(evidence.of("stimulation", _REGIMES[regime], **where), column)

    sounds = ("sonification", "phase")
    found = gather(look_up, [(regime, sound) for regime in _REGIMES for sound in sounds])
    return {regime: (found[regime, sounds[0]], found[regime, sounds[1]]) for regime in _REGIMES}


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
        statement="The sonification of any filter makes it the most active of its layer oftener "
        "than noise in the same bands does",
        measure="Fraction of clips on which a filter drawn at random leads its layer when it hears "
        "its own sonification, minus that with random phases, mean over layers: the smaller of "
        "contrastive and supervised",
        rule=Above(every=True),
        evaluate=own_lead,
        delta=FRACTION,
    ),
)
