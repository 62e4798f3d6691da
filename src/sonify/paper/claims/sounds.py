"""Claims 4 to 9: what sonifications sound like, and how that changes with depth and regime.

Claims 4 and 5 are of the most active map of every clip (section 4.2, Figure 7), the others of every
filter's top clips (section 3.3). "Deep" is layers 8 to 11.
"""

import pandas as pd

from sonify.paper.claims.evidence import (
    CONTRASTIVE,
    SUPERVISED,
    Evidence,
    Kind,
    by_layer,
    gather,
)
from sonify.paper.claims.layers import (
    DEEP,
    TREND,
    against,
    common,
    number,
    partly,
    rank_correlation,
    slope,
)
from sonify.paper.claims.verdicts import Above, Claim, Measured, Within

NYQUIST_HZ = 4000.0
# Spectral spread of a flat spectrum from 0 to 4 kHz, 4000/√12: what a filter that selects nothing
# would make of white noise.
FLAT_HZ = 1155.0
# Most that the mean bandwidths of the two regimes may differ, as a share of their mean, to be
# called alike: a quarter is what spectrograms side by side, as in Figure 1, still pass for equal.
ALIKE = 0.25

_ACTIVE = "share of active maps"
_Pair = tuple[pd.DataFrame, pd.DataFrame]


def fall_of_coherence(evidence: Evidence) -> Measured:
    """Minus the rank correlation of layer and coherence, by regime: "the measure decreases
    with layer depth for both the contrastive and the supervised models".
    """
    curves = _coherence(evidence)
    falls = pd.DataFrame({regime: -rank_correlation(curve) for regime, curve in curves.items()})
    told = []
    for regime, curve in curves.items():
        mean = curve.mean()
        told.append(
            f"{regime} from {number(mean.iloc[0])} at layer {mean.index[0]} to "
            f"{number(mean.iloc[-1])} at layer {mean.index[-1]} (rank correlation "
            f"{number(-falls[regime].mean(), 2)})"
        )
    return Measured(falls, f"Coherence{partly(curve)}: " + "; ".join(told))


def excess_decay(evidence: Evidence) -> Measured:
    """By how much more coherence supervised models lose a layer, by the straight line through each
    curve: "it decays significantly faster for the latter".
    """
    curves = _coherence(evidence)
    supervised, contrastive = -slope(curves["supervised"]), -slope(curves["contrastive"])
    sides = against(supervised, contrastive)
    told = f"Coherence lost a layer, supervised against contrastive: {sides}"
    return Measured(supervised - contrastive, told)


def active_share(evidence: Evidence) -> Measured:
    """By how much less often, over filters and clips, a deep supervised map is active (not zero
    throughout): it "has less active feature maps in the deeper layers".
    """
    contrastive, supervised = _filters(evidence, _ACTIVE)
    sides = against(contrastive, supervised)
    told = f"Share of active maps, contrastive against supervised: {sides}"
    return Measured((contrastive - supervised).mean(axis=1), told)


def noisiness(evidence: Evidence) -> Measured:
    """By how much deep supervised sonifications are flatter in spectrum, and by how much higher in
    their centroid as a share of 4 kHz: they "consist mostly of high frequency
    noise", contrastive ones not "to the same extent".
    """
    excess, told = {}, []
    for column, unit, words in (
        ("flatness", 1.0, "flatness"),
        ("centroid_hz", NYQUIST_HZ, "centroid in shares of 4 kHz"),
    ):
        contrastive, supervised = (side / unit for side in _filters(evidence, column))
        excess[column] = (supervised - contrastive).mean(axis=1)
        told.append(f"{words} {against(supervised, contrastive)}")
    return Measured(pd.DataFrame(excess), "Supervised against contrastive: " + "; ".join(told))


