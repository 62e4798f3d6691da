"""Claims 9 and 26: shared labels among a filter's top clips (section 3.3.2)."""

from contextlib import suppress

import pandas as pd

from sonify.paper.claims.deltas import FRACTION
from sonify.paper.claims.evidence import Evidence, Missing
from sonify.paper.claims.filters import by_regime, property_curves
from sonify.paper.claims.layers import DEEP, at_layers
from sonify.paper.claims.measurement import Measurement, difference, versus
from sonify.paper.claims.rules import Above
from sonify.paper.claims.verdicts import Claim
from sonify.paper.setting import CONTRASTIVE, SUPERVISED, PaperSetting


def label_coupling(evidence: Evidence) -> Measurement:
    """Measure how many more of a deep contrastive filter's top clips share a label.

    "Stronger acoustic content coupling in the deeper layers", where supervised filters have "a
    wider variety of maximally activating input signals".
    """
    heading = "Label purity, contrastive vs supervised"
    return difference(heading, *by_regime(evidence, "label_purity"), skipna=True)


def excess_agreement(evidence: Evidence) -> Measurement:
    """Measure how much more the top clips of deep contrastive filters agree than random clips do.

    "Acoustic content coupling" is of the contrastive model, whose clips must therefore share labels
    more often than by chance; the supervised one, of which the paper says the opposite, is in the
    remark.
    """
    purity, chance = _purity_and_chance(evidence, CONTRASTIVE)
    values = (purity - chance).mean(axis=1)
    remark = f"Label purity vs that of random clips: contrastive {versus(purity, chance)}"
    with suppress(Missing):
        remark += f"; supervised {versus(*_purity_and_chance(evidence, SUPERVISED))}"
    return Measurement(values, remark)


def _purity_and_chance(evidence: Evidence, setting: PaperSetting) -> list[pd.DataFrame]:
    columns = ("label_purity", "chance_purity")
    return [at_layers(property_curves(evidence, setting, name), DEEP) for name in columns]


CLAIMS = (
    Claim(
        number=9,
        section="3.3.2",
        statement="Deep contrastive feature maps are more strongly coupled to content",
        measure="Largest fraction of a filter's top clips that share a label, mean over the "
        "filters of layers 8 to 11, contrastive minus supervised",
        rule=Above(),
        evaluate=label_coupling,
        delta=FRACTION,
    ),
    Claim(
        number=26,
        section="3.3.2",
        statement="The labels of a deep contrastive filter's top clips agree more than chance",
        measure="Largest fraction of a filter's top clips that share a label, minus that of as "
        "many clips drawn at random from those mined, contrastive, mean over the filters of "
        "layers 8 to 11",
        rule=Above(),
        evaluate=excess_agreement,
        delta=FRACTION,
    ),
)
