"""Claims 4 to 9: the sound of sonifications, and how it changes with depth and regime.

Claims 4 and 5 are about the most active map of every clip (section 4.2, Figure 7), the others about
every filter's top clips (section 3.3). "Deep" means layers 8 to 11.
"""

import pandas as pd

from sonify.paper.claims.evidence import Evidence, by_layer, gather
from sonify.paper.claims.layers import (
    DEEP,
    TREND,
    coverage_note,
    paired,
    rank_correlation,
    slope,
)
from sonify.paper.claims.measurement import Measurement, difference, differences, number
from sonify.paper.claims.verdicts import Above, Claim, Within
from sonify.paper.setting import CONTRASTIVE, SUPERVISED, PaperSetting

NYQUIST_HZ = 4000.0
# Spectral spread of a flat spectrum from 0 to 4 kHz, 4000/√12: that of white noise through a filter
# that selects nothing.
FLAT_HZ = 1155.0
# Largest difference between the mean bandwidths of the two regimes, as a fraction of their mean, at
# which they count as alike: spectrograms side by side, as in Figure 1, still pass for equal then.
ALIKE = 0.25


def fall_of_coherence(evidence: Evidence) -> Measurement:
    """Return minus the rank correlation of layer and coherence, by regime.

    "The measure decreases with layer depth for both the contrastive and the supervised models".
    """
    curves = _coherence(evidence)
    falls = pd.DataFrame({regime: -rank_correlation(curve) for regime, curve in curves.items()})
    remarks = []
    for regime, curve in curves.items():
        mean = curve.mean()
        remarks.append(
            f"{regime} from {number(mean.iloc[0])} at layer {mean.index[0]} to "
            f"{number(mean.iloc[-1])} at layer {mean.index[-1]} (rank correlation "
            f"{number(-falls[regime].mean(), 2)})"
        )
    note = coverage_note(curves["supervised"])
    return Measurement(falls, f"Coherence{note}: " + "; ".join(remarks))


def excess_decay(evidence: Evidence) -> Measurement:
    """Measure how much more coherence supervised models lose a layer, by linear regression.

    "It decays significantly faster for the latter".
    """
    curves = _coherence(evidence)
    losses = {regime: -slope(curve) for regime, curve in curves.items()}
    heading = "Coherence lost a layer, supervised against contrastive"
    return difference(heading, losses["supervised"], losses["contrastive"])


def active_fraction(evidence: Evidence) -> Measurement:
    """Measure how much less often a deep supervised map is active, over filters and clips.

    A map is active if it is not zero throughout. The supervised model "has less active feature maps
    in the deeper layers".
    """
    heading = "Share of active maps, contrastive against supervised"
    return difference(heading, *_by_regime(evidence, "active_fraction"), skipna=True)


def noisiness(evidence: Evidence) -> Measurement:
    """Measure how much flatter in spectrum, and higher, deep supervised sonifications are.

    Higher by their centroid, as a fraction of 4 kHz. They "consist mostly of high frequency noise",
    contrastive ones not "to the same extent".
    """
    pairs = {}
    for name, column, unit in (
        ("flatness", "flatness", 1.0),
        ("centroid in shares of 4 kHz", "centroid_hz", NYQUIST_HZ),
    ):
        contrastive, supervised = _by_regime(evidence, column)
        pairs[name] = supervised / unit, contrastive / unit
    return differences("Supervised against contrastive", pairs, skipna=True)


def bandwidth_difference(evidence: Evidence) -> Measurement:
    """Compare mean bandwidths at layer 1: supervised minus contrastive, relative to their mean.

    "Band selectivity [...] is similar in the first layer across the two training paradigms".
    """
    contrastive, supervised = (side[1] for side in _by_regime(evidence, "bandwidth_hz", (1,)))
    relative = (supervised - contrastive) / ((supervised + contrastive) / 2)
    hz = " against ".join(number(side.mean(), 0) for side in (supervised, contrastive))
    remark = (
        f"Bandwidth of layer 1, supervised against contrastive: {hz} Hz, where white noise has "
        f"{FLAT_HZ:.0f} Hz"
    )
    return Measurement(relative, remark)


def label_coupling(evidence: Evidence) -> Measurement:
    """Measure how many more of a deep contrastive filter's top clips have a label in common.

    "Stronger acoustic content coupling in the deeper layers", where supervised filters have "a
    wider variety of maximally activating input signals".
    """
    heading = "Label purity, contrastive against supervised"
    return difference(heading, *_by_regime(evidence, "label_purity"), skipna=True)


def _coherence(evidence: Evidence) -> dict[str, pd.DataFrame]:
    curves = gather(
        lambda setting: by_layer(
            evidence.of("coherence", setting, rule=evidence.rule), "coherence"
        ),
        (CONTRASTIVE, SUPERVISED),
    )
    return {setting.regime: curve for setting, curve in curves.items()}


def _by_regime(
    evidence: Evidence, column: str, layers: tuple[int, ...] = DEEP
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return means of `column` over filters, seed by layer: contrastive, supervised.

    Dead filters are silent, so they count for no column but active_fraction. Where one regime has
    no number, the other's is left out too.
    """

    def look_up(setting: PaperSetting) -> pd.DataFrame:
        rows = evidence.of("filters", setting)
        active = rows["n_active"] / rows["n_clips"]
        values = active if column == "active_fraction" else rows[column].where(~rows["dead"])
        return by_layer(rows.assign(value=values), "value")

    contrastive, supervised = gather(look_up, (CONTRASTIVE, SUPERVISED)).values()
    one, other = paired(contrastive, supervised, layers)
    return one.where(other.notna()), other.where(one.notna())


CLAIMS = (
    Claim(
        number=4,
        section="4.2, Figure 7",
        statement="Coherence of clip and sonification falls with depth, in both regimes",
        measure="Rank correlation (Spearman) of layer and mean coherence, its sign turned so that "
        "1 is a steady fall: the lesser of the two regimes",
        rule=Above(TREND, every=True),
        evaluate=fall_of_coherence,
    ),
    Claim(
        number=5,
        section="4.2, Figure 7",
        statement="Coherence falls faster in supervised models",
        measure="Coherence lost a layer (slope of the straight line through the curve), supervised "
        "minus contrastive",
        rule=Above(),
        evaluate=excess_decay,
    ),
    Claim(
        number=6,
        section="3.3.1",
        statement="Deep layers of supervised models have fewer active feature maps",
        measure="Share of filters and clips whose map is active, mean over layers 8 to 11, "
        "contrastive minus supervised",
        rule=Above(),
        evaluate=active_fraction,
    ),
    Claim(
        number=7,
        section="3.3.2",
        statement="Deep supervised sonifications are noisier: flatter in spectrum and higher",
        measure="Supervised minus contrastive, mean over the sonifications of layers 8 to 11, of "
        "spectral flatness and of the centroid as a share of 4 kHz: the lesser of the two",
        rule=Above(every=True),
        evaluate=noisiness,
    ),
    Claim(
        number=8,
        section="3.3.1, Figure 1",
        statement="Filters of layer 1 are alike in band selectivity in both regimes",
        measure="Mean bandwidth of the sonifications of layer 1, supervised minus contrastive, as "
        "a share of the mean of both",
        rule=Within(ALIKE),
        evaluate=bandwidth_difference,
    ),
    Claim(
        number=9,
        section="3.3.2",
        statement="Deep contrastive feature maps are coupled more strongly to content",
        measure="Largest share of a filter's top clips with a label in common, mean over the "
        "filters of layers 8 to 11, contrastive minus supervised",
        rule=Above(),
        evaluate=label_coupling,
    ),
)
