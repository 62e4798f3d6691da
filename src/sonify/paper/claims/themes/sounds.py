"""Claims 4 to 8, 23 and 24: the sound of sonifications, and how it changes with depth and regime.

Claims 4 and 5 are about the most active map of every clip (section 4.2, Figure 7), with the measure
of the authors' code in the remark, the others about every filter's top clips (section 3.3). "Deep"
means layers 8 to 11.
"""

from collections.abc import Callable

import pandas as pd

from sonify.paper.claims.deltas import FRACTION, SLOPE
from sonify.paper.claims.evidence import Evidence, Missing, by_layer, gather
from sonify.paper.claims.filters import by_regime
from sonify.paper.claims.layers import (
    DEEP,
    MIDDLE,
    TREND,
    coverage_note,
    rank_correlation,
    rank_step,
    slope,
)
from sonify.paper.claims.measurement import (
    Measurement,
    Values,
    difference,
    differences,
    number,
    versus,
)
from sonify.paper.claims.rules import Above, Delta, Within
from sonify.paper.claims.verdicts import Claim
from sonify.paper.setting import CONTRASTIVE, SUPERVISED

# Signs of noise: name, column of the filters, and the unit it is measured in.
NOISE = (("flatness", "flatness", 1.0), ("centroid as a fraction of 4 kHz", "centroid_hz", 4000.0))
# Spectral spread of a flat spectrum from 0 to 4 kHz, 4000/√12: that of white noise through a filter
# that selects nothing.
FLAT_HZ = 1155.0
# Largest difference between two regimes, as a fraction of their mean, at which they count as alike:
# spectrograms side by side, as in Figure 1, still pass for equal then.
ALIKE = 0.25
BANDWIDTH = Delta(ALIKE, "so large a difference counts as alike in claim 8")


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
    floor = pd.Series({regime: rank_step(curve) for regime, curve in curves.items()})
    beside = _beside(evidence, _rank_correlations)
    return Measurement(falls, f"Coherence{note}: " + "; ".join(remarks) + beside, floor)


def excess_decay(evidence: Evidence) -> Measurement:
    """Measure how much more coherence supervised models lose per layer, by linear regression.

    "It decays significantly faster for the latter".
    """
    curves = _coherence(evidence)
    heading = "Coherence lost per layer, supervised vs contrastive"
    found = difference(heading, -slope(curves["supervised"]), -slope(curves["contrastive"]))
    return found._replace(remark=found.remark + _beside(evidence, _losses))


def active_fraction(evidence: Evidence) -> Measurement:
    """Measure how much less often a deep supervised map is active, over filters and clips.

    A map is active if it is not zero throughout. The supervised model "has less active feature maps
    in the deeper layers".
    """
    heading = "Fraction of active maps, contrastive vs supervised"
    found = difference(heading, *by_regime(evidence, "active_fraction"), skipna=True)
    return found._replace(floor=evidence.half_clip("filters"))


def noisiness(evidence: Evidence) -> Measurement:
    """Measure how much flatter and higher the spectra of deep supervised sonifications are.

    Higher in centroid, as a fraction of 4 kHz. They "consist mostly of high frequency noise",
    contrastive ones not "to the same extent".
    """
    pairs = {}
    for name, column, unit in NOISE:
        contrastive, supervised = by_regime(evidence, column)
        pairs[name] = supervised / unit, contrastive / unit
    return differences("Supervised vs contrastive", pairs, skipna=True)


def first_layer_difference(evidence: Evidence) -> Measurement:
    """Compare layer 1 in bandwidth and activity: supervised minus contrastive, over their mean.

    "Band selectivity and feature map activity is similar in the first layer across the two training
    paradigms".
    """
    differences, floor, remarks = {}, {}, []
    for name, column, unit, digits in (
        ("bandwidth", "bandwidth_hz", " Hz", 0),
        ("fraction of active maps", "active_fraction", "", 3),
    ):
        contrastive, supervised = (side[1] for side in by_regime(evidence, column, (1,)))
        differences[name] = _relative(supervised, contrastive)
        mean = (supervised.mean() + contrastive.mean()) / 2
        steps = column == "active_fraction" and mean > 0
        floor[name] = evidence.half_clip("filters") / mean if steps else 0.0
        both = " vs ".join(number(side.mean(), digits) for side in (supervised, contrastive))
        remarks.append(f"{name} {both}{unit}")
    remark = "; ".join(remarks) + f"; white noise has a bandwidth of {FLAT_HZ:.0f} Hz"
    heading = "Layer 1, supervised vs contrastive"
    return Measurement(pd.DataFrame(differences), f"{heading}: {remark}", pd.Series(floor))


def deep_band_selectivity(evidence: Evidence) -> Measurement:
    """Measure how much wider deep contrastive sonifications are, relative to the mean of both.

    "Supervised learning is generally more band-selective [...] in the deeper layers".
    """
    contrastive, supervised = by_regime(evidence, "bandwidth_hz")
    wider = _relative(contrastive, supervised).mean(axis=1)
    hz = " vs ".join(number(side.mean().mean(), 0) for side in (contrastive, supervised))
    remark = (
        f"Bandwidth of layers 8 to 11, contrastive vs supervised: {hz} Hz, where white noise has "
        f"{FLAT_HZ:.0f} Hz"
    )
    return Measurement(wider, remark)


