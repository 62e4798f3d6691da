"""Figure 6: what removing each layer's sonification does to performance."""

import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from sonify.paper.labels import measured_on, scale_label
from sonify.reporting.authors_curves import removal_curves as removal_by_authors
from sonify.reporting.curves import MODEL, removal_curves, removal_runs
from sonify.reporting.drawing.authors import authors_key, draw_authors, draw_authors_at
from sonify.reporting.drawing.style import (
    COLOURS,
    MARKERS,
    RC,
    blank,
    draw_curve,
    interval_key,
    layer_axis,
    legend,
    scale_mark,
    unit_axis,
)
from sonify.runtime.errors import SonifyError

TITLES = {"fconly": "fc-only finetuning", "full": "full finetuning", "none": "from scratch"}
# The finetuning is told apart a second time inside the curve, for panels cut out of their figure.
_FILLS = {"fconly": "white", "full": None, "none": None}
# Baselines differ by dashes and by where they begin, so that they are told apart in grey too.
_DASHES = {"supervised": (0, (7, 2)), "contrastive": (0, (2, 2)), "from scratch": (0, (7, 2, 1, 2))}
_AT = {"supervised": -0.16, "contrastive": 0.16, "from scratch": 0.0}
_AUTHORS_AT = 0.3


def figure_6(
    removal: pd.DataFrame, scale: str, rule: str = "mean", rescaled: bool = False
) -> Figure:
    """mAP by layer removed, a panel per finetuning and a curve per regime, from contract removal.

    `rule` and `rescaled` say which of the conditions in the table is drawn. At 0 nothing is
    removed: each model's baseline has its own hue, marker and dashes there, runs on as a dashed
    line, and has its interval as a bar. Bands and bars are 95% t-intervals over runs. Behind them,
    in grey, stands what the authors measured, on the clips that they did. Raises SonifyError when
    there is no mAP to draw.
    """
    scale_label(scale)
    curves = removal_curves(removal, rule, rescaled)
    runs = removal_runs(removal, rule, rescaled)
    if curves.empty:
        raise SonifyError("the removal table has no mAP, so that Figure 6 would be empty")
    panels = [kind for kind in TITLES if kind in set(curves["finetune"])]
    theirs = removal_by_authors(*removal[["dataset", "split"]].iloc[0])
    theirs = theirs[theirs["finetune"].isin(panels) & theirs["layer"].isin(curves["layer"])]
    with rc_context(RC):
        figure, axes = blank(len(panels))
        for panel, kind in zip(axes, panels, strict=True):
            _draw_authors(panel, theirs[theirs["finetune"] == kind])
            draw_models(panel, curves[curves["finetune"] == kind], runs)
            panel.set_title(TITLES[kind], loc="left")
            layer_axis(panel, curves["layer"])
            panel.set_xlabel("layer removed (0: none)")
            unit_axis(panel, pd.concat([curves, theirs]))
        axes[0].set_ylabel(f"mAP on {measured_on(removal)}")
        scale_mark(axes[-1], scale)
        keys = [authors_key(" (contrastive, 3 runs)")] if len(theirs) else []
        columns = 3 if keys and len(panels) > 1 else None
        legend(figure, [*model_keys(curves), *keys], columns)
    return figure


def _draw_authors(axes: Axes, curves: pd.DataFrame) -> None:
    draw_authors(axes, curves[curves["layer"] > 0])
    for _, baseline in curves[curves["layer"] == 0].iterrows():
        draw_authors_at(axes, _AUTHORS_AT, baseline)


def draw_models(axes: Axes, curves: pd.DataFrame, runs: pd.DataFrame) -> None:
    """Each model's mAP by layer removed, its baseline at 0 and dashed; from `removal_curves` and
    `removal_runs`."""
    for (_, finetune, _, run), curve in curves.groupby(MODEL):
        look = _look(curve.iloc[0])
        layers, baseline = curve[curve["layer"] > 0], curve[curve["layer"] == 0]
        fill = _FILLS[finetune] or COLOURS[look]
        draw_curve(axes, layers, runs, look, run, markerfacecolor=fill)
        for mean, ci95 in baseline[["mean", "ci95"]].to_numpy():
            own = {"color": COLOURS[look], "marker": MARKERS[look], "markerfacecolor": fill}
            axes.axhline(mean, color=COLOURS[look], ls=_DASHES[look], lw=1.1, label="_baseline")
            at = {"label": "_baseline at its place", "ls": "none", "lw": 0.9, "capsize": 2}
            axes.errorbar(_AT[look], mean, ci95, **at, **own)
            untouched = runs[(runs["run"] == run) & (runs["layer"] == 0)]
            if len(untouched) > 1:
                dots = {"ls": "", "marker": ".", "ms": 3.0, "alpha": 0.7, "label": "_runs"}
                places = [_AT[look]] * len(untouched)
                axes.plot(places, untouched["value"], color=COLOURS[look], **dots)


def model_keys(curves: pd.DataFrame) -> list:
    """The legend's entries of what `draw_models` draws."""
    looks = [look for look in COLOURS if look in {_look(c) for _, c in curves.iterrows()}]
    keys = [Line2D([], [], color=COLOURS[k], marker=MARKERS[k], label=k) for k in looks]
    nothing = Line2D([], [], color="#404040", ls="--", lw=1.1, label="dashed: nothing removed")
    return [*keys, nothing, interval_key(curves)]


def _look(curve: pd.Series) -> str:
    return "from scratch" if curve["finetune"] == "none" else curve["regime"]
