"""Properties of filters, table filters, by seed and layer."""

import pandas as pd

from sonify.paper.claims.evidence import Evidence, by_layer, gather
from sonify.paper.claims.layers import DEEP, paired
from sonify.paper.setting import CONTRASTIVE, SUPERVISED, PaperSetting


def property_curves(evidence: Evidence, setting: PaperSetting, column: str) -> pd.DataFrame:
    """Return means of `column` over filters, seed by layer.

    Dead filters are silent, so they count for no column but active_fraction.
    """
    rows = evidence.of("filters", setting)
    active = rows["n_active"] / rows["n_clips"]
    values = active if column == "active_fraction" else rows[column].where(~rows["dead"])
    return by_layer(rows.assign(value=values), "value")


def by_regime(
    evidence: Evidence, column: str, layers: tuple[int, ...] = DEEP
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the `property_curves` at those of `layers` that both have: contrastive, supervised.

    Where one regime has no number, the other's is left out too.
    """
    sides = gather(
        lambda setting: property_curves(evidence, setting, column), (CONTRASTIVE, SUPERVISED)
    )
    one, other = paired(sides[CONTRASTIVE], sides[SUPERVISED], layers)
    return one.where(other.notna()), other.where(one.notna())
