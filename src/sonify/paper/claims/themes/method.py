"""Claims 20 to 22 and 25: properties of sonification itself (sections 3.2 and 3.4).

They are about the main contrastive pretraining, as are the paper's figures.
"""

import pandas as pd

from sonify.paper.claims.deltas import COHERENCE, FRACTION
from sonify.paper.claims.evidence import Evidence, Missing, by_layer, gather
from sonify.paper.claims.layers import LAYERS, paired
from sonify.paper.claims.measurement import Measurement, difference, differences, number
from sonify.paper.claims.rules import Above
from sonify.paper.claims.verdicts import Claim
from sonify.paper.setting import CONTRASTIVE

# Smallest correlation at which two overlaid waveforms, as in Figure B.3, still pass for equal: a
# tenth of the energy differs then (10 dB).
OVERLAID = 0.95
# Delays by multiples of the stride give 1 in every seed, which is exact; what counts against the
# threshold is not finer than the hundredth that it is stated to.
STEP = 0.01

DELAYS = {True: "delays that are multiples of the layer's stride", False: "other delays"}
INPUTS = ("own", "fixed")
DOWNSAMPLINGS = ("pool", "strided")


def equivariance(evidence: Evidence) -> Measurement:
    """Correlate the sonification with that of the delayed clip shifted back, by layer and delay.

    Averaged over clips; dead maps have no correlation and do not count. For "any integral offset k
    in input x results in equal offset in the corresponding sonification": any means all.
    """
    rows = evidence.of("invariance", CONTRASTIVE)
    correlations = rows.groupby(["on_stride", "seed", "layer", "shift"])["correlation"].mean()
    means = correlations.groupby(["on_stride", "layer", "shift"]).mean()
    remarks = [
        f"{number(value)} at {DELAYS[on]}" for on, value in means.groupby("on_stride").min().items()
    ]
    every = correlations.droplevel("on_stride").unstack(["layer", "shift"])
    alive = every.dropna(axis=1, how="all")
    values = every if alive.empty else alive
    return Measurement(values, "Smallest correlation: " + "; ".join(remarks), floor=STEP / 2)


def strided_loss(evidence: Evidence) -> Measurement:
    """Measure how much less sonifications of the strided encoder resemble the clip.

    By the correlation of energy envelopes and by coherence, each averaged over layers: striding
    "distorts the time-domain structure of the sonified waveform and results in significantly worse
    sonifications".
    """
    if not evidence.strided:
        raise Missing("a comparison with strided downsampling in the configuration")

    runs = evidence.strided

    def look_up(key: tuple[str, str]) -> pd.DataFrame:
        downsampling, column = key
        return by_layer(
            evidence.of_run("coherence", runs[downsampling], rule=evidence.rule), column
        )

    names = {"envelope_correlation": "envelope correlation", "coherence": "coherence"}
    curves = gather(look_up, [(d, column) for column in names for d in DOWNSAMPLINGS])
    pairs = {
        name: paired(curves["pool", column], curves["strided", column], LAYERS)
        for column, name in names.items()
    }
    return differences("Max-pool vs strided", pairs)


def excess_change(evidence: Evidence) -> Measurement:
    """Measure how much more a sonification changes between checkpoints if inputs are chosen anew.

    Averaged over filters and checkpoints. Fixed inputs give "a smoother visualization of training
    time feature progression than Zeiler & Fergus, where sudden jumps appeared whenever the
    maximally activating input changed".
    """

    def look_up(inputs: str) -> pd.Series:
        return evidence.of("evolution", CONTRASTIVE, inputs=inputs).groupby("seed")["change"].mean()

    changes = gather(look_up, INPUTS)
    heading = "Spectral change per checkpoint, own vs fixed inputs"
    return difference(heading, changes["own"], changes["fixed"])


def fuller_start(evidence: Evidence) -> Measurement:
    """Measure how much flatter the spectra of sonifications are at the first checkpoint than last.

    On fixed inputs, averaged over filters whose sonification sounds at both; the initial weights do
    not count as a checkpoint. "For several feature maps, sonifications at the first checkpoint show
    a full spectrogram".
    """
    rows = evidence.of("evolution", CONTRASTIVE, inputs="fixed")
    rows = rows[rows["epoch"] > 0]
    if rows["epoch"].nunique() < 2:
        raise Missing("two checkpoints after the initial weights")
    by_seed = rows.groupby("seed")["epoch"]
    ends = {"first": by_seed.transform("min"), "last": by_seed.transform("max")}
    flatness = {
        name: rows[rows["epoch"] == epoch].set_index(["seed", "layer", "filter"])["flatness"]
        for name, epoch in ends.items()
    }
    both = pd.DataFrame(flatness)
    both = both.where(both.notna().all(axis=1)).groupby("seed").mean()
    return difference("Flatness, first vs last checkpoint", both["first"], both["last"])


CLAIMS = (
    Claim(
        number=20,
        section="3.2, Figure B.3",
        statement="Sonification is shift-equivariant: delaying the input delays it by the same "
        "amount",
        measure="Correlation of the sonification and that of the delayed clip shifted back, mean "
        "over clips: the smallest over layers and delays",
        rule=Above(OVERLAID, every=True),
        evaluate=equivariance,
    ),
    Claim(
        number=21,
        section="3.2",
        statement="Downsampling by strided convolution sonifies worse than max-pool with unpooling",
        measure="Max-pool minus strided, mean over layers, of the correlation of the energy "
        "envelopes of clip and sonification and of their coherence: the smaller of the two",
        rule=Above(every=True),
        evaluate=strided_loss,
        delta=COHERENCE,
    ),
    Claim(
        number=22,
        section="3.4, Figure 5",
        statement="Over training, sonifications of fixed inputs evolve without the jumps of those "
        "of changing inputs",
        measure="Spectral change of a filter's sonification from one checkpoint to the next, mean "
        "over filters and checkpoints, inputs chosen anew minus fixed inputs",
        rule=Above(),
        evaluate=excess_change,
        delta=FRACTION,
    ),
    Claim(
        number=25,
        section="3.4, Figure 5",
        statement="At the first checkpoint, sonifications have a fuller spectrum than at the last",
        measure="Spectral flatness of a filter's sonification of a fixed input, first checkpoint "
        "after the initial weights minus last, mean over filters",
        rule=Above(),
        evaluate=fuller_start,
        delta=FRACTION,
    ),
)
