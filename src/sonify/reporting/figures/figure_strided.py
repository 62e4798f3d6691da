"""Strided convolutions against max-pooling with unpooling (section 3.2)."""

from typing import TYPE_CHECKING

from sonify.reporting.figure import FigureSpec

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from sonify.plan.plan import Plan


def _settings(plan: "Plan") -> dict:
    """The rule, and the two runs that are compared."""
    rule = plan.config.sonification.rule
    return {"rule": rule, "pairs": plan.evaluation.strided.by_downsampling}


def _draw(**tables_and_settings) -> "Figure":
    from sonify.reporting.drawing.strided import figure_strided

    return figure_strided(**tables_and_settings)


FIGURE = FigureSpec(
    name="figure_strided",
    title="Strided convolutions in place of pooling",
    alt="Coherence and correlation of the envelopes of inputs and sonifications against the "
    "layer, for an encoder with max-pooling and one with strided convolutions.",
    read="The left panel shows whether frequencies survive, the right one whether the course of "
    "loudness over time does.",
    paper="Strided convolutions distort the structure in time and give significantly worse "
    "sonifications than max-pooling with unpooling (section 3.2).",
    tables=("coherence",),
    settings=_settings,
    draw=_draw,
)
