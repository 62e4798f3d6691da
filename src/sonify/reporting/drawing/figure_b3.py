"""Figure B.3: how sonifications follow a delay of the input, in one case and measured."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib import colormaps, rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, NullLocator, ScalarFormatter

from sonify.contracts.audio_format import RATE_HZ
from sonify.evaluation.metrics.intervals import t_intervals
from sonify.paper.labels import distinct_labels, measured_on, scale_label
from sonify.reporting.curves import MODEL
from sonify.reporting.drawing.figure_b3_case import CASE_INCHES, draw_zeros_case, signal
from sonify.reporting.drawing.style import COLOURS, PANEL_INCHES, RC, interval_key, scale_mark
from sonify.runtime.errors import SonifyError

SHOWN_S = 0.02  # of the overlay: a few periods
SHOWN_LAYERS = 4
_MARKERS = "os^D"
_KINDS: dict[bool, dict[str, Any]] = {  # on the stride?
    True: {"ls": "-"},
    False: {"ls": (0, (3, 1.5)), "markerfacecolor": "white"},
}
_GREY = "#9A9A9A"
_KEY = {"frameon": False, "handlelength": 1.6, "columnspacing": 1.2, "borderaxespad": 0.1}


def figure_b3(
    invariance: pd.DataFrame,
    invariance_example: pd.DataFrame,
    invariance_case: pd.DataFrame,
    scale: str,
) -> Figure:
    """One case and the curve over delays, from contracts invariance and invariance_example; and the
    paper's own case, from contract invariance_case, if that has rows.

    Left, of the first model of the example: its input and sonification, and, where that has most
    energy, sonification and shifted-back one with their difference. Right, a panel per training
    run: the correlation of the two by delay, for layers spread over the network, mean over clips,
    with 95% t-intervals over seeds from three on (of two they would fill the panels). Delays by
    multiples of the layer's stride, which must come out exact up to rounding, and others are two
    curves, solid and dashed. Below, of the first model of the case: the cross-correlations of the
    input with the sonification, and with that of the input behind zeros. Raises SonifyError for an
    invariance or invariance_example without rows.
    """
    scale_label(scale)
    if invariance["correlation"].isna().all() or invariance_example.empty:
        raise SonifyError("an invariance table has no rows, so that Figure B.3 would be empty")
    widths = [PANEL_INCHES, max(PANEL_INCHES, 2.3 * invariance["run"].nunique())]
    with rc_context(RC):
        has_case = not invariance_case.empty
        figure = Figure(figsize=(sum(widths), 4.2 + CASE_INCHES * has_case), layout="constrained")
        above: Figure | SubFigure = figure
        if has_case:
            above, below = figure.subfigures(2, 1, height_ratios=[4.2, CASE_INCHES])
        left, right = above.subfigures(1, 2, width_ratios=widths)
        _draw_case(left, invariance_example, scale)
        _draw_curves(right, invariance, int(invariance_example["shift"].max()))
        if has_case:
            draw_zeros_case(below, invariance_case)
    return figure


def _draw_case(figure: SubFigure, example: pd.DataFrame, scale: str) -> None:
    case = example[example["model"] == example["model"].iloc[0]].set_index("signal")
    first = case.loc["returned"]
    x, s, back = (signal(case.loc[name]) for name in ("input", "sonification", "returned"))
    colour, time = COLOURS[first["regime"]], np.arange(len(x)) / RATE_HZ
    n = min(len(x), round(SHOWN_S * RATE_HZ))
    start = int(np.convolve(np.square(s), np.ones(n), "valid").argmax())
    near = slice(start, start + n)
    whole, overlay, rest = figure.subplots(3, 1, height_ratios=[1, 1.3, 0.8])
    whole.plot(time, x, color=_GREY, lw=0.5)
    whole.plot(time, s, color=colour, lw=0.5)
    whole.axvspan(time[near][0], time[near][-1], color="black", alpha=0.25, lw=0)
    whole.set_title(f"layer {first['layer']}, filter {first['filter']}", loc="left")
    whole.set_xlabel("time (s)")
    scale_mark(whole, scale)
    overlay.plot(1e3 * time[:n], x[near], color=_GREY, lw=1.2)
    overlay.plot(1e3 * time[:n], s[near], color=colour)
    overlay.plot(1e3 * time[:n], back[near], color="black", ls=(0, (2, 1.2)), lw=1.2)
    overlay.set_ylabel("amplitude")
    overlay.tick_params(labelbottom=False)
    rest.plot(1e3 * time[:n], (s - back)[near], color="black", lw=0.9)
    rest.set_ylim(overlay.get_ylim())
    rest.set_ylabel("difference")
    rest.set_xlabel(f"time from {time[start]:.2f} s on (ms)")
    for axes in (whole, overlay, rest):
        axes.margins(x=0)
    figure.align_ylabels()
    keys = [
        Line2D([], [], color=_GREY, label="input"),
        Line2D([], [], color=colour, label="sonification"),
        Line2D(
            [], [], color="black", ls=(0, (2, 1.2)), label=f"of +{first['shift']}, shifted back"
        ),
    ]
    figure.legend(handles=keys, loc="outside upper center", ncols=3, **_KEY)


def _draw_curves(figure: SubFigure, invariance: pd.DataFrame, shown: int) -> None:
    measured = invariance.dropna(subset="correlation")
    by = [*MODEL, "layer", "shift", "on_stride"]
    values = measured.groupby([*by, "seed"], as_index=False)["correlation"].mean()
    curves = t_intervals(values, by, "correlation")
    every = np.unique(curves["layer"])
    layers = every[np.unique(np.linspace(0, len(every) - 1, SHOWN_LAYERS).round().astype(int))]
    looks = [
        {"color": colormaps["viridis"](0.85 * i / max(1, len(layers) - 1)), "marker": marker}
        for i, marker in enumerate(_MARKERS[: len(layers)])
    ]
    labels = distinct_labels(curves)
    runs = curves.groupby("run", sort=False)
    panels = figure.subplots(1, len(runs), sharey=True, squeeze=False)[0]
    for axes, (run, curve) in zip(panels, runs, strict=True):
        own = values[values["run"] == run]
        for layer, look in zip(layers, looks, strict=True):
            _draw_layer(axes, curve[curve["layer"] == layer], own[own["layer"] == layer], look)
        on_stride = measured[(measured["run"] == run) & measured["on_stride"]]
        _delay_axis(axes, shown, on_stride["sdr_db"].min())
        axes.set_title(labels[run], loc="left")
    panels[0].set_ylabel(f"correlation, {measured_on(invariance)}")
    panels[0].set_ylim(min(0.0, values["correlation"].min() - 0.05), 1.04)
    grey = {"color": "#404040", "marker": "o", "lw": 1}
    keys = [
        *(Line2D([], [], label=f"layer {n}", **k) for n, k in zip(layers, looks, strict=True)),
        Line2D([], [], label="multiples of the layer's stride", **_KINDS[True], **grey),
        Line2D([], [], label="other delays", **_KINDS[False], **grey),
        interval_key(curves) if curves["n"].max() > 2 else _dots_key(curves),
    ]
    columns = min(4, len(panels) + 1)
    shown_keys = [key for key in keys if key is not None]
    figure.legend(handles=shown_keys, loc="outside upper center", ncols=columns, **_KEY)


def _delay_axis(axes: Axes, shown: int, least_sdr_db: float) -> None:
    """Powers of two and the shift shown; `least_sdr_db` on the stride, NaN if nothing was."""
    axes.axvline(shown, color=_GREY, ls=":", lw=1.2)
    axes.set_xscale("log", base=2)
    powers = [4**i for i in range(9) if not shown / 4 < 4**i < 4 * shown]
    axes.xaxis.set_major_locator(FixedLocator([*powers, shown]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(ScalarFormatter())
    axes.tick_params(axis="x", rotation=60)
    exact = "equal" if np.isposinf(least_sdr_db) else f"SDR ≥ {least_sdr_db:.0f} dB"
    on_stride = "" if np.isnan(least_sdr_db) else f"\nsolid lines: {exact}"
    axes.set_xlabel(f"delay (samples){on_stride}")


def _draw_layer(axes: Axes, curve: pd.DataFrame, runs: pd.DataFrame, look: dict) -> None:
    """Two curves, on the stride and off it: between them a line would mean nothing."""
    for on_stride, kind in _KINDS.items():
        own = curve[curve["on_stride"] == on_stride]
        axes.plot(own["shift"], own["mean"], **look, **kind, lw=1, clip_on=False)
        if own["n"].max() > 2:
            low, high = own["mean"] - own["ci95"], np.minimum(own["mean"] + own["ci95"], 1)
            axes.fill_between(own["shift"], low, high, color=look["color"], alpha=0.08, lw=0)
    if curve["ci95"].notna().any():
        axes.plot(runs["shift"], runs["correlation"], ls="", marker=".", ms=3, color=look["color"])


def _dots_key(curves: pd.DataFrame) -> Line2D | None:
    """The legend's entry of two runs, whose bands would hide every curve; None for a single run."""
    n = int(curves["n"].max())
    look = {"color": "#404040", "ls": "", "marker": ".", "ms": 3}
    return Line2D([], [], label=f"{n} runs", **look) if n > 1 else None
