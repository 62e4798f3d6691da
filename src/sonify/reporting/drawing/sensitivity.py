"""Figures 6 and 7 again, under every choice that the paper leaves open: small multiples."""

from collections.abc import Sequence

import pandas as pd
from matplotlib import rc_context
from matplotlib.figure import Figure

from sonify.paper.labels import measured_on, scale_label
from sonify.reporting.curves import (
    coherence_curves,
    coherence_runs,
    floor,
    removal_curves,
    removal_runs,
)
from sonify.reporting.drawing.figure_6 import TITLES, draw_models, model_keys
from sonify.reporting.drawing.figure_7 import (
    MEASURE,
    coherence_axis,
    draw_encoders,
    encoder_keys,
)
from sonify.reporting.drawing.style import RC, grid, layer_axis, legend, scale_mark, unit_axis
from sonify.runtime.errors import SonifyError

_RULES = {"mean": "by mean", "max": "by largest value", "energy": "by energy"}  # the main one first
_MOST_LAYERS = 7  # numbers below a small panel


def figure_sensitivity_6(removal: pd.DataFrame, scale: str) -> Figure:
    """mAP by layer removed, from contract removal: a column for each way of choosing the most
    active map and of scaling what is left, a row per finetuning, all on the same axes.

    Curves, dashes and bands are those of Figure 6. Raises SonifyError when there is no mAP to draw.
    """
    scale_label(scale)
    removal = compared(removal)
    found = removal[["rescaled", "rule"]].drop_duplicates().itertuples(index=False)
    conditions = sorted(found, key=lambda c: (c.rescaled, list(_RULES).index(c.rule)))
    curves = [removal_curves(removal, c.rule, c.rescaled) for c in conditions]
    every = pd.concat(curves) if curves else removal
    if every.empty:
        raise SonifyError("the removal table has no mAP, so that the figure would be empty")
    rows = [kind for kind in TITLES if kind in set(every["finetune"])]
    with rc_context(RC):
        figure, panels = grid(len(rows), len(conditions))
        for row, kind in zip(panels, rows, strict=True):
            for axes, condition, drawn in zip(row, conditions, curves, strict=True):
                runs = removal_runs(removal, condition.rule, condition.rescaled)
                draw_models(axes, drawn[drawn["finetune"] == kind], runs)
            row[0].set_ylabel(f"mAP, {TITLES[kind]}")
        for axes, condition in zip(panels[0], conditions, strict=True):
            rescaled = ",\nrest rescaled" if condition.rescaled else ""
            axes.set_title(f"{_RULES[condition.rule]}{rescaled}", loc="left")
        for axes in panels[-1]:
            layer_axis(axes, every["layer"], _MOST_LAYERS)
        unit_axis(panels[0][0], every)
        figure.supxlabel(f"{_caption(removal)}; at 0 nothing is removed")
        scale_mark(panels[-1][-1], scale)
        legend(figure, model_keys(every))
    return figure


def figure_sensitivity_7(
    coherence: pd.DataFrame, scale: str, runs: Sequence[str] | None = None
) -> Figure:
    """Mean top-k coherence by layer, from contract coherence: a panel for each way of choosing the
    most active map, all on the same axes.

    Curves, floor and bands are those of Figure 7, of `runs` (None for all). Raises SonifyError
    without rows.
    """
    scale_label(scale)
    coherence = compared(coherence)
    rules = [rule for rule in _RULES if rule in set(coherence["rule"])]
    if not rules:
        raise SonifyError("the coherence table has no rows, so that the figure would be empty")
    curves = [coherence_curves(coherence, rule, runs) for rule in rules]
    every, noise = pd.concat(curves), floor(coherence)
    with rc_context(RC):
        figure, (panels,) = grid(1, len(rules))
        for axes, rule, drawn in zip(panels, rules, curves, strict=True):
            draw_encoders(axes, drawn, coherence_runs(coherence, rule, runs), noise)
            axes.set_title(_RULES[rule], loc="left")
            layer_axis(axes, every["layer"], _MOST_LAYERS)
        coherence_axis(panels[0], every, noise)
        panels[0].set_ylabel(MEASURE)
        figure.supxlabel(_caption(coherence))
        scale_mark(panels[-1], scale)
        legend(figure, encoder_keys(every))
    return figure


def compared(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the seeds measured under every choice, or all rows if there are none.

    So all panels show the same models.
    """
    choices = rows[["seed", *(name for name in ("rescaled", "rule") if name in rows)]]
    each = choices.drop_duplicates().groupby("seed").size()
    whole = each.index[each == len(choices.drop(columns="seed").drop_duplicates())]
    return rows[rows["seed"].isin(whole)] if len(whole) else rows


def _caption(frame: pd.DataFrame) -> str:
    clips = measured_on(frame)
    return f"{clips}; panels by how the most active map is chosen"
