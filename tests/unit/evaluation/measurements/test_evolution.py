"""Filters at every kept checkpoint, against loops over clips, checkpoints and filters."""

import json
import runpy
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from oracles import (
    before_pooling,
    literal_sonification,
    spectral_shape_by_welch,
)
from scipy.signal import welch

from sonify.contracts import tables
from sonify.data.mined import mined as cut_clips
from sonify.evaluation.measurements.evolution import (
    evolution_table,
    power_spectrum,
    spectral_change,
)
from sonify.models import checkpoint
from sonify.models.checkpoint import ModelCard, build
from sonify.models.cnn import Architecture
from sonify.sonification.deconvnet.sonifier import Sonifier
from sonify.sonification.mining.top_activations import TopActivations, observe

EPOCHS = [0, 3, 6]
LENGTHS = [2_500, 2_500, 2_370, 2_500, 2_370, 3_000]
ASKED = {"layers": [2, 6], "filters_per_layer": 2}
SCRIPT = Path(__file__).resolve().parents[4] / "workflow" / "scripts" / "evolution.py"
CARD = ModelCard(
    run="contrastive",
    seed=1,
    dataset="audioset",
    regime="contrastive",
    finetune="none",
    architecture=Architecture(width=1 / 16),
    architecture_name="CNN12",
    head="projection",
    outputs=512,
)


@pytest.fixture
def clips(make_clips):
    return make_clips(LENGTHS)


@pytest.fixture
def models():
    """The checkpoints: three models that have nothing to do with each other."""
    return {epoch: build(CARD).eval() for epoch in EPOCHS}


def mined(model, clips, card=CARD):
    miner = TopActivations(card.architecture.filters)
    for i, clip in enumerate(clips.ids):
        observe(miner, Sonifier(model), torch.from_numpy(clips.waveform(i))[None], [clip])
    keys = {"dataset": clips.dataset, "split": "eval", **card.keys, "time_s": 0.0}
    keys["n_samples"] = 1  # not read: clips come as they were mined
    return tables.checked(miner.table().assign(**keys), "top_activations").to_pandas()


def evolved(models, clips, top=None, epochs=EPOCHS, parts=None, **asked):
    found = evolution_table(
        lambda epoch: (models[epoch], CARD),
        epochs,
        mined(models[EPOCHS[-1]], clips) if top is None else top,
        parts or (lambda: iter([clips])),
        max_samples=5_000,
        **(ASKED | asked),
    )
    return tables.checked(found, "evolution").to_pandas()


def test_it_equals_the_loops(models, clips):
    found = evolved(models, clips)
    assert len(found) == 2 * 4 * len(EPOCHS)
    waveforms = {clip: torch.from_numpy(clips.waveform(i)) for i, clip in enumerate(clips.ids)}
    maps = {
        (epoch, clip): before_pooling(model.encoder.trunk, x[None])
        for epoch, model in models.items()
        for clip, x in waveforms.items()
    }

    def of(epoch, clip, row):
        return maps[epoch, clip][row.layer][0, row.filter]

    for row in found.itertuples():
        at = EPOCHS[-1] if row.inputs == "fixed" else row.epoch
        best = max(clips.ids, key=lambda clip: of(at, clip, row).mean().item())
        assert row.clip_id == best
        largest = of(row.epoch, best, row).max().item()
        assert row.activation == pytest.approx(largest, rel=1e-4)
        trunk = models[row.epoch].encoder.trunk
        expected = literal_sonification(trunk, waveforms[best], row.layer, row.filter)
        stored = np.frombuffer(row.pcm, "<i2") / 32767 * row.peak
        np.testing.assert_allclose(stored, expected.detach().numpy().ravel(), atol=1e-3)
        i = clips.ids.index(best)
        assert list(row.labels) == [clips.classes[c] for c in np.flatnonzero(clips.targets[i])]
        assert row.input_pcm == (clips.pcm(i).tobytes() if row.inputs == "fixed" else None)


def test_change_is_between_neighbouring_checkpoints(models, clips):
    found = evolved(models, clips)
    sounding = 0
    for _, rows in found.groupby(["inputs", "layer", "filter"]):
        rows = rows.sort_values("epoch")
        p = [welch(np.frombuffer(pcm, "<i2") / 32767, nperseg=256)[1] for pcm in rows["pcm"]]
        assert np.isnan(rows["change"].iloc[0])
        for before, after, change in zip(p[:-1], p[1:], rows["change"][1:], strict=True):
            if before.any() and after.any():
                moved = 0.5 * np.abs(before / before.sum() - after / after.sum()).sum()
                assert change == pytest.approx(moved, abs=1e-4)
                sounding += 1
    assert sounding > 8  # of 16


def test_flatness_is_that_of_the_stored_sonification(models, clips):
    with torch.no_grad():
        models[3].encoder.trunk.conv6.bias.fill_(-1e6)
    found = evolved(models, clips)
    silent = (found["epoch"] == 3) & (found["layer"] == 6)
    assert found.loc[silent, "flatness"].isna().all() and silent.any()
    for row in found[~silent & (found["peak"] > 0)].itertuples():
        s = np.frombuffer(row.pcm, "<i2") / 32767 * row.peak
        assert row.flatness == pytest.approx(
            spectral_shape_by_welch(s, 256)[0], rel=1e-6, nan_ok=True
        )


