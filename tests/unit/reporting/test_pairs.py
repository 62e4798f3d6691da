"""Figures 1 to 3: which pairs they show, that signals are theirs, and how they are drawn."""

import io
import itertools
import json
import runpy
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

from sonify.contracts import tables
from sonify.reporting.drawing.pairs import figure_1, figure_2, figure_3
from sonify.reporting.drawing.style import DPI, RC, image
from sonify.reporting.listening import samples
from sonify.reporting.pairs import pairs_table, select
from sonify.reporting.spectrogram import RANGE_DB, decibels

SCRIPTS = Path(__file__).resolve().parents[3] / "workflow" / "scripts"
MODELS = ["supervised-s0", "contrastive-s0"]
FIGURES = {
    "figure_1": {"models": MODELS, "layers": [1, 4], "per_layer": 1},
    "figure_2": {"models": MODELS[:1], "layers": [1], "per_layer": 3},
    "figure_3": {"models": MODELS[1:], "layers": [1, 4], "per_layer": 2},
}


def named(figure, layer, index, rank, model=MODELS[1]):
    return {"figure": figure, "model": model, "layer": layer, "filter": index, "rank": rank}


@pytest.fixture
def make_pairs(top, clips, sonifications):
    def make(chosen=(), figures=FIGURES):
        selected = select(top, figures, list(chosen))
        return tables.checked(pairs_table(selected, clips, sonifications), "pairs").to_pandas()

    return make


def places(pairs, figure):
    own = pairs[pairs["figure"] == figure]
    return {r.position: (r.model, r.layer, r.filter, r.rank) for r in own.itertuples()}


def test_the_rule_sets_regimes_side_by_side_and_layers_below_each_other(make_pairs):
    pairs = make_pairs()
    # Every supervised filter of layer 4 is dead: its place, the third, stays free.
    assert places(pairs, "figure_1") == {
        1: (MODELS[0], 1, 0, 1),
        2: (MODELS[1], 1, 0, 1),
        4: (MODELS[1], 4, 0, 2),  # its first clip stands at 2
    }
    assert [row[2] for row in places(pairs, "figure_2").values()] == [1, 2, 3]
    assert [row[1:] for row in places(pairs, "figure_3").values()] == [
        (1, 1, 3),
        (4, 2, 3),
        (1, 3, 3),
        (4, 1, 1),  # nothing new is left
    ]


def test_no_model_shows_a_clip_or_filter_twice_in_all_figures(make_pairs):
    pairs = make_pairs()
    assert not pairs.duplicated(["model", "layer", "filter"]).any()
    own = pairs[pairs["model"] == MODELS[1]]
    # Its filters have five clips, for as many places but one.
    assert own["clip_id"].nunique() == 5 and own["repeated"].tolist() == [*[False] * 5, True]
    own = pairs[pairs["model"] == MODELS[0]]
    assert own["clip_id"].is_unique and not own["repeated"].any()


def test_a_clip_is_said_to_be_shown_again(make_pairs, top, clips, sonifications):
    one = top.assign(clip_id="clip0")
    sounds = sonifications.assign(clip_id="clip0")
    selected = select(one, FIGURES, [])
    assert selected["repeated"].tolist() == [False, False, *[True] * (len(selected) - 2)]
    sounds["pcm"] = clips["pcm"].iloc[0]
    pairs = pairs_table(selected, clips, sounds)
    titles = [axes.get_title("left") for axes in panels(figure_1(pairs, "mini"))[::2]]
    assert titles[0].startswith("supervised, layer 1, filter 0, top clip 1\n<script>")
    assert titles[2].startswith(
        "contrastive, layer 4, filter 0, top clip 1\nclip as before: <script>"
    )


def test_pairs_chosen_by_name_are_shown_instead_in_their_order(make_pairs):
    pairs = make_pairs([named("figure_2", 4, 3, 2), named("figure_2", 1, 1, 3)])
    assert places(pairs, "figure_2") == {1: (MODELS[1], 4, 3, 2), 2: (MODELS[1], 1, 1, 3)}
    assert len(places(pairs, "figure_1")) == 3


