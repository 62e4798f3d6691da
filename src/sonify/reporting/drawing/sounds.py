"""Figures of sonifications beside their controls: a hue and marker for each sound."""

from collections.abc import Iterable, Mapping, Sequence
from math import log2
from types import MappingProxyType
from typing import NamedTuple

import pandas as pd
from matplotlib import colormaps, rc_context
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from sonify.paper.labels import scale_label
from sonify.reporting.control_values import curves
from sonify.reporting.drawing.style import PANEL_INCHES, RC, layer_axis, legend, scale_mark
from sonify.runtime.errors import SonifyError


class Look(NamedTuple):
    """Style and name of a sound in figures."""

    colour: str
    marker: str
    label: str


# Okabe and Ito's hues; markers tell the sounds apart in grey.
LOOKS = {
    "sonification": Look("#0072B2", "s", "sonification"),
    "random_filter": Look("#E69F00", "o", "of another filter"),
    "least_active": Look("#8C6D00", "v", "of the least active filter"),
    "other_clip": Look("#009E73", "^", "of another clip"),
    "untrained": Look("#D55E00", "D", "of an untrained network"),
    "phase": Look("#CC79A7", "P", "random phases"),
    "rolled": Look("#56B4E9", "<", "rolled by half"),
    "noise": Look("#595959", "x", "white noise"),
    "residual": Look("#000000", "*", "clip without it"),
    "clip": Look("#882255", "h", "the clip itself"),
    "drawn": Look("#882255", "H", "of clips drawn at random"),
    "added": Look("#AA4499", ">", "added instead"),
    "projected": Look("#332288", "p", "least squares"),
}
# Of networks with the last or first layers randomised: the more of them, the darker.
_CASCADES = {"top": ("Reds", "v", "last"), "bottom": ("Greens", "^", "first")}


def is_cascade(sound: str) -> bool:
    """Tell whether a sound is of a network some of whose layers are randomised."""
    return sound.partition("_")[0] in _CASCADES and sound not in LOOKS


def look(sound: str) -> Look:
    """Return the look of a sound; raises KeyError for an unknown one."""
    if not is_cascade(sound):
        return LOOKS[sound]
    end, _, number = sound.partition("_")
    colours, marker, word = _CASCADES[end]
    shade = colormaps[colours](min(0.35 + 0.16 * log2(int(number)), 1.0))
    return Look(to_hex(shade), marker, f"{word} {number} random")


def in_order(sounds: Iterable[str]) -> list[str]:
    """Return sounds in the order of LOOKS, then cascades by end and number of layers."""
    known, names = list(LOOKS), set(sounds)
    cascades = sorted(
        (name for name in names if is_cascade(name)),
        key=lambda name: (name.partition("_")[0], int(name.partition("_")[2])),
    )
    return [name for name in known if name in names] + cascades


class Panel(NamedTuple):
    """One panel: values as in `control_values`, of one metric and run, and words around them.

    ticks: words in place of layers, where these are places in a list.
    """

    title: str
    ylabel: str
    values: pd.DataFrame
    xlabel: str = "layer"
    ticks: Mapping[int, str] = MappingProxyType({})


def figure_of_sounds(rows: Sequence[Sequence[Panel]], scale: str) -> Figure:
    """Draw means by layer with bars for their 95% t-intervals over seeds, a curve for each sound.

    Panels of a row share their vertical axis. Raises SonifyError for an unknown scale and when
    there is nothing to draw.
    """
    scale_label(scale)
    shown = [panel.values for row in rows for panel in row]
    if not shown or all(values.empty for values in shown):
        raise SonifyError("the tables have no rows, so that the figure would be empty")
    sounds = in_order(sound for v in shown for sound in v["sound"])
    with rc_context(RC):
        size = (PANEL_INCHES * len(rows[0]) + 0.4, 0.9 + 2.5 * len(rows))
        figure = Figure(figsize=size, layout="constrained")
        axes = figure.subplots(len(rows), len(rows[0]), sharey="row", squeeze=False)
        for panels, row in zip(axes, rows, strict=True):
            for panel, given in zip(panels, row, strict=True):
                _draw(panel, given, sounds)
                panel.set_xlabel(given.xlabel)
            panels[0].set_ylabel(row[0].ylabel)
        scale_mark(axes[0][-1], scale)
        legend(figure, [_key(sound) for sound in sounds], columns=4 if len(rows[0]) > 1 else 2)
    return figure


def _draw(axes: Axes, panel: Panel, sounds: Sequence[str]) -> None:
    drawn = curves(panel.values)
    for place, sound in enumerate(s for s in sounds if s in set(drawn["sound"])):
        curve, own = drawn[drawn["sound"] == sound], look(sound)
        aside = (place - (len(sounds) - 1) / 2) * 0.6 / len(sounds)  # so that bars stay apart
        axes.errorbar(
            curve["layer"] + aside,
            curve["mean"],
            curve["ci95"].fillna(0),
            color=own.colour,
            marker=own.marker,
            lw=1.6 if sound == "sonification" else 0.9,
            elinewidth=0.7,
            zorder=3 if sound == "sonification" else 2,
            label=own.label,
        )
    axes.set_title(panel.title, loc="left")
    if len(drawn):
        layer_axis(axes, drawn["layer"])
    if panel.ticks:
        axes.set_xticks(list(panel.ticks), list(panel.ticks.values()))


def _key(sound: str) -> Line2D:
    own = look(sound)
    return Line2D([], [], color=own.colour, marker=own.marker, label=own.label)
