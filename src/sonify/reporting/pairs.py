"""The inputs and sonifications of Figures 1 to 3, chosen by a rule or by name."""

from collections.abc import Mapping, Sequence

import pandas as pd

from sonify.contracts import tables
from sonify.reporting.listening import choose, shown_again, with_signals
from sonify.runtime.errors import SonifyError

_NAMED = ["model", "layer", "filter", "rank"]


def select(
    top: pd.DataFrame, figures: Mapping[str, Mapping], chosen: Sequence[Mapping]
) -> pd.DataFrame:
    """Select the rows of contract top_activations that the figures show, with figure and position.

    A figure is given by its models, layers and per_layer, as `listening.choose` takes them. Across
    all figures no model shows a filter or clip twice while it has others: each figure continues
    where the ones before it ended. Positions run in rounds of one pair per layer and model (model
    by model within a layer, as listed); a position stays free where too few filters are live.
    `chosen`, rows of figure, model, layer, filter and rank, replace the rule in the figures that
    they name, in their order, and count as shown from the start. Column repeated marks a clip that
    the model shows at an earlier place. Raises SonifyError for a pair that is not among the top
    activations.
    """
    named = {row["figure"] for row in chosen}
    if unknown := named - set(figures):
        raise SonifyError(f"chosen pairs are for {min(unknown)}: choose from {', '.join(figures)}")
    selected = {
        name: _by_name(top, name, [row for row in chosen if row["figure"] == name])
        for name in figures
        if name in named
    }
    for name, asked in figures.items():
        if name not in named:
            shown = [rows for rows in selected.values() if len(rows)]
            before = pd.concat(shown) if shown else None
            selected[name] = _by_rule(top, before, name, **asked)
    ordered = [selected[name].sort_values("position") for name in figures]
    rows = pd.concat(ordered, ignore_index=True)
    return rows.assign(repeated=shown_again(rows))


def pairs_table(
    selected: pd.DataFrame, clips: pd.DataFrame, sonifications: pd.DataFrame
) -> pd.DataFrame:
    """Return the selected rows with their signals, as contract pairs.

    clips and sonifications are rows of those contracts, at least those selected. Raises SonifyError
    if a signal is missing or belongs to another clip.
    """
    joined = with_signals(selected, clips, sonifications)
    return joined[list(tables.contract("pairs").columns)]


def _by_rule(
    top: pd.DataFrame,
    before: pd.DataFrame | None,
    figure: str,
    models: list[str],
    layers: list[int],
    per_layer: int,
) -> pd.DataFrame:
    own = top[top["model"].isin(models)]
    mined = set(own[["model", "layer"]].itertuples(index=False, name=None))
    for model in models:
        for layer in layers:
            if (model, layer) not in mined:
                raise SonifyError(
                    f"{figure} shows layer {layer} of {model}, which has no top activations: "
                    "name a model that is sonified and a layer that it has"
                )
    rows = choose(own, layers, per_layer, before)
    place = [layers.index(r.layer) * len(models) + models.index(r.model) for r in rows.itertuples()]
    round_ = rows.groupby(["model", "layer"]).cumcount()
    return rows.assign(figure=figure, position=round_ * len(layers) * len(models) + place + 1)


def _by_name(top: pd.DataFrame, figure: str, wanted: list[Mapping]) -> pd.DataFrame:
    names = pd.DataFrame(wanted)[_NAMED]
    rows = names.merge(top, on=_NAMED, how="left")
    for row in rows[rows["clip_id"].isna()].itertuples():
        raise SonifyError(
            f"the pair chosen for {figure} does not exist: {row.model}, layer {row.layer}, filter "
            f"{row.filter}, rank {row.rank}: name one of its top activations"
        )
    return rows.assign(figure=figure, position=range(1, len(rows) + 1))