def test_clips_and_filters_chosen_by_name_count_as_shown(make_pairs, top):
    first = top[(top["model"] == MODELS[1]) & (top["layer"] == 1) & (top["rank"] == 1)]
    assert first["clip_id"].iloc[0] == "clip0"
    pairs = make_pairs([named("figure_3", 1, 0, 1)])
    assert places(pairs, "figure_3") == {1: (MODELS[1], 1, 0, 1)}
    assert places(pairs, "figure_1")[2] == (MODELS[1], 1, 1, 2)


def test_signals_are_those_of_the_clip_and_of_its_sonification(make_pairs, clips):
    sounds = clips.set_index("clip_id")["pcm"]
    for row in make_pairs([named("figure_2", 4, 3, 2)]).itertuples():
        assert row.input_pcm == sounds[row.clip_id]
        np.testing.assert_allclose(samples(row.pcm, row.peak), samples(row.input_pcm, 1.0) / 2)


@pytest.mark.parametrize(
    ("chosen", "figures", "message"),
    [
        ([named("figure_9", 1, 0, 1)], FIGURES, "chosen pairs are for figure_9: choose from fig"),
        (
            [named("figure_2", 1, 77, 1)],
            FIGURES,
            "figure_2 does not exist: contrastive-s0, layer 1, filter 77, rank 1: name one",
        ),
        (
            [],
            {"figure_1": {"models": ["none-s0"], "layers": [1], "per_layer": 1}},
            "figure_1 shows layer 1 of none-s0, which has no top activations",
        ),
    ],
)
def test_what_cannot_be_shown_is_named(make_pairs, chosen, figures, message):
    with pytest.raises(ValueError, match=message):
        make_pairs(chosen, figures)


def panels(figure):
    return [axes for axes in figure.axes if axes.images]


def test_each_pair_is_drawn_at_its_place_on_one_scale(make_pairs):
    pairs = make_pairs()
    figure = figure_1(pairs, "mini")
    titles = [axes.get_title("left") for axes in panels(figure)[::2]]
    assert [title.partition(",")[0] for title in titles] == [
        "supervised",
        "contrastive",
        "contrastive",
    ]
    assert titles[2].startswith("contrastive, layer 4, filter 0, top clip ")
    left = [axes.get_position().x0 for axes in panels(figure)[::2]]
    assert left[1] == left[2] > left[0]  # the free place is at the left
    row = pairs[pairs["figure"] == "figure_1"].iloc[0]
    signals = samples(row["input_pcm"], 1.0), samples(row["pcm"], row["peak"])
    for axes, expected in zip(panels(figure)[:2], decibels(signals), strict=True):
        (drawn,) = axes.images
        np.testing.assert_array_equal(drawn.get_array(), expected)
        assert drawn.get_clim() == (-RANGE_DB, 0)
    assert panels(figure)[1].images[0].get_array().max() == pytest.approx(20 * np.log10(0.5))


def test_a_tone_is_drawn_at_its_frequency_and_time(make_pairs):
    axes = panels(figure_1(make_pairs(), "mini"))[0]
    low, high, bottom, top = axes.images[0].get_extent()
    assert (low, high) == (0, 0.5) and axes.get_ylim() == (0, 4)
    array = axes.images[0].get_array()  # of 200 Hz; rows from the top
    centre = top - (array.mean(axis=1).argmax() + 0.5) * (top - bottom) / len(array)
    assert centre == pytest.approx(0.2, abs=0.016)


