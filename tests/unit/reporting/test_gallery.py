"""The folder that the gallery is made of, read back without a browser."""

import base64
import io
import json
import re
import runpy
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import soundfile
from galleries import HOSTILE, LABELS, MODELS, tone, write_tables
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from sonify.contracts import tables
from sonify.reporting.gallery import chunks, inputs, pictures
from sonify.reporting.gallery.build import STATIC, build

SCRIPT = Path(__file__).resolve().parents[3] / "workflow" / "scripts" / "gallery.py"
LAYERS = {1: 3, 2: 5}


@pytest.fixture
def given_tables(tmp_path):
    return write_tables(tmp_path, LAYERS)


@pytest.fixture
def out(given_tables, tmp_path):
    build(**given_tables, out=tmp_path / "gallery")
    return tmp_path / "gallery"


def held(folder, key):
    """What the page is handed by a chunk: its key, its value."""
    text = (folder / f"{key}.js").read_text("ascii")
    named, value = re.fullmatch(r'Gallery\.put\(("(?:[^"\\]|\\.)*"),(.*)\);\n', text, re.S).groups()
    assert json.loads(named) == key
    return json.loads(value)


def decoded(text):
    samples, rate = soundfile.read(io.BytesIO(base64.b64decode(text)), dtype="int16")
    assert rate == 8000
    return samples


def rewrite(file, name, change):
    tables.write(change(tables.read(file, name)), file, name)


def test_every_filter_of_every_layer_is_there(out):
    catalogue = held(out / "data", "catalogue")
    assert [model["name"] for model in catalogue["models"]] == list(MODELS)
    for model in catalogue["models"]:
        assert model["layers"] == [[1, 3, 0], [2, 5, 1]]
        for layer, count in LAYERS.items():
            table = held(out / "data", f"models/{model['name']}/layer-{layer}")
            assert table["filter"] == list(range(count))
            assert table["dead"] == [False] * (count - 1) + [layer == 2]
            assert [len(column) for column in table.values()] == [count] * len(table)
            with Image.open(out / f"data/models/{model['name']}/layer-{layer}-0.webp") as sheet:
                size = sheet.size
            assert size == (pictures.COLUMNS * pictures.TILE_WIDTH, pictures.TILE_HEIGHT)
            for index in range(count):
                signals = held(out / "data", f"models/{model['name']}/{layer}/{index}")
                assert [s is None for s in signals] == [table["dead"][index]] * 3


def test_the_top_clips_of_a_filter(out):
    table = held(out / "data", "models/contrastive-s0/layer-2")
    labels = held(out / "data", "catalogue")["labels"]
    assert labels == sorted(label for own in LABELS for label in own)
    clip, own, activation, seconds, dead, alone = table["top"][3][1]
    assert alone is None, "specificity has not been measured of this model"
    assert held(out / "data", f"clips/{clip}")["id"] == "clip0"
    assert [labels[i] for i in own] == LABELS[0]
    assert (activation, seconds, dead) == (6.98, 0.2, False)
    assert table["coherence"][4] is None and table["coherence"][0] == 0.0


def test_how_specific_a_sonification_is(out, given_tables, tmp_path):
    table = held(out / "data", "models/supervised-s0/layer-2")
    assert table["top"][3][1][-1] == [0.8, 2, 0.4, 2, 5, 0.75, 0.625]
    assert table["top"][3][0][-1] == [0.9, 1, 0.4, 1, 5, None, None], "no stems"
    assert table["top"][4][0][-1][:2] == [None, None], "dead"
    build(**{**given_tables, "specificity": None}, out=tmp_path / "without")
    without = held(tmp_path / "without/data", "models/supervised-s0/layer-2")
    assert {take[-1] for takes in without["top"] for take in takes} == {None}


def test_flac_keeps_every_bit(out):
    sound, peak = held(out / "data", "models/supervised-s0/2/3")[1]
    assert peak == 0.5
    assert (decoded(sound) == tone(191, 0.5, fall=2)).all()
    clip = held(out / "data", "clips/1")
    assert clip["samples"] == 4000 and clip["set"] == "AudioSet eval"
    assert (decoded(clip["sound"]) == tone(600, 0.5)).all()
    assert clip["source_url"] == "javascript:alert(1)"  # the page makes no link of it


def test_a_clip_is_stored_once(out):
    assert len(list((out / "data/clips").iterdir())) == len(LABELS)


def test_opus_is_smaller_and_as_long(given_tables, out, tmp_path):
    given_tables["settings"]["audio"] = "opus"
    build(**given_tables, out=tmp_path / "small")
    small = held(tmp_path / "small/data", "models/supervised-s0/2/3")[1][0]
    assert decoded(small).shape == (4000,)
    assert (decoded(held(tmp_path / "small/data", "clips/1")["sound"]) == tone(600, 0.5)).all()
    noise = np.random.default_rng(0).integers(-9000, 9000, 8000).astype("<i2").tobytes()
    assert len(chunks.sound(noise, "opus")) < 0.4 * len(chunks.sound(noise, "flac"))