def test_it_does_not_depend_on_how_clips_are_stored(models, clips):
    def parts():
        for i in reversed(range(len(clips))):
            yield replace(
                clips,
                ids=[clips.ids[i]],
                splits=["eval"],
                targets=clips.targets[[i]],
                lengths=clips.lengths[[i]],
                offsets=clips.offsets[[i]],
            )

    whole, pieces = evolved(models, clips), evolved(models, clips, parts=parts)
    sounds = ["pcm", "labels"]
    left, right = whole.drop(columns=sounds), pieces.drop(columns=sounds)
    pd.testing.assert_frame_equal(left, right, rtol=1e-3, atol=1e-5)


def test_dead_filters_are_silence(models, clips):
    with torch.no_grad():
        models[3].encoder.trunk.conv6.bias.fill_(-1e6)
    found = evolved(models, clips)
    dead = (found["epoch"] == 3) & (found["layer"] == 6)
    assert (found["dead"] == dead).all()
    silent = found[dead]
    assert (silent["peak"] == 0).all() and (silent["activation"] == 0).all()
    assert not any(np.frombuffer(pcm, "<i2").any() for pcm in silent["pcm"])
    assert (silent["change"] == 1).all()
    assert (found.loc[(found["epoch"] == 6) & (found["layer"] == 6), "change"] == 1).all()
    own = silent.loc[silent["inputs"] == "own", "clip_id"]
    assert (own == min(clips.ids)).all()


def test_filters_are_drawn_by_run_and_seed(models, clips):
    def drawn(card):
        found = evolution_table(
            lambda epoch: (models[6], card),
            [6],
            mined(models[6], clips, card),
            lambda: iter([clips]),
            layers=[8],
            filters_per_layer=5,
            max_samples=5_000,
        )
        assert found["change"].isna().all()
        return sorted(set(found["filter"]))

    assert drawn(CARD) == drawn(CARD) != drawn(replace(CARD, seed=2))
    assert len(drawn(CARD)) == 5


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"epochs": []}, "keeps no checkpoints: set checkpoints in its recipe"),
        ({"layers": [2, 12]}, "layers has 12: model contrastive-s1 has 1 to 11"),
        ({"filters_per_layer": 5}, "filters_per_layer is 5: layer 2 of model contrastive-s1 has 4"),
        ({"filters_per_layer": 0}, "filters_per_layer is 0"),
    ],
)
def test_what_the_model_lacks_is_refused(models, clips, asked, message):
    with pytest.raises(ValueError, match=message):
        evolved(models, clips, **asked)


def test_top_activations_of_something_else_are_refused(models, clips):
    top = mined(models[6], clips)
    with pytest.raises(ValueError, match="lack filters of model contrastive-s1: mine it again"):
        evolved(models, clips, top.assign(model="contrastive-s9"))
    with pytest.raises(ValueError, match="clip elsewhere was mined but is not in the split"):
        evolved(models, clips, top.assign(clip_id="elsewhere"))


spectra = arrays(float, 9, elements=st.floats(0, 1e3, allow_subnormal=False))


@given(spectra, spectra, st.floats(0.01, 100))
def test_the_change_of_spectra(p, q, gain):
    change = spectral_change(p, q)
    assert 0 <= change <= 1 and change == spectral_change(q, p)
    assert spectral_change(p, p) == 0 and spectral_change(p, gain * p) < 1e-9
    assert spectral_change(gain * p, q) == pytest.approx(change, abs=1e-9)


def test_the_change_by_hand():
    one, two = np.array([1.0, 1, 2]), np.array([3.0, 1, 0])
    assert spectral_change(one, two) == pytest.approx(0.5)
    assert spectral_change(one, 0 * one) == spectral_change(0 * one, one) == 1
    assert spectral_change(0 * one, 0 * one) == 0
    time = np.arange(8_000)
    low, high = (power_spectrum(np.sin(2 * np.pi * f / 8_000 * time)) for f in (500, 2_000))
    assert spectral_change(low, high) > 0.999
    assert spectral_change(low, power_spectrum(3 * np.sin(2 * np.pi / 16 * time[:3_000]))) < 0.01


def test_the_script(models, clips, store, tmp_path, monkeypatch):
    store(clips)
    folder = tmp_path / "model"
    keep = checkpoint.checkpoint_writer(folder)
    for epoch, model in models.items():
        keep(epoch, model)
    checkpoint.save(folder, models[6], CARD)
    excluded = {clips.classes[0]}  # among the clips that it leaves out is the first one
    (cut,) = cut_clips([clips], excluded, 0.3)
    assert cut.lengths.max() == 2_400 < clips.lengths.max() and 0 < len(cut) < len(clips)
    top = mined(models[6], cut)
    tables.write(top, tmp_path / "top.parquet", "top_activations")
    running = {
        "split": "eval",
        "method": "deconvnet",
        "precision": "exact",
        "mining": {"rule": "mean", "exclude_labels": [*excluded], "crop_s": 0.3},
        "device": "cpu",
        "batch_samples": 5_000,
    }
    words = ["--settings", json.dumps(ASKED | running), "--model", folder, "--data", tmp_path]
    words += ["--input", f"top_activations={tmp_path / 'top.parquet'}"]
    words += ["--out", tmp_path / "evolution.parquet"]
    monkeypatch.setattr(sys, "argv", ["evolution.py", *map(str, words)])
    runpy.run_path(str(SCRIPT))
    found = tables.read(tmp_path / "evolution.parquet", "evolution")
    pd.testing.assert_frame_equal(found, evolved(models, cut, top))
    assert set(found["clip_id"]) <= set(cut.ids)
