"""Which inputs and sonifications Figures 1 to 3 show, by a rule or by name, and their signals."""

from collections.abc import Mapping, Sequence

import pandas as pd

from sonify.contracts import tables
from sonify.reporting.listening import choose, shown_again, with_signals
from sonify.runtime.errors import SonifyError

_NAMED = ["model", "layer", "filter", "rank"]


def select(
    top: pd.DataFrame, figures: Mapping[str, Mapping], chosen: Sequence[Mapping]
) -> pd.DataFrame:
    """The rows of contract top_activations that the figures show, with their figure and position.

    A figure is given by its models, layers and per_layer, which `listening.choose` takes. No model
    shows a filter or clip twice in all the figures as long as it has others: each figure goes on
    where the ones before it ended. Pairs stand in rounds of one per layer and model (model by model
    within a layer, as listed); a position for which too few are alive stays free. `chosen`, rows of
    figure, model, layer, filter and rank, are shown instead by the figures they name, in their
    order, and count as shown from the start. Column repeated says whether the model has shown the
    clip at a place before. Raises SonifyError for what is not among the top activations.
    """
    named = {row["figure"] for row in chosen}
    if unknown := named - set(figures):
        raise SonifyError(f"chosen pairs are for {min(unknown)}: choose from {', '.join(figures)}")
    found = {
        name: _by_name(top, name, [row for row in chosen if row["figure"] == name])
        for name in figures
        if name in named
    }
    for name, asked in figures.items():
        if name not in named:
            shown = [rows for rows in found.values() if len(rows)]
            before = pd.concat(shown) if shown else None
            found[name] = _by_rule(top, before, name, **asked)
    rows = pd.concat([found[name].sort_values("position") for name in figures], ignore_index=True)
    return rows.assign(repeated=shown_again(rows))


def pairs_table(
    selected: pd.DataFrame, clips: pd.DataFrame, sonifications: pd.DataFrame
) -> pd.DataFrame:
    """The pairs table of the selected rows: contract pairs.

    clips and sonifications are rows of those contracts, at least those selected. Raises SonifyError
    when a signal is missing or is not of the selected clip.
    """
    found = with_signals(selected, clips, sonifications)
    return found[list(tables.contract("pairs").columns)]


def _by_rule(
    top: pd.DataFrame,
    before: pd.DataFrame | None,
    figure: str,
    models: list[str],
    layers: list[int],
    per_layer: int,
) -> pd.DataFrame:
    own = top[top["model"].isin(models)]
    there = set(own[["model", "layer"]].itertuples(index=False, name=None))
    for model in models:
        for layer in layers:
            if (model, layer) not in there:
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
    found = names.merge(top, on=_NAMED, how="left")
    for row in found[found["clip_id"].isna()].itertuples():
        raise SonifyError(
            f"the pair chosen for {figure} is not there: {row.model}, layer {row.layer}, filter "
            f"{row.filter}, rank {row.rank}: name one of its top activations"
        )
    return found.assign(figure=figure, position=range(1, len(found) + 1))