def test_evolution_by_checkpoint(out):
    catalogue = held(out / "data", "catalogue")["evolution"]
    assert [(one["model"], one["inputs"]) for one in catalogue] == [
        (model, inputs) for model in sorted(MODELS) for inputs in ("fixed", "own")
    ]
    steps = held(out / "data", "evolution/2")
    assert [step["epoch"] for step in steps] == [0, 1, 5]
    assert [step["change"] for step in steps] == [None, 0.5, 0.5]
    assert steps[0]["signal"] is None
    assert (decoded(steps[2]["signal"][0]) == tone(400, 0.5)).all()


def test_without_evolution(given_tables, tmp_path):
    rewrite(given_tables["evolution"], "evolution", lambda frame: frame[:0])
    build(**given_tables, out=tmp_path / "gallery")
    assert held(tmp_path / "gallery/data", "catalogue")["evolution"] == []


def test_the_page_needs_nothing_from_elsewhere(out):
    page = (out / "index.html").read_text("utf-8")
    named = re.findall(r'(?:src|href)="([^"]+)"', page)
    own = {name for name in named if not name.startswith(("../", "#", "data:"))}
    assert own == {file.name for file in STATIC.iterdir()} - {"index.html"}
    for file in STATIC.iterdir():
        assert (out / file.name).read_bytes() == file.read_bytes()
        assert not re.search(
            r"https?://(?!\\/)", file.read_text("utf-8").replace("https?:\\/\\/", "")
        )


@given(st.recursive(st.none() | st.text() | st.integers(), st.lists, max_leaves=5))
def test_no_text_ends_a_script(tmp_path_factory, value):
    folder = tmp_path_factory.mktemp("chunk")
    chunks.write(folder, "some/key", [HOSTILE, value])
    assert held(folder, "some/key") == [HOSTILE, value]
    text = (folder / "some/key.js").read_text("ascii")
    assert "<" not in text


def test_numbers_that_are_none():
    assert chunks.number(float("nan")) is None
    assert chunks.number(1234.56) == 1235.0
    with pytest.raises(ValueError, match="JSON"):
        chunks._json(float("inf"))


def test_a_tile_is_bright_where_the_tone_is():
    tile = pictures.tile(tone(1000, 1.0) / 32767)
    assert tile.shape == (pictures.TILE_HEIGHT, pictures.TILE_WIDTH)
    row = np.argmax(tile[:, 40])
    assert 4000 * (1 - (row + 0.5) / pictures.TILE_HEIGHT) == pytest.approx(1000, abs=63)
    assert tile.max() == 255 and np.median(tile) < 30
    assert not pictures.tile(np.zeros(99)).any()