def bandwidth_difference(evidence: Evidence) -> Measured:
    """Mean bandwidth of the sonifications of layer 1, supervised minus contrastive, as a share of
    the mean of the two: "band selectivity [...] is similar in the first layer across the two
    training paradigms".
    """
    contrastive, supervised = (side[1] for side in _filters(evidence, "bandwidth_hz", (1,)))
    difference = (supervised - contrastive) / ((supervised + contrastive) / 2)
    hz = " against ".join(number(side.mean(), 0) for side in (supervised, contrastive))
    told = (
        f"Bandwidth of layer 1, supervised against contrastive: {hz} Hz, where white noise has "
        f"{FLAT_HZ:.0f} Hz"
    )
    return Measured(difference, told)


def label_coupling(evidence: Evidence) -> Measured:
    """By how much more of the top clips of a deep contrastive filter have a label in common:
    "stronger acoustic content coupling in the deeper layers", where supervised filters have "a
    wider variety of maximally activating input signals".
    """
    contrastive, supervised = _filters(evidence, "label_purity")
    told = f"Label purity, contrastive against supervised: {against(contrastive, supervised)}"
    return Measured((contrastive - supervised).mean(axis=1), told)


def _coherence(evidence: Evidence) -> dict[str, pd.DataFrame]:
    curves = gather(
        lambda kind: by_layer(evidence.of("coherence", kind, rule=evidence.rule), "coherence"),
        (CONTRASTIVE, SUPERVISED),
    )
    return {kind.regime: curve for kind, curve in curves.items()}


def _filters(evidence: Evidence, column: str, layers: tuple[int, ...] = DEEP) -> _Pair:
    """Mean of `column` over filters, seed by layer, of the contrastive and the supervised encoder.

    Dead filters, which sound of nothing, count for no column but the share of active maps. Where
    one regime has no number, the other's is left out too.
    """

    def found(kind: Kind) -> pd.DataFrame:
        rows = evidence.of("filters", kind)
        shares = rows["n_active"] / rows["n_clips"]
        heard = shares if column == _ACTIVE else rows[column].where(~rows["dead"])
        return by_layer(rows.assign(heard=heard), "heard")

    one, other = common(*gather(found, (CONTRASTIVE, SUPERVISED)).values(), layers)
    return one.where(other.notna()), other.where(one.notna())


CLAIMS = (
    Claim(
        number=4,
        section="4.2, Figure 7",
        statement="Coherence of clip and sonification falls with depth, in both regimes",
        measure="Rank correlation (Spearman) of layer and mean coherence, its sign turned so that "
        "1 is a steady fall: the lesser of the two regimes",
        rule=Above(TREND, every=True),
        measured=fall_of_coherence,
    ),
    Claim(
        number=5,
        section="4.2, Figure 7",
        statement="Coherence falls faster in supervised models",
        measure="Coherence lost a layer (slope of the straight line through the curve), supervised "
        "minus contrastive",
        rule=Above(),
        measured=excess_decay,
    ),
    Claim(
        number=6,
        section="3.3.1",
        statement="Deep layers of supervised models have fewer active feature maps",
        measure="Share of filters and clips whose map is active, mean over layers 8 to 11, "
        "contrastive minus supervised",
        rule=Above(),
        measured=active_share,
    ),
    Claim(
        number=7,
        section="3.3.2",
        statement="Deep supervised sonifications are noisier: flatter in spectrum and higher",
        measure="Supervised minus contrastive, mean over the sonifications of layers 8 to 11, of "
        "spectral flatness and of the centroid as a share of 4 kHz: the lesser of the two",
        rule=Above(every=True),
        measured=noisiness,
    ),
    Claim(
        number=8,
        section="3.3.1, Figure 1",
        statement="Filters of layer 1 are alike in band selectivity in both regimes",
        measure="Mean bandwidth of the sonifications of layer 1, supervised minus contrastive, as "
        "a share of the mean of both",
        rule=Within(ALIKE),
        measured=bandwidth_difference,
    ),
    Claim(
        number=9,
        section="3.3.2",
        statement="Deep contrastive feature maps are coupled more strongly to content",
        measure="Largest share of a filter's top clips with a label in common, mean over the "
        "filters of layers 8 to 11, contrastive minus supervised",
        rule=Above(),
        measured=label_coupling,
    ),
)
