"""Claims 20 to 22: properties of sonification itself (sections 3.2 and 3.4).

Of the main contrastive pretraining, as in the paper's figures.
"""

import pandas as pd

from sonify.paper.claims.evidence import CONTRASTIVE, Evidence, Missing, by_layer, gather
from sonify.paper.claims.layers import LAYERS, against, common, number
from sonify.paper.claims.verdicts import Above, Claim, Measured

# Least correlation of two waveforms that pass for equal when laid over each other, as in Figure
# B.3: a tenth of the energy is not shared then (10 dB).
OVERLAID = 0.95

INPUTS = ("own", "fixed")
DOWNSAMPLINGS = ("pool", "strided")


def equivariance(evidence: Evidence) -> Measured:
    """Correlation of the sonification with that of the delayed clip shifted back, mean over clips,
    by layer and delay, for "any integral offset k in input x results in equal offset
    in the corresponding sonification": any is all. Dead maps have no correlation and do not count.
    """
    rows = evidence.of("invariance", CONTRASTIVE)
    found = rows.groupby(["on_stride", "seed", "layer", "shift"])["correlation"].mean()
    means = found.groupby(["on_stride", "layer", "shift"]).mean()
    least_by_stride = means.groupby("on_stride").min()
    told = [
        f"{number(value)} at delays {'by' if on else 'other than'} multiples of the layer's stride"
        for on, value in least_by_stride.items()
    ]
    every = found.droplevel("on_stride").unstack(["layer", "shift"])
    living = every.dropna(axis=1, how="all")
    return Measured(every if living.empty else living, "Least correlation: " + "; ".join(told))


def strided_loss(evidence: Evidence) -> Measured:
    """By how much sonifications of the strided encoder are less correlated with the clip in their
    energy envelopes, and less coherent with it, mean over layers: it "distorts
    the time-domain structure of the sonified waveform and results in significantly worse
    sonifications".
    """
    if not evidence.strided:
        raise Missing("a comparison with strided downsampling in the configuration")

    def found(key: tuple[str, str]) -> pd.DataFrame:
        downsampling, column = key
        rows = evidence.of_run("coherence", evidence.strided[downsampling], rule=evidence.rule)
        return by_layer(rows, column)

    words = {"envelope_correlation": "envelope correlation", "coherence": "coherence"}
    curves = gather(found, [(d, column) for column in words for d in DOWNSAMPLINGS])
    losses, told = {}, []
    for column, name in words.items():
        pool, strided = common(*(curves[d, column] for d in DOWNSAMPLINGS), LAYERS)
        losses[column] = (pool - strided).mean(axis=1, skipna=False)
        told.append(f"{name} {against(pool, strided)}")
    return Measured(pd.DataFrame(losses), "Max-pool against strided: " + "; ".join(told))


def excess_change(evidence: Evidence) -> Measured:
    """By how much more a filter's sonification changes from one checkpoint to the next when its
    input is chosen anew at each, mean over filters and checkpoints: fixed inputs give "a smoother
    visualization of training time feature progression than Zeiler & Fergus, where sudden jumps
    appeared whenever the maximally activating input changed".
    """

    def found(inputs: str) -> pd.Series:
        return evidence.of("evolution", CONTRASTIVE, inputs=inputs).groupby("seed")["change"].mean()

    changes = gather(found, INPUTS)
    told = f"Spectral change a checkpoint, own against fixed inputs: {against(*changes.values())}"
    return Measured(changes["own"] - changes["fixed"], told)


CLAIMS = (
    Claim(
        number=20,
        section="3.2, Figure B.3",
        statement="Sonification is shift-equivariant: a delay of the input delays it by as much",
        measure="Correlation of the sonification and that of the delayed clip shifted back, mean "
        "over clips: the least over layers and delays",
        rule=Above(OVERLAID, every=True),
        measured=equivariance,
    ),
    Claim(
        number=21,
        section="3.2",
        statement="Downsampling by strided convolution sonifies worse than max-pool with unpooling",
        measure="Max-pool minus strided, mean over layers, of the correlation of the energy "
        "envelopes of clip and sonification and of their coherence: the lesser of the two",
        rule=Above(every=True),
        measured=strided_loss,
    ),
    Claim(
        number=22,
        section="3.4, Figure 5",
        statement="Over training, sonifications of fixed inputs evolve without the jumps of those "
        "of changing inputs",
        measure="Spectral change of a filter's sonification from one checkpoint to the next, mean "
        "over filters and checkpoints, inputs chosen anew minus fixed inputs",
        rule=Above(),
        measured=excess_change,
    ),
)
