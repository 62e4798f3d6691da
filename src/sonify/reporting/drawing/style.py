"""The figures' common style: one hue and marker per regime, column width, stable bytes."""

import io
from typing import Any

import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator
from PIL import Image  # matplotlib writes its own PNG with it, so it is always there
from scipy.special import stdtrit  # quantile of Student's t

# Okabe and Ito's palette: told apart with any colour vision. The two hues are alike in grey, so
# that the marker carries the difference there.
COLOURS = {
    "supervised": "#D55E00",
    "contrastive": "#0072B2",
    "from scratch": "#595959",
    "max pooling": "#0072B2",
    "strided convolutions": "#E69F00",
}
MARKERS = {
    "supervised": "o",
    "contrastive": "s",
    "from scratch": "^",
    "max pooling": "s",
    "strided convolutions": "D",
}
PANEL_INCHES = 3.6
DPI = 200  # of PNGs
MOST_DOTS = 4e6  # of one; where that would be more, it has fewer to the inch
RC = {
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same letters on every machine
    "font.size": 8.5,
    "axes.titlesize": 9.0,
    "axes.labelsize": 9.0,
    "figure.labelsize": 9.0,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "legend.fontsize": 8.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "grid.color": "#DDDDDD",
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.5,
    "lines.markersize": 4.0,
    "svg.hashsalt": "sonify",
    "svg.fonttype": "path",
}


def image(figure: Figure, kind: str) -> bytes:
    """The figure as `png` (200 dots an inch, or MOST_DOTS; 256 colours) or `svg`; the same figure
    gives the same bytes.
    """
    width, height = figure.get_size_inches()
    dpi = min(DPI, int((MOST_DOTS / (width * height)) ** 0.5))
    metadata = {"png": {"Software": None}, "svg": {"Date": None, "Creator": None}}[kind]
    how = {"pil_kwargs": {"compress_level": 1}} if kind == "png" else {}  # it is written again
    buffer = io.BytesIO()
    with rc_context(RC):
        figure.savefig(buffer, format=kind, dpi=dpi, facecolor="white", metadata=metadata, **how)
    return _of_few_colours(buffer) if kind == "png" else buffer.getvalue()


def _of_few_colours(png: io.BytesIO) -> bytes:
    """The picture in 256 colours, which weighs less than half and looks the same.

    Median cuts keep the tints of bands and the steps of colour bars, which maximal coverage merges;
    one pixel in ten thousand, on the rim of a letter or line, is off by more than 16 levels of 255.
    """
    buffer = io.BytesIO()
    with Image.open(png) as picture:
        few = picture.convert("RGB").quantize(256, Image.Quantize.MEDIANCUT, kmeans=1)
        few.save(buffer, format="PNG", optimize=True, dpi=picture.info["dpi"])
    return buffer.getvalue()


def blank(panels: int, sharey: bool = True) -> tuple[Figure, list[Axes]]:
    """Panels side by side, on one vertical axis if `sharey`; call inside rc_context(RC)."""
    width = PANEL_INCHES * panels + (0.6 if panels == 1 else 0.2)
    figure = Figure(figsize=(width, 3.2), layout="constrained")
    axes = figure.subplots(1, panels, sharey=sharey, squeeze=False)[0]
    return figure, list(axes)


def grid(rows: int, columns: int) -> tuple[Figure, list[list[Axes]]]:
    """Small panels in rows, on the same axes, as wide as a page; call inside rc_context(RC)."""
    size = (2 * PANEL_INCHES + 0.2, 1.0 + 1.9 * rows)
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    return figure, axes.tolist()


