"""Every training run: loss, learning rate, and the score that its state is selected by."""

from typing import TYPE_CHECKING

from sonify.reporting.figure import FigureSpec

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    from matplotlib.figure import Figure

    from sonify.plan.plan import Plan


def _settings(plan: "Plan") -> dict:
    """The runs, in the order of the configuration."""
    return {"runs": list(plan.training.runs)}


def _draw(**tables_and_settings) -> "Figure":
    from sonify.reporting.drawing.training import figure_training

    return figure_training(**tables_and_settings)


def _smoothed(file: "Path") -> "pd.DataFrame":
    from sonify.reporting.training_curves import smoothed

    return smoothed(file)


FIGURE = FigureSpec(
    name="figure_training",
    title="How every run was trained",
    alt="A panel for each run: the loss against the epoch, a line for each seed, over the course "
    "of the learning rate in grey; below it the score on validation clips, where the recipe "
    "validates. The state that became the model is marked.",
    read="A line is one seed; each point is the mean loss over a sixtieth of its steps. The grey "
    "shape is the learning rate, up to the number beside it. The dot is the state that became the "
    "model: the best one on the validation clips, whose scores then stand below, or the last one. "
    "A contrastive training that ends on the dotted line has collapsed: projections that are all "
    "alike have this loss. "
    "Losses compare within a panel only: they are of different objectives and augmentations. "
    "The tables history and step_history have every epoch and every step.",
    paper="It shows no training curves.",
    tables=("history", "step_history"),
    draw=_draw,
    settings=_settings,
    reading={"step_history": _smoothed},
    folded=True,
)