def test_sheets_are_in_reading_order(tmp_path):
    levels = [3 * i for i in range(pictures.PER_SHEET + pictures.COLUMNS + 2)]
    size = (pictures.TILE_HEIGHT, pictures.TILE_WIDTH)
    pictures.write_sheets([np.full(size, v, np.uint8) for v in levels], tmp_path, "sheet")
    sheets = []
    for file in sorted(tmp_path.iterdir()):
        with Image.open(file) as picture:
            sheets.append(np.asarray(picture.convert("RGB")).astype(int))
    assert [len(sheet) / size[0] for sheet in sheets] == [pictures.PER_SHEET / pictures.COLUMNS, 2]
    for place, level in enumerate(levels):
        sheet, at = divmod(place, pictures.PER_SHEET)
        row, column = divmod(at, pictures.COLUMNS)
        middle = sheets[sheet][row * size[0] + size[0] // 2, column * size[1] + size[1] // 2]
        assert np.abs(middle - pictures.PALETTE[level]).max() < 12


def test_signals_stream(given_tables, monkeypatch):
    """No more rows are read ahead than a batch holds."""
    read = []
    whole = pq.ParquetFile.iter_batches

    def counted(*args):
        for batch in whole(*args):
            read.append(batch.num_rows)
            yield batch

    monkeypatch.setattr(pq.ParquetFile, "iter_batches", counted)
    monkeypatch.setattr(inputs, "_ROWS", 3)
    file = given_tables["sonification"][0] / "sonifications.parquet"
    seen = 0
    for (layer, _), rows in inputs.signals(file, "sonifications", ["layer", "filter"]):
        seen += len(rows)
        assert sum(read) <= seen + 3, layer
    assert seen == 3 * sum(LAYERS.values())


def test_threads_change_nothing(given_tables, out, tmp_path):
    build(**given_tables, out=tmp_path / "again", threads=3)
    files = sorted(f.relative_to(out) for f in out.rglob("*") if f.is_file())
    again = sorted(f.relative_to(tmp_path / "again") for f in (tmp_path / "again").rglob("*.*"))
    assert files == again
    for file in files:
        assert (out / file).read_bytes() == (tmp_path / "again" / file).read_bytes()


def test_what_an_earlier_gallery_left_is_gone(given_tables, out):
    given_tables["settings"]["models"] = ["contrastive-s0"]
    build(**given_tables, out=out)
    assert [f.name for f in (out / "data/models").iterdir()] == ["contrastive-s0"]


def broken(given_tables, tmp_path, words):
    with pytest.raises(ValueError, match=words):
        build(**given_tables, out=tmp_path / "gallery")


def test_a_model_without_folder(given_tables, tmp_path):
    given_tables["settings"]["models"] = ["lost-s0"]
    broken(given_tables, tmp_path, "model lost-s0 has no folder")


def test_an_unknown_codec(given_tables, tmp_path):
    given_tables["settings"]["audio"] = "mp3"
    broken(given_tables, tmp_path, "audio is 'mp3': it must be one of flac, opus")


def test_a_filter_that_nobody_described(given_tables, tmp_path):
    rewrite(given_tables["filters"], "filters", lambda frame: frame[1:])
    broken(given_tables, tmp_path, r"filters\.parquet: it must have each filter")


def test_a_clip_in_no_manifest(given_tables, tmp_path):
    file = given_tables["data"][0] / "manifest.parquet"
    rewrite(file, "manifest", lambda frame: frame[frame["clip_id"] != "clip2"])
    broken(given_tables, tmp_path, "clip audioset/eval/clip2 is in no manifest")


def test_a_clip_without_sound(given_tables, tmp_path):
    (given_tables["data"][0] / "eval/part-00001.parquet").unlink()
    broken(given_tables, tmp_path, "clip audioset/eval/clip2 has no sound")


def test_a_clip_of_another_length(given_tables, tmp_path):
    file = given_tables["data"][0] / "manifest.parquet"
    rewrite(file, "manifest", lambda frame: frame.assign(n_samples=3999))
    words = "4000 samples of clip audioset/eval/clip0 were mined, the manifest says 3999"
    broken(given_tables, tmp_path, words)


def test_models_mined_with_different_crops(given_tables, tmp_path):
    file = given_tables["sonification"][0] / "top_activations.parquet"
    rewrite(file, "top_activations", lambda frame: frame.assign(n_samples=3000))
    broken(given_tables, tmp_path, "clip clip0 was mined in two lengths: mine all models again")


def test_inputs_are_what_was_mined_of_them(given_tables, out):
    """Stored clips are longer by 300 samples before and 301 behind."""

    def longer(frame):
        pcm = [bytes(600) + samples + b"\x01\x00" * 301 for samples in frame["pcm"]]
        return frame.assign(n_samples=4601, pcm=pcm)

    for file in sorted((given_tables["data"][0] / "eval").glob("part-*.parquet")):
        rewrite(file, "clips", longer)
    file = given_tables["data"][0] / "manifest.parquet"
    rewrite(file, "manifest", lambda frame: frame.assign(n_samples=4601))
    build(**given_tables, out=out)
    clip = held(out / "data", "clips/1")
    assert clip["samples"] == 4000 and (decoded(clip["sound"]) == tone(600, 0.5)).all()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda frame: frame[:-3], "lacks filters of top_activations"),
        (lambda frame: frame[1:], "is not of the clips in top_activations"),
    ],
)
def test_sonifications_that_do_not_fit(given_tables, tmp_path, change, words):
    file = given_tables["sonification"][0] / "sonifications.parquet"
    rewrite(file, "sonifications", change)
    broken(given_tables, tmp_path, words)


def test_a_table_out_of_order(given_tables, tmp_path):
    file = given_tables["sonification"][0] / "sonifications.parquet"
    parts = tables.read(file, "sonifications")
    tables.write_parts([parts[3:6], parts[:3]], file, "sonifications")
    broken(given_tables, tmp_path, r"sonifications\.parquet: \(1, 0\) comes after \(1, 1\)")


def test_a_broken_table_is_named(given_tables, tmp_path):
    file = given_tables["sonification"][0] / "sonifications.parquet"
    file.write_bytes(b"no table")
    broken(given_tables, tmp_path, r"sonifications\.parquet: .* delete it and rerun")


def test_labels_of_clips_without_any(given_tables, tmp_path):
    file = given_tables["data"][0] / "manifest.parquet"
    rewrite(file, "manifest", lambda f: f.assign(labels=pd.Series([[]] * len(f))))
    build(**given_tables, out=tmp_path / "gallery")
    assert held(tmp_path / "gallery/data", "catalogue")["labels"] == []


def test_the_script(given_tables, tmp_path, monkeypatch):
    words = [sys.executable, "--settings", json.dumps(given_tables.pop("settings"))]
    for many in ("sonification", "data"):
        words += [f"--{many}", *map(str, given_tables.pop(many))]
    words += [word for name, path in given_tables.items() for word in (f"--{name}", str(path))]
    monkeypatch.setattr(sys, "argv", [*words, "--threads", "2", "--out", str(tmp_path / "gallery")])
    runpy.run_path(str(SCRIPT))
    assert held(tmp_path / "gallery/data", "catalogue")["scale"] == "miniature: tones"
    given_tables["filters"].write_bytes(b"no table")
    with pytest.raises(SystemExit, match=r"^error: .*filters\.parquet: .*rerun the stage"):
        runpy.run_path(str(SCRIPT))