def growing_noise(evidence: Evidence) -> Measurement:
    """Measure how much noisier supervised sonifications are in deep layers than in the middle.

    By flatness and centroid, as in `noisiness`, and by how much that exceeds the contrastive rise.
    "As we go deeper, sonifications become [...] more noisy", contrastive ones "not to the same
    extent".
    """
    rises, remarks = {}, []
    for name, column, unit in NOISE:
        middle, deep = (by_regime(evidence, column, layers) for layers in (MIDDLE, DEEP))
        contrastive, supervised = (
            (below.mean(axis=1) - above.mean(axis=1)) / unit
            for above, below in zip(middle, deep, strict=True)
        )
        rises[name], rises[f"{name} beyond"] = supervised, supervised - contrastive
        remarks.append(f"{name} {versus(supervised, contrastive)}")
    heading = "Rise from layers 3-7 to layers 8-11, supervised vs contrastive"
    return Measurement(pd.DataFrame(rises), f"{heading}: {'; '.join(remarks)}")


def _coherence(evidence: Evidence) -> dict[str, pd.DataFrame]:
    curves = gather(
        lambda setting: by_layer(
            evidence.of("coherence", setting, rule=evidence.rule), "coherence"
        ),
        (CONTRASTIVE, SUPERVISED),
    )
    return {setting.regime: curve for setting, curve in curves.items()}


def _beside(evidence: Evidence, describe: Callable[[dict[str, pd.DataFrame]], str]) -> str:
    """Return the addition to a remark: coherence by the measure of the authors' code.

    The verdict is by the text's measure. Returns nothing where filters were not sonified.
    """
    peaks = "peak_coherence"  # NaN of a filter without a pair; a filter has all ranks or none
    try:
        curves = gather(
            lambda setting: by_layer(
                evidence.of("coherence_by_filter", setting).dropna(subset=peaks), peaks
            ),
            (CONTRASTIVE, SUPERVISED),
        )
        words = describe({setting.regime: curve for setting, curve in curves.items()})
    except Missing:
        return ""
    return f"; by the authors' measure, over every filter's top clips, {words}"


def _rank_correlations(curves: dict[str, pd.DataFrame]) -> str:
    means = {regime: rank_correlation(curve).mean() for regime, curve in curves.items()}
    return "rank correlations " + ", ".join(f"{one} {number(x, 2)}" for one, x in means.items())


def _losses(curves: dict[str, pd.DataFrame]) -> str:
    return versus(-slope(curves["supervised"]), -slope(curves["contrastive"]))


def _relative(one: Values, other: Values) -> Values:
    """Return `one` minus `other` as a fraction of their mean, NaN where both are 0."""
    mean = (one + other) / 2
    return (one - other) / mean.mask(mean == 0)


CLAIMS = (
    Claim(
        number=4,
        section="4.2, Figure 7",
        statement="Coherence between clip and sonification falls with depth in both regimes",
        measure="Rank correlation (Spearman) of layer and mean coherence, negated, so that 1 is a "
        "steady fall: the smaller of the two regimes",
        rule=Above(TREND, every=True),
        evaluate=fall_of_coherence,
    ),
    Claim(
        number=5,
        section="4.2, Figure 7",
        statement="Coherence falls faster in supervised models",
        measure="Coherence lost per layer (slope of a linear fit), supervised minus contrastive",
        rule=Above(),
        evaluate=excess_decay,
        delta=SLOPE,
    ),
    Claim(
        number=6,
        section="3.3.1",
        statement="Deep layers of supervised models have fewer active feature maps",
        measure="Fraction of filters and clips whose map is active, mean over layers 8 to 11, "
        "contrastive minus supervised",
        rule=Above(),
        evaluate=active_fraction,
        delta=FRACTION,
    ),
    Claim(
        number=7,
        section="3.3.2",
        statement="Deep supervised sonifications are noisier: flatter in spectrum and higher",
        measure="Supervised minus contrastive, mean over the sonifications of layers 8 to 11, of "
        "spectral flatness and of the centroid as a fraction of 4 kHz: the smaller of the two",
        rule=Above(every=True),
        evaluate=noisiness,
        delta=FRACTION,
    ),
    Claim(
        number=8,
        section="3.3.1, Figure 1",
        statement="Layer-1 filters are equally band-selective and equally active in both regimes",
        measure="Mean bandwidth of the sonifications of layer 1, and the fraction of filters and "
        "clips whose map is active, supervised minus contrastive, relative to the mean of both: "
        "the one farther from 0",
        rule=Within(ALIKE, every=True),
        evaluate=first_layer_difference,
    ),
    Claim(
        number=23,
        section="3.3.1",
        statement="Deep layers of supervised models are more band-selective",
        measure="Bandwidth of the sonifications of layers 8 to 11, contrastive minus supervised, "
        "relative to the mean of both, mean over layers",
        rule=Above(),
        evaluate=deep_band_selectivity,
        delta=BANDWIDTH,
    ),
    Claim(
        number=24,
        section="3.3.2",
        statement="From the middle to the deep layers, supervised sonifications become noisier, "
        "contrastive ones less so",
        measure="Mean over layers 8 to 11 minus mean over layers 3 to 7 of spectral flatness and "
        "of the centroid as a fraction of 4 kHz: supervised, and supervised minus contrastive, "
        "the smallest of the four",
        rule=Above(every=True),
        evaluate=growing_noise,
        delta=FRACTION,
    ),
)
