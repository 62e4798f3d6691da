import itertools
from functools import cache

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from sonify.contracts import tables
from sonify.reporting.drawing.figure_5 import CHECKPOINTS, ROWS, figure_5
from sonify.reporting.drawing.style import image
from sonify.reporting.spectrogram import RANGE_DB, decibels

N = 4_000
LABELS = ["Male speech, man speaking", "Inside, small room", "Vehicle horn, car horn, honking"]


@cache
def evolution(
    layers=(2, 5, 8, 10), filters=3, epochs=range(9), models=("supervised", "contrastive")
):
    """Filter f of layer l is a tone at 100 (l + f) Hz, more and more below its loud first half;
    filters of layer 10 are dead at the first two checkpoints."""
    time, rows = np.arange(N) / 8_000, []
    for regime, layer, index, epoch, inputs in itertools.product(
        models, layers, range(filters), epochs, ("fixed", "own")
    ):
        dead = layer == 10 and epoch in list(epochs)[:2]
        tone = np.sin(2 * np.pi * 100 * (layer + index) * time)
        tone *= np.where(time < 0.25, 1, 0.5**epoch)
        rows.append(
            {
                "dataset": "audioset", "split": "eval", "clip_id": "a", "labels": LABELS,
                "model": f"{regime}-s1", "run": regime, "regime": regime, "finetune": "none",
                "architecture": "CNN12", "seed": 1, "inputs": inputs, "layer": layer,
                "filter": index, "epoch": epoch, "activation": 0.0 if dead else 1.0, "dead": dead,
                "change": None if epoch == 0 else 0.1, "scale_factor": 0.0 if dead else 1.0,
                "flatness": None if dead else 0.1,
                "peak": 0.0 if dead else 0.5, "n_samples": N,
                "pcm": np.rint((0 if dead else 32767) * tone).astype("<i2").tobytes(),
                "input_pcm": np.rint(32767 * tone).astype("<i2").tobytes()
                if inputs == "fixed" else None,
            }
        )  # fmt: skip
    return tables.checked(pd.DataFrame(rows), "evolution").to_pandas()


def panels(figure):
    return [axes for axes in figure.axes if axes.images]


def captions(figure):
    return [axes.get_ylabel().split("\n")[:2] for axes in panels(figure) if axes.get_ylabel()]


def test_rows_take_turns_over_layers_and_columns_span_training():
    figure = figure_5(evolution(), "mini")
    assert len(panels(figure)) == ROWS * (1 + CHECKPOINTS)
    rows = [("2", "0"), ("2", "1"), ("5", "0"), ("5", "1"), ("8", "0"), ("10", "0")]
    assert captions(figure) == [[f"layer {layer}", f"filter {f}, 0.5 s"] for layer, f in rows]
    titles = [axes.get_title() for axes in panels(figure)[: 1 + CHECKPOINTS]]
    assert titles == ["input", "epoch 0", "2", "3", "5", "6", "8"]
    assert "contrastive, seed 1, AudioSet eval" in figure.get_suptitle()


def test_a_small_table_is_drawn_whole():
    figure = figure_5(evolution(layers=(3,), filters=2, epochs=(0, 4)), "paper")
    assert len(panels(figure)) == 2 * 3 and "miniature" not in figure.get_suptitle()
    alone = figure_5(evolution(layers=(3,), filters=1, epochs=(4,), models=("supervised",)), "mini")
    assert len(panels(alone)) == 2 and "supervised, seed 1" in alone.get_suptitle()
    assert "miniature" in alone.get_suptitle()


def test_panels_show_the_signals_on_the_scale_of_their_row():
    table = evolution(layers=(3,), filters=1, epochs=(0, 4))
    shown = [axes.images[0].get_array() for axes in panels(figure_5(table, "mini"))]
    rows = table[(table["inputs"] == "fixed") & (table["regime"] == "contrastive")]
    sounds = [np.frombuffer(rows["input_pcm"].iloc[0], "<i2") / 32767]
    sounds += [np.frombuffer(pcm, "<i2") / 32767 * 0.5 for pcm in rows["pcm"]]
    for image_, expected in zip(shown, decibels(sounds), strict=True):
        np.testing.assert_allclose(image_, expected, atol=1e-6)
    assert shown[0].max() == 0 and shown[1].max() == pytest.approx(-6, abs=0.1)


def test_dead_units_are_marked_and_dark():
    figure = figure_5(evolution(), "mini")
    marked = [axes for axes in panels(figure) if any(t.get_text() == "dead" for t in axes.texts)]
    assert marked == [panels(figure)[-CHECKPOINTS]]  # of those shown, only epoch 0 of layer 10
    assert (marked[0].images[0].get_array() == -RANGE_DB).all()


@pytest.mark.parametrize("epochs", [(0, 4), range(9)])
def test_no_text_overlaps_and_none_is_small(epochs):
    figure = figure_5(evolution(epochs=epochs), "mini")
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    renderer = canvas.get_renderer()
    found = [figure._suptitle]
    for axes in figure.axes:
        found += [axes.title, axes.yaxis.label, *axes.texts]
        if axes.yaxis.get_tick_params()["labelleft"] and axes.images:
            found += axes.get_yticklabels()
    boxes = [(t, t.get_window_extent(renderer)) for t in found if t.get_text()]
    for (one, a), (other, b) in itertools.combinations(boxes, 2):
        assert not a.overlaps(b), (one.get_text(), other.get_text())
    assert all(text.get_fontsize() >= 8 for text, _ in boxes)
    assert all(a.x0 >= 0 for _, a in boxes)
    assert figure.get_figwidth() <= 8


@pytest.mark.parametrize("kind", ["png", "svg"])
def test_same_table_same_bytes(kind):
    table = evolution(layers=(3, 10), filters=1, epochs=(0, 4))
    assert image(figure_5(table, "mini"), kind) == image(figure_5(table, "mini"), kind)


def test_an_empty_table_is_refused():
    with pytest.raises(ValueError, match="Figure 5 would be empty"):
        figure_5(evolution()[:0], "mini")
