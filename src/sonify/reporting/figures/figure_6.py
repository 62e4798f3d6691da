"""Figure 6: mAP after the removal of sonifications (section 4.1)."""

from typing import TYPE_CHECKING

from sonify.reporting.figure import FigureSpec, Numbers

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from sonify.plan.plan import Plan


def _settings(plan: "Plan") -> dict:
    """The measured condition that is drawn."""
    rescaled = plan.evaluation.removal.rescale_residual
    return {"rule": plan.config.sonification.rule, "rescaled": rescaled}


def _draw(**tables_and_settings) -> "Figure":
    from sonify.reporting.drawing.figure_6 import figure_6

    return figure_6(**tables_and_settings)


def _numbers(**tables_and_settings) -> "pd.DataFrame":
    from sonify.reporting.tables.curves import figure_6

    return figure_6(**tables_and_settings)


FIGURE = FigureSpec(
    name="figure_6",
    title="Figure 6: removing sonifications",
    alt="mAP against the layer whose sonification is removed, a curve for each pretraining, one "
    "panel per finetuning; at 0 and as dashed lines: nothing removed.",
    read="At each layer, the sonification of the most active feature map is subtracted from "
    "every clip, and what is left is classified. The further a curve lies below the dashed "
    "line of its colour, the more the removed sound mattered. Grey and dotted or dashed: three "
    "runs of the paper’s authors with their 95% intervals, for contrastive pretraining only and "
    "with the most active map chosen by its mean.",
    paper="mAP falls drastically; the fall varies less from layer to layer for fc-only models, and "
    "fully finetuned models are more robust (section 4.1).",
    tables=("removal",),
    settings=_settings,
    draw=_draw,
    numbers=Numbers(
        _numbers,
        "The authors’ numbers come from three runs with contrastive pretraining; the most active "
        "map is chosen by its mean.",
    ),
)
