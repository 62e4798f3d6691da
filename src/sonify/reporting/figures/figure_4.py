"""Figure 4: performance against the number of layers retained (appendix B)."""

from typing import TYPE_CHECKING

from sonify.reporting.figure import FigureSpec, Numbers

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from sonify.plan.plan import Plan

PANELS = {"fsd50k": "mAP", "speech_commands": "accuracy"}  # in this order


def _settings(plan: "Plan") -> dict:
    """By run, which "layer" is the whole encoder; and by finetuned run, the probes beside it."""
    starts, probes = plan.probe_starts, plan.probes.values()
    return {
        "whole": {run: plan.architecture(start).whole for run, start in starts.items()},
        "finetuned": {p.finetuned: p.run.name for p in probes if p.finetuned},
    }


def _draw(**tables_and_settings) -> "Figure":
    from sonify.reporting.drawing.figure_4 import figure_4

    return figure_4(**tables_and_settings)


def _numbers(**tables_and_settings) -> "pd.DataFrame":
    from sonify.reporting.tables.curves import figure_4

    return figure_4(**tables_and_settings)


FIGURE = FigureSpec(
    name="figure_4",
    title="Figure 4: how many layers recognition needs",
    alt="Performance on validation clips against the number of blocks retained, for FSD50K and "
    "Speech Commands; a curve for each regime and finetuning, dashed lines for the whole "
    "encoder.",
    read="Each point is a classifier on the average of the last retained block. A curve above "
    "its dashed line means that the deepest layers do harm; the dashed line of a model that was "
    "selected on these clips lies a little too high. Grey and thin: the authors’ measurements, "
    "means of three runs read off their figure, hollow where only the classifier was trained; at "
    "“all”, the intervals for their whole encoders.",
    paper="Performance grows with layers; contrastive leads in the first ones, supervised in the "
    "deep ones on FSD50K, while on Speech Commands contrastive leads in all but the last "
    "two and the middle of the frozen stack beats its end (appendix B).",
    tables=("layer_importance",),
    settings=_settings,
    draw=_draw,
    numbers=Numbers(
        _numbers,
        "For the authors’ probes, means of three runs are known, read off their figure; for their "
        "whole encoders, the single runs.",
    ),
)
