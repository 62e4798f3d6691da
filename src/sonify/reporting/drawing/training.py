"""Figure: how every run was trained, a small panel for each."""

import textwrap
from collections.abc import Sequence

import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from sonify.paper.labels import scale_label
from sonify.reporting.drawing.style import COLOURS, PANEL_INCHES, RC, legend
from sonify.runtime.errors import SonifyError

COLUMNS = 3
# Inches: of panels, of what stands around them, and of legend and label. Placed by hand, since to
# find places for 76 panels takes matplotlib half a minute.
_WIDE, _LEFT, _RIGHT = (2 * PANEL_INCHES + 0.2) / COLUMNS, 0.45, 0.1
_NAME, _LOSS, _SCORE, _TICKS, _ENDS = 0.34, 0.95, 0.5, 0.2, 0.35
_LETTERS = 30  # of a line above a panel
_ROOM = 0.22  # kept free above the losses for the number, as a fraction of what they span
_RATE = "#DADADA"
_SMALL = {"axes.titlesize": 7.5, "xtick.labelsize": 7.0, "ytick.labelsize": 7.0, "font.size": 7.0}
_ALIKE = {"color": "black", "lw": 0.8, "ls": (0, (1, 2)), "zorder": 1}
_DOT = {"ls": "", "marker": "o", "ms": 3.2, "mec": "black", "mew": 0.6, "clip_on": False}


def figure_training(
    history: pd.DataFrame, step_history: pd.DataFrame, scale: str, runs: Sequence[str]
) -> Figure:
    """Loss against the epoch, a panel for each of `runs` and a line for each seed.

    history: of that contract; step_history: curves from `training_curves.smoothed`. The course of
    the learning rate is a grey shape with its peak in numbers; a dot marks the epoch that the model
    is of. The loss of projections that are all alike, where a contrastive training collapses, is
    dotted. Runs that validate have a second panel with the scores. Raises SonifyError without rows.
    """
    words = scale_label(scale)
    shown = [run for run in runs if run in set(step_history["run"])]
    if not shown:
        raise SonifyError("no run has a history, so that the figure would be empty")
    rows = [shown[at : at + COLUMNS] for at in range(0, len(shown), COLUMNS)]
    scored = set(history.loc[history["val_score"].notna(), "run"])
    own = [_NAME + _LOSS + _TICKS + bool(scored & set(row)) * (_SCORE + _TICKS) for row in rows]
    with rc_context({**RC, **_SMALL}):
        figure = Figure(figsize=(COLUMNS * _WIDE, sum(own) + 2 * _ENDS))
        for number, row in enumerate(rows):
            below_name = _ENDS + sum(own[:number]) + _NAME
            for column, run in enumerate(row):
                epochs = history[history["run"] == run]
                axes = _panel(figure, column, below_name, _LOSS)
                _draw_losses(axes, run, step_history[step_history["run"] == run], epochs)
                if run in scored:
                    _draw_scores(
                        _panel(figure, column, below_name + _LOSS + _TICKS, _SCORE), epochs
                    )
        figure.supxlabel(f"completed epochs ({words})", fontsize=8, y=0.1 / figure.get_figheight())
        legend(figure, _keys(history), columns=5)
    return figure


def _panel(figure: Figure, column: int, top: float, height: float) -> Axes:
    """Add a panel whose upper edge is `top` inches below that of the figure."""
    width, whole = figure.get_size_inches()
    left, wide = column * _WIDE + _LEFT, _WIDE - _LEFT - _RIGHT
    return figure.add_axes((left / width, 1 - (top + height) / whole, wide / width, height / whole))


def _draw_losses(axes: Axes, run: str, curves: pd.DataFrame, epochs: pd.DataFrame) -> None:
    first = curves[curves["model"] == curves["model"].iloc[0]]
    peak = first["learning_rate"].max()
    axes.fill_between(
        first["passes"],
        0.96 * first["learning_rate"] / peak,
        transform=axes.get_xaxis_transform(),
        color=_RATE,
        linewidth=0,
        zorder=0,
    )
    axes.text(0.99, 0.97, f"{peak:.2g}", transform=axes.transAxes, ha="right", va="top")
    for model, curve in curves.groupby("model"):
        colour = COLOURS[curve["regime"].iloc[0]]
        axes.plot(curve["passes"], curve["loss"], color=colour, lw=0.8, alpha=0.8)
        chosen = epochs.loc[(epochs["model"] == model) & epochs["chosen"], "epoch"]
        # The curve is of means over stretches: no epoch's own loss lies on it.
        at = (curve["passes"] - chosen.iloc[0]).abs().idxmin()
        axes.plot(chosen, [curve.loc[at, "loss"]], color=colour, **_DOT)
    axes.set_title("\n".join(textwrap.wrap(run, _LETTERS)), loc="left", pad=3)
    axes.grid(False)
    for level in epochs["constant_loss"].dropna().unique():
        axes.axhline(level, **_ALIKE)
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + _ROOM * (high - low))
    _epoch_axis(axes, epochs)


def _draw_scores(axes: Axes, epochs: pd.DataFrame) -> None:
    for _, seed in epochs.groupby("model"):
        colour = COLOURS[seed["regime"].iloc[0]]
        axes.plot(seed["epoch"], seed["val_score"], color=colour, lw=0.8, alpha=0.8)
        best = seed[seed["chosen"]]
        axes.plot(best["epoch"], best["val_score"], color=colour, **_DOT)
    axes.set_ylabel("score", fontsize=7, labelpad=2)
    _epoch_axis(axes, epochs)


def _epoch_axis(axes: Axes, epochs: pd.DataFrame) -> None:
    axes.set_xlim(0, epochs["epoch"].max())
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=4))


def _keys(history: pd.DataFrame) -> list[Line2D | Patch | None]:
    regimes = set(history["regime"])
    known = [regime for regime in ("supervised", "contrastive") if regime in regimes]
    alike = Line2D([], [], **_ALIKE, label="collapse")
    return [
        *(Line2D([], [], color=COLOURS[r], lw=0.8, label=f"{r}, one seed") for r in known),
        Patch(facecolor=_RATE, linewidth=0, label="learning rate"),
        Line2D([], [], color="white", **_DOT, label="the model"),
        *([alike] if history["constant_loss"].notna().any() else []),
    ]
