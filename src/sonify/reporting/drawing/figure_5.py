"""Figure 5: how features evolve over training, some filters at some checkpoints."""

import textwrap

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from sonify.contracts.audio_format import RATE_HZ
from sonify.data.audio.pcm import decode
from sonify.paper.labels import clips_label, encoder_label, scale_label
from sonify.reporting.drawing.style import RC
from sonify.reporting.spectrogram import RANGE_DB, STEPS, decibels
from sonify.runtime.errors import SonifyError

ROWS, CHECKPOINTS = 6, 6
_CAPTION = 17  # letters of a line beside a row


def figure_5(evolution: pd.DataFrame, scale: str) -> Figure:
    """Log-magnitude spectrograms of filters (rows) at checkpoints (columns), the input first, from
    contract evolution: sonifications of the fixed inputs. Dead units are marked.

    Of the table's first model, contrastive ones before others. At most ROWS filters: the first of
    each layer, then the second of each, and so on, as drawn at random. At most CHECKPOINTS
    checkpoints: first, last and evenly spaced between. A row has one scale of RANGE_DB below the
    loudest in it. Raises SonifyError without rows.
    """
    scale_label(scale)
    fixed = evolution[evolution["inputs"] == "fixed"].sort_values(["regime", "model"])
    if fixed.empty:
        raise SonifyError("the evolution table has no rows, so that Figure 5 would be empty")
    model = fixed[fixed["model"] == fixed["model"].iloc[0]]
    filters, epochs = _filters(model), _epochs(model)
    with rc_context({**RC, "axes.grid": False}):
        size = (1.2 + 0.95 * (1 + len(epochs)), 0.75 + 0.8 * len(filters))
        figure = Figure(figsize=size, layout="constrained")
        panels = figure.subplots(len(filters), 1 + len(epochs), squeeze=False, sharey=True)
        for row, (layer, index) in zip(panels, filters, strict=True):
            at = model[(model["layer"] == layer) & (model["filter"] == index)]
            drawn = _draw_filter(row, at.set_index("epoch").loc[epochs])
        for axes, title in zip(panels[0], ["input", *map(str, epochs)], strict=True):
            axes.set_title(title)
        panels[0, 1].set_title(f"epoch {epochs[0]}")
        first = model.iloc[0]
        about = [encoder_label(first["regime"], first["finetune"]), f"seed {first['seed']}"]
        about += [clips_label(first["dataset"], first["split"]), scale_label(scale)]
        figure.suptitle(", ".join(about), x=0.01, ha="left", fontsize=9)
        bar = figure.colorbar(drawn, ax=panels[:, -1], aspect=40, pad=0.04)
        bar.set_label("dB, 0 is the loudest in the row")
    return figure


def _filters(model: pd.DataFrame) -> list[tuple[int, int]]:
    """Layer and filter of each row, by layer: turn by turn one of each layer, as long as it has."""
    known = model[["layer", "filter"]].drop_duplicates().sort_values(["layer", "filter"])
    turns = known.assign(turn=known.groupby("layer").cumcount()).sort_values(["turn", "layer"])
    chosen = turns[:ROWS].sort_values(["layer", "filter"])
    return list(chosen[["layer", "filter"]].itertuples(index=False, name=None))


def _epochs(model: pd.DataFrame) -> list[int]:
    every = np.unique(model["epoch"])
    spaced = np.linspace(0, len(every) - 1, min(CHECKPOINTS, len(every))).round().astype(int)
    return every[spaced].tolist()


def _draw_filter(row: np.ndarray, at: pd.DataFrame) -> AxesImage:
    """One filter: its input, then its sonifications, one a row of `at`; the last image drawn."""
    first = at.iloc[0]
    sounds = [decode(first["input_pcm"], np.float64)]
    sounds += [
        decode(pcm, np.float64) * peak for pcm, peak in zip(at["pcm"], at["peak"], strict=True)
    ]
    seconds = first["n_samples"] / RATE_HZ
    for axes, levels, dead in zip(row, decibels(sounds), [False, *at["dead"]], strict=True):
        drawn = axes.imshow(
            levels,
            extent=(0, seconds, 0, RATE_HZ / 2000),
            aspect="auto",
            cmap=STEPS,
            interpolation_stage="data",  # no colours but those of the bar
            vmin=-RANGE_DB,
            vmax=0,
        )
        axes.set_xticks([])
        axes.set_yticks([0, 2, 4], ["0", "2", "4 kHz"])
        axes.tick_params(length=2, labelleft=axes is row[0])
        if dead:
            centre = {"transform": axes.transAxes, "ha": "center", "va": "center"}
            axes.text(0.5, 0.5, "dead", color="white", **centre)
    labels = "; ".join(first["labels"])  # one label may have commas
    lines = textwrap.wrap(labels, _CAPTION, max_lines=2, placeholder=" …")
    caption = [f"layer {first['layer']}", f"filter {first['filter']}, {seconds:.1f} s", *lines]
    row[0].set_ylabel("\n".join(caption), rotation=0, ha="right", va="center", fontsize=8)
    return drawn