@pytest.mark.parametrize("draw", [figure_1, figure_2, figure_3])
def test_no_text_overlaps_and_none_is_small(make_pairs, draw):
    pairs = make_pairs()
    pairs["labels"] = [["$" + "Wow, a wide one"] * 9] * len(pairs)
    figure = draw(pairs, "mini")
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    renderer, found = canvas.get_renderer(), [*figure.texts]
    for axes in panels(figure):
        found += [axes._left_title, *axes.texts]
        for axis in (axes.xaxis, axes.yaxis):
            low, high = axis.get_view_interval()
            found += [t.label1 for t in axis.get_major_ticks() if low <= t.get_loc() <= high]
    found = [t for t in found if t.get_text() and t.get_visible()]
    assert all(text.get_fontsize() >= 8 for text in found)
    boxes = [(t.get_text(), t.get_window_extent(renderer)) for t in found]
    for (one, a), (other, b) in itertools.combinations(boxes, 2):
        assert not a.overlaps(b), (one, other)
    width = figure.get_figwidth() * figure.dpi
    assert all(box.x0 >= 0 and box.x1 <= width for _, box in boxes)


def test_scale_and_emptiness_are_told(make_pairs):
    pairs = make_pairs()
    assert figure_2(pairs, "mini").get_suptitle() == "miniature"
    assert figure_2(pairs, "paper").get_suptitle() == ""
    dead = {"models": MODELS[:1], "layers": [4], "per_layer": 1}
    none = make_pairs(figures={"figure_3": dead})
    assert none.empty
    (text,) = figure_3(none, "paper").texts
    assert text.get_text() == "no filter of the layers shown is alive"
    with pytest.raises(ValueError, match="scale is 'huge'"):
        figure_1(pairs, "huge")


@pytest.mark.parametrize("kind", ["png", "svg"])
def test_same_pairs_same_bytes(make_pairs, kind):
    first, second = (image(figure_2(make_pairs(), "mini"), kind) for _ in range(2))
    assert first == second


def test_pngs_of_few_colours_look_alike_and_weigh_less_than_half(make_pairs):
    figure, full = figure_1(make_pairs(), "mini"), io.BytesIO()
    with rc_context(RC):
        figure.savefig(full, format="png", dpi=DPI, facecolor="white")
    small = image(figure, "png")
    assert len(small) < len(full.getvalue()) / 2
    with Image.open(io.BytesIO(small)) as few, Image.open(full) as many:
        assert few.mode == "P" and few.size == many.size
        assert few.info["dpi"] == pytest.approx((DPI, DPI), abs=0.1)
        small, full = (np.asarray(picture.convert("RGB"), int) for picture in (few, many))
    off = np.abs(small - full).max(axis=-1)
    assert off.mean() < 2 and (off > 16).mean() < 1e-3


def test_the_scripts(top, clips, sonifications, manifest, tmp_path, monkeypatch):
    def call(name, **options):
        words = [name]
        for option, value in options.items():
            words += [f"--{option}", *map(str, value if isinstance(value, list) else [value])]
        monkeypatch.setattr(sys, "argv", words)
        runpy.run_path(str(SCRIPTS / f"{name}.py"))

    data = tmp_path / "data/audioset-s0"
    tables.write(clips, data / "eval/part-00000.parquet", "clips")
    where = manifest.assign(corpus=data.name, part="eval/part-00000.parquet")
    tables.write(where, data / "manifest.parquet", "manifest")
    for model in MODELS:
        for frame, name in ((top, "top_activations"), (sonifications, "sonifications")):
            tables.write(frame[frame["model"] == model], tmp_path / model / f"{name}.parquet", name)
    settings = {"figures": FIGURES, "chosen": [named("figure_3", 4, 1, 3)]}
    call(
        "pairs",
        sonification=[tmp_path / model for model in MODELS],
        data=[data],
        settings=json.dumps(settings),
        threads=1,
        out=tmp_path / "pairs.parquet",
    )
    expected = pairs_table(select(top, **settings), clips, sonifications)
    pd.testing.assert_frame_equal(
        tables.read(tmp_path / "pairs.parquet", "pairs"),
        tables.checked(expected, "pairs").to_pandas(),
    )
    for figure in FIGURES:
        out = tmp_path / f"{figure}.png"
        scale = json.dumps({"scale": "mini"})
        call(figure, pairs=tmp_path / "pairs.parquet", settings=scale, threads=1, out=out)
        assert out.read_bytes().startswith(b"\x89PNG")
        assert "<svg" in out.with_suffix(".svg").read_text("utf-8")