def draw_curve(
    axes: Axes, curve: pd.DataFrame, runs: pd.DataFrame, look: str, label: str, **line: Any
) -> None:
    """One model's mean by layer (columns layer, mean, ci95), its runs, and a band of intervals.

    `look` picks hue and marker; `runs` has columns run, layer, value, of which those of the run
    called `label` are dotted in. A single run has no interval, hence no band. The band of two runs,
    often wider than the axes, is kept faint.
    """
    colour = COLOURS[look]
    line = {"color": colour, "marker": MARKERS[look], "label": label, "clip_on": False, **line}
    axes.plot(curve["layer"], curve["mean"], **line)
    if curve["ci95"].notna().any():
        low, high = curve["mean"] - curve["ci95"], curve["mean"] + curve["ci95"]
        shade = 0.16 if curve["n"].min() > 2 else 0.06
        axes.fill_between(curve["layer"], low, high, color=colour, alpha=shade, linewidth=0)
        for edge in (low, high):  # where bands overlap, only their edges tell them apart
            axes.plot(curve["layer"], edge, color=colour, alpha=0.5, linewidth=0.6, label="_edge")
    own = runs[(runs["run"] == label) & runs["layer"].isin(curve["layer"])]
    if own["seed"].nunique() > 1:
        dots = {"ls": "", "marker": ".", "ms": 3.0, "alpha": 0.7, "label": "_runs"}
        axes.plot(own["layer"], own["value"], color=colour, clip_on=False, **dots)


def layer_axis(axes: Axes, layers: pd.Series, most: int = 12) -> None:
    """Whole layer numbers, every one of them as long as there are no more than `most`."""
    axes.set_xlabel("layer")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=most, steps=[1, 2, 5, 10]))
    axes.set_xlim(layers.min() - 0.4, layers.max() + 0.4)


def unit_axis(axes: Axes, curves: pd.DataFrame) -> None:
    """From 0, or below the lowest mean, to just above all means and bands, and to 1 where that is
    near (measures in [0, 1], or in [-1, 1]).

    Bands of two or three runs, far wider than these lie apart, would leave the curves no room: of
    them the axes hold what the runs can reach at most. Bands of five and more they hold whole; one
    run far from all others may then stand above the axes, where it is drawn as well.
    """
    top = (curves["mean"] + within_reach(curves)).max()
    bottom = max(-1.0, min(0.0, 1.06 * curves["mean"].min()))
    high = 1.06 * top
    axes.set_ylim(bottom, high if 0 < high < 0.9 else 1.0)


def within_reach(curves: pd.DataFrame) -> pd.Series:
    """Half-widths of intervals, of few runs no more than one run can lie from their mean; 0 where
    there is none.
    """
    reach = curves["ci95"].astype(float).fillna(0)
    if "n" in curves:
        others = curves["n"].astype(float).sub(1).clip(lower=1)
        farthest = others / stdtrit(others, 0.975)  # a run from the mean, in half-widths
        reach *= farthest.clip(upper=1).fillna(1)
    return reach


def interval_key(curves: pd.DataFrame) -> Patch | None:
    """The legend entry of the bands, with the number of runs; None when there are no bands."""
    if not curves["ci95"].notna().any():
        return None
    runs = sorted({int(n) for n in curves["n"]})
    return Patch(
        facecolor="#808080",
        alpha=0.3,
        linewidth=0,
        label=f"95% interval of {' or '.join(map(str, runs))} runs (dots)",
    )


def legend(
    figure: Figure, handles: list[Line2D | Patch | None], columns: int | None = None
) -> None:
    """One legend above the panels, outside of the data; two or, in wide figures, all entries in a
    row, unless `columns` says how many.
    """
    shown = [h for h in handles if h is not None]
    columns = columns or (2 if figure.get_figwidth() < 6 else len(shown))
    figure.legend(
        handles=shown,
        loc="outside upper center",
        ncols=columns,
        frameon=False,
        handlelength=2.2,
        columnspacing=1.6,
        borderaxespad=0.1,
    )


def scale_mark(axes: Axes, scale: str) -> None:
    """The word "miniature" above the right end of the axes, so that no copied figure hides it."""
    if scale == "mini":
        axes.set_title("miniature", loc="right", style="italic", color="#595959")
