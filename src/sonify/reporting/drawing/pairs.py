"""Figures 1 to 3: inputs and sonifications side by side, as log-scaled spectrograms."""

import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.ticker import MaxNLocator, MultipleLocator

from sonify.contracts.audio_format import RATE_HZ
from sonify.paper.labels import encoder_label, scale_label
from sonify.reporting.drawing.style import PANEL_INCHES, RC
from sonify.reporting.listening import samples
from sonify.reporting.spectrogram import HEIGHT, RANGE_DB, STEPS, decibels

_COLUMNS = 2  # pairs in a row: Figure 1 has a regime in each
_LETTERS = 42  # of the labels, which fit above a pair
_WORDS = ("input", "sonification")
_BIN_KHZ = RATE_HZ / 2000 / HEIGHT


def figure_1(pairs: pd.DataFrame, scale: str) -> Figure:
    """The two regimes beside each other, layer by layer: see `_drawn`."""
    return _drawn(pairs, "figure_1", scale)


def figure_2(pairs: pd.DataFrame, scale: str) -> Figure:
    """Pairs of the middle layers of the supervised encoder: see `_drawn`."""
    return _drawn(pairs, "figure_2", scale)


def figure_3(pairs: pd.DataFrame, scale: str) -> Figure:
    """Pairs of deep layers of the contrastive encoder: see `_drawn`."""
    return _drawn(pairs, "figure_3", scale)


def _drawn(pairs: pd.DataFrame, name: str, scale: str) -> Figure:
    """The pairs of one figure, from rows of contract pairs, each at its position.

    Both of a pair share axes (s and kHz, both linear) and a scale of magnitude in dB below the
    louder of the two: this is what is logarithmic. Without a pair the figure says so.
    """
    scale_label(scale)
    rows = pairs[pairs["figure"] == name]
    n_rows = -(-int(rows["position"].max()) // _COLUMNS) if len(rows) else 1
    with rc_context(RC):
        figure = Figure(figsize=(2 * PANEL_INCHES + 0.2, 0.5 + 1.5 * n_rows), layout="constrained")
        axes = figure.subplots(n_rows, 2 * _COLUMNS, squeeze=False)
        for panel in axes.flat:
            panel.set_axis_off()
        cells = axes.reshape(-1, 2)
        for row in rows.itertuples():
            left, right = cells[row.position - 1]
            drawn = _draw_pair(left, right, row)
        if rows.empty:
            figure.text(0.5, 0.5, "no filter of the layers shown is alive", ha="center")
        else:
            figure.supxlabel("time (s)", size=9)
            figure.supylabel("frequency (kHz)", size=9)
            label = "magnitude (dB)\n0: the louder of a pair"
            figure.colorbar(drawn, ax=axes, aspect=20 * n_rows, pad=0.015, label=label)
        if scale == "mini":
            figure.suptitle("miniature", x=0.99, ha="right", size=9, style="italic", c="#595959")
    return figure


def _draw_pair(left: Axes, right: Axes, row) -> AxesImage:
    """Draw input and sonification, captioned with the clip's labels and the filter."""
    signals = samples(row.input_pcm, 1.0), samples(row.pcm, row.peak)
    extent = (0, row.n_samples / RATE_HZ, 0.5 * _BIN_KHZ, (HEIGHT + 0.5) * _BIN_KHZ)
    look = {"vmin": -RANGE_DB, "vmax": 0, "extent": extent, "aspect": "auto"}
    look |= {"cmap": STEPS, "interpolation": "nearest"}
    for axes, signal, word in zip((left, right), decibels(signals), _WORDS, strict=True):
        axes.set_axis_on()
        axes.grid(False)
        drawn = axes.imshow(signal, **look)
        axes.set_ylim(0, RATE_HZ / 2000)
        axes.yaxis.set_major_locator(MultipleLocator(1))
        axes.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
        box = {"facecolor": "black", "alpha": 0.6, "linewidth": 0, "pad": 1.5}
        place = {"x": 0.03, "y": 0.95, "va": "top", "transform": axes.transAxes}
        axes.text(s=word, color="white", size=8, bbox=box, **place)
    right.tick_params(labelleft=False)
    labels = "; ".join(row.labels)  # one label may have commas
    labels = f"clip as before: {labels}" if row.repeated else labels
    labels = labels if len(labels) <= _LETTERS else f"{labels[: _LETTERS - 1]}…"
    regime = encoder_label(row.regime, row.finetune)
    heard = f"layer {row.layer}, filter {row.filter}, top clip {row.rank}"
    caption = f"{regime}, {heard}\n{labels}"
    left.set_title(caption, loc="left", size=8.5, parse_math=False)  # a label may hold a $
    return drawn
