"""The layer importance table, and the job that writes it."""

import dataclasses
import json
import os
import runpy
import shutil
import signal
import sys
from pathlib import Path

import msgspec
import numpy as np
import pandas as pd
import pytest
import soundfile
import torch
from deaths import Killed, Mortal, set_aside_for
from sklearn.metrics import average_precision_score

from sonify.contracts import tables
from sonify.data.clips import load
from sonify.data.stored import stored
from sonify.evaluation.measurements.layer_importance import (
    ScoredClips,
    layer_importance_table,
    passes,
    scored_clips,
    whole_batches,
    whole_encoder_table,
)
from sonify.evaluation.measurements.scoring import score_tables
from sonify.models import checkpoint
from sonify.models.architecture import Architecture
from sonify.models.checkpoint import ModelCard, build
from sonify.runtime.progress import Progress
from sonify.training.probes import Probing, train_probes
from sonify.training.settings import ProbingSettings

SCRIPT = Path(__file__).resolve().parents[4] / "workflow" / "scripts" / "layer_importance.py"
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
SETTINGS = {
    "run": {
        **{"name": "fsd50k_probe-contrastive-fconly", "recipe": "probe", "dataset": "fsd50k"},
        **{"splits": ["train"], "regime": "contrastive", "finetune": "fconly"},
        **{"start": "contrastive", "architecture": "CNN12"},
    },
    "seed": 1,
    "recipe": {
        **{"dataset": "fsd50k", "splits": ["train"], "objective": "multilabel", "epochs": 2},
        **{"batch_size": 4, "crop_s": 0.3, "learning_rate": 0.01, "weight_decay": 0.0},
        **{"warmup_epochs": 1, "precision": "float32", "mixup_alpha": 0.2, "shuffle_clips": 100},
        "augmentation": {"gain_db": [-6, 6]},
    },
    "layers": [1, 4, 12],
    "split": "val",
    "device": "cpu",
    "batch_samples": 9_000,
}
LENGTHS = [4_000, 2_370, 4_000, 6_001, 2_370, 4_000, 6_001, 9_000, 2_370, 4_000]


@pytest.fixture
def start():
    return build(CARD).eval(), CARD


def settings(finetune="fconly", **others):
    run = {**SETTINGS["run"], "name": f"fsd50k_probe-contrastive-{finetune}", "finetune": finetune}
    return {**SETTINGS, "run": run, **others}


def whole(clips):
    """All of the clips, uncut, a few at a time."""
    return ScoredClips(clips.dataset, "val", clips.classes, lambda: whole_batches([clips], 9_000))


def probing_from(settings: dict) -> Probing:
    job = msgspec.convert(settings, ProbingSettings)
    return Probing(job.run, job.seed, job.recipe, job.layers)


@pytest.mark.parametrize("finetune", ["fconly", "full"])
def test_every_value_is_that_of_the_trained_probe_one_clip_at_a_time(
    make_clips, store, start, finetune
):
    train, clips = store(make_clips([2_700] * 9)), make_clips(LENGTHS, splits="val")
    probing = probing_from(settings(finetune))
    done = []
    table = layer_importance_table(
        probing, start, train, whole(clips), progress=lambda n, note: done.append(n)
    )
    frame = tables.checked(table, "layer_importance").to_pandas()
    found = frame.set_index(["layer", "metric"])["value"]
    assert set(frame["layer"]) == {1, 4, 12} and set(frame["metric"]) == {"mAP", "mAUC", "d_prime"}
    for probes in train_probes(probing, start[0].encoder, train):
        with torch.no_grad():
            waves = [torch.from_numpy(clips.waveform(i))[None] for i in range(len(clips))]
            scores = torch.cat([probes(x) for x in waves], dim=1).numpy()
        for layer, of_layer in zip(probes.layers, scores, strict=True):
            expected = average_precision_score(clips.targets, of_layer)
            assert found[layer, "mAP"] == pytest.approx(expected, abs=1e-9)
    assert done == list(range(1, passes(probing) + 1)), "a pass after another, all of them"
    assert passes(probing) == (3 if finetune == "fconly" else 9)


@pytest.mark.parametrize(("finetune", "steps"), [("fconly", 4), ("full", 12)])
def test_killed_probes_go_on_and_none_is_trained_again(
    make_clips, store, start, tmp_path, finetune, steps
):
    train, clips = store(make_clips([2_700] * 9)), make_clips(LENGTHS, splits="val")
    probing, asked, deaths = probing_from(settings(finetune)), 0, 0
    expected = layer_importance_table(probing, start, train, whole(clips))
    tables.write(expected, tmp_path / "expected.parquet", "layer_importance")
    for dies in (3, 4, 7, 0):
        saver = Mortal(tmp_path / "work", dies=dies)
        try:
            table = layer_importance_table(probing, start, train, whole(clips), saver=saver)
        except Killed:
            deaths += 1
        asked += saver.asked
        if not dies or saver.asked < dies:
            break
    tables.write(table, tmp_path / "table.parquet", "layer_importance")
    whole_bytes = (tmp_path / "expected.parquet").read_bytes()
    assert (tmp_path / "table.parquet").read_bytes() == whole_bytes
    assert deaths and asked <= steps + 2 * deaths, (
        "each death costs the step after the checkpoint, no more"
    )
    again = Mortal(tmp_path / "work", dies=1)
    table = layer_importance_table(probing, start, train, whole(clips), saver=again)
    tables.write(table, tmp_path / "table.parquet", "layer_importance")
    assert (tmp_path / "table.parquet").read_bytes() == whole_bytes and again.asked == 0


def test_probes_that_were_begun_with_something_else_are_set_aside(
    make_clips, store, start, tmp_path, capsys
):
    train, clips = store(make_clips([2_700] * 9)), make_clips(LENGTHS, splits="val")
    noises, work = tmp_path / "noises", tmp_path / "work"
    noises.mkdir()
    soundfile.write(noises / "hum.wav", np.full(8_000, 0.1), 8_000)
    mixed = {"background_snr_db": [5, 20], "background_folder": str(noises)}
    probing = probing_from(settings(recipe=SETTINGS["recipe"] | {"augmentation": mixed}))

    def died(split: str = "val", code: str = "") -> str:
        scored = dataclasses.replace(whole(clips), identity=split)
        with pytest.raises(Killed):
            layer_importance_table(probing, start, train, scored, saver=Mortal(work, code, dies=2))
        return set_aside_for(capsys.readouterr().err)

    assert died() == ""
    soundfile.write(noises / "hiss.wav", np.full(8_000, -0.1), 8_000)
    assert died() == "backgrounds"
    shutil.rmtree(work)
    assert (died(), died("eval")) == ("", "clips")
    shutil.rmtree(work)
    assert (died(), died(code="edited")) == ("", "code")
    shutil.rmtree(work)
    assert died() == ""
    with torch.no_grad():
        next(start[0].encoder.parameters()).add_(1e-3)
    assert died() == "weights to start from"


def test_rows_are_of_the_probe_and_of_the_split_it_was_scored_on(make_clips, store, start):
    clips = make_clips(LENGTHS, splits="val")
    train = store(make_clips([2_700] * 9))
    table = layer_importance_table(probing_from(settings()), start, train, whole(clips))
    table = table.drop(columns=["layer", "metric", "value", "replicates"])
    (row,) = table.drop_duplicates().to_dict("records")
    assert row == {
        **{"dataset": "fsd50k", "split": "val", "model": "fsd50k_probe-contrastive-fconly-s1"},
        **{"run": "fsd50k_probe-contrastive-fconly", "regime": "contrastive"},
        **{"finetune": "fconly", "architecture": "CNN12", "seed": 1, "n_clips": 10},
        "prevalence": clips.targets.mean(),
    }


def test_accuracy_where_every_clip_has_one_class(make_clips, store, start):
    train, scored = make_clips([2_700] * 9, splits="train"), make_clips(LENGTHS, splits="val")
    for clips in (train, scored):
        clips.targets[:] = np.eye(4, dtype=np.uint8)[np.arange(len(clips)) % 4]
    kept, recipe = store(train), {**SETTINGS["recipe"], "objective": "multiclass"}
    probing = probing_from(settings(recipe=recipe, layers=[11]))
    table = layer_importance_table(probing, start, kept, whole(scored), device="cpu")
    (probes,) = train_probes(probing, start[0].encoder, kept)
    hits = 0
    for i in range(10):
        with torch.no_grad():
            hits += int(probes(torch.from_numpy(scored.waveform(i))[None]).argmax()) == i % 4
    assert table.set_index("metric")["value"]["accuracy"] == pytest.approx(hits / 10)


def centred(x: np.ndarray, samples: int) -> np.ndarray:
    """The crop from the centre of a clip, which is repeated from the start if it is shorter."""
    while len(x) < samples:
        x = np.concatenate([x, x])[: max(len(x), samples)]
    begin = (len(x) - samples) // 2
    return x[begin : begin + samples]


@pytest.mark.parametrize("max_samples", [1, 9_000])
def test_crops_from_the_centre_are_scored_one_clip_at_a_time(
    make_clips, store, start, tmp_path, max_samples
):
    clips = make_clips(LENGTHS, splits="val")
    both = make_clips([2_700] * 9 + LENGTHS)
    both = dataclasses.replace(both, splits=["train"] * 9 + ["val"] * 10)
    store(both)
    clips = load(tmp_path, ["val"])
    probing = probing_from(settings(layers=[2, 12]))
    scored = scored_clips(tmp_path, "val", 0.375, max_samples)
    table = layer_importance_table(probing, start, stored(tmp_path, ["train"]), scored)
    found = table.set_index(["layer", "metric"])["value"]
    (probes,) = train_probes(probing, start[0].encoder, stored(tmp_path, ["train"]))
    crops = [torch.from_numpy(centred(clips.waveform(i), 3_000))[None] for i in range(10)]
    with torch.no_grad():
        scores = torch.cat([probes(x) for x in crops], dim=1).numpy()
    for layer, of_layer in zip(probes.layers, scores, strict=True):
        expected = average_precision_score(clips.targets, of_layer)
        assert found[layer, "mAP"] == pytest.approx(expected, abs=1e-9)
    assert (table["n_clips"] == 10).all() and set(table["split"]) == {"val"}


FINETUNED = dataclasses.replace(
    CARD,
    run="fsd50k-contrastive-full",
    dataset="fsd50k",
    finetune="full",
    head="classifier",
    outputs=4,
    classes=tuple(f"class {c}" for c in range(4)),
)


def test_a_finetuned_model_is_the_whole_encoder_as_it_is(make_clips, store, tmp_path):
    model, clips = build(FINETUNED).eval(), make_clips(LENGTHS, splits="val")
    store(clips)
    table = whole_encoder_table(model, FINETUNED, scored_clips(tmp_path, "val", None, 9_000))
    frame = tables.checked(table, "layer_importance").to_pandas().set_index("metric")
    expected, _ = score_tables(model, FINETUNED, [clips], max_samples=9_000)
    expected = expected.set_index("metric")
    pd.testing.assert_series_equal(frame["value"].sort_index(), expected["value"].sort_index())
    assert set(frame["layer"]) == {12} and set(frame["run"]) == {"fsd50k-contrastive-full"}
    for metric, again in frame["replicates"].items():  # the same resamples, whoever draws them
        np.testing.assert_allclose(again, expected.loc[metric, "replicates"], rtol=1e-6)
    cut = whole_encoder_table(model, FINETUNED, scored_clips(tmp_path, "val", 0.3, 9_000))
    assert not np.allclose(cut["value"], table["value"]), "crops sound otherwise"
    other = dataclasses.replace(FINETUNED, classes=("x", "y", "z", "w"))
    with pytest.raises(ValueError, match="knows other classes than fsd50k has: train it on fsd50k"):
        whole_encoder_table(model, other, scored_clips(tmp_path, "val", None, 9_000))


def job(monkeypatch, tmp_path, model, **others):
    words = ["x", "--model", str(model), "--data", str(tmp_path), "--out", str(tmp_path / "t.pq")]
    words += ["--settings", json.dumps(settings(**others)), "--threads", "1"]
    monkeypatch.setattr(sys, "argv", words)
    runpy.run_path(str(SCRIPT))
    return tables.read(tmp_path / "t.pq", "layer_importance")


def test_a_job_that_is_told_to_end_writes_a_checkpoint_and_goes_on(
    make_clips, store, start, monkeypatch, tmp_path, capsys
):
    clips = make_clips([2_500, 2_370, 2_700, 2_370] * 4, splits="train")
    store(dataclasses.replace(clips, splits=["train"] * 8 + ["val"] * 8))
    checkpoint.save(tmp_path / "model", *start)
    expected = job(monkeypatch, tmp_path, tmp_path / "model")
    capsys.readouterr()

    def tell(bar: Progress, done: int, note: str = "") -> None:
        os.kill(os.getpid(), signal.SIGTERM)

    before = signal.signal(signal.SIGTERM, lambda *_: pytest.fail("nobody heard SIGTERM"))
    try:
        with monkeypatch.context() as patch, pytest.raises(SystemExit) as ended:
            patch.setattr(Progress, "update", tell)  # after an epoch of two steps, of two
            job(patch, tmp_path, tmp_path / "model")
    finally:
        signal.signal(signal.SIGTERM, before)
    said = "ended by SIGTERM at step 2 of 4: the same command resumes from there"
    assert ended.value.code == 143 and capsys.readouterr().err.splitlines()[-1] == said
    assert list(tmp_path.glob("unfinished-t/*/layers-1-4-12.safetensors"))
    pd.testing.assert_frame_equal(job(monkeypatch, tmp_path, tmp_path / "model"), expected)
    assert not (tmp_path / "unfinished-t").exists()


def test_the_script_writes_the_table_and_says_one_line(
    make_clips, store, start, monkeypatch, tmp_path, capsys
):
    clips = make_clips([2_500, 2_370, 2_700, 2_370] * 4, splits="train")
    clips = dataclasses.replace(clips, splits=["train"] * 8 + ["val"] * 8)
    store(clips)
    checkpoint.save(tmp_path / "model", *start)
    frame = job(monkeypatch, tmp_path, tmp_path / "model")
    assert (frame["n_clips"] == 8).all() and set(frame["layer"]) == {1, 4, 12}
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("probe fsd50k_probe-contrastive-fconly-s1: 8 clips, mAP 0.")
    with pytest.raises(SystemExit, match="error: .*eval"):
        job(monkeypatch, tmp_path, tmp_path / "model", split="eval")
    cropped = job(monkeypatch, tmp_path, tmp_path / "model", crop_s=0.3)
    assert len(cropped) == len(frame) and not np.allclose(cropped["value"], frame["value"])
    checkpoint.save(tmp_path / "finetuned", build(FINETUNED), FINETUNED)
    capsys.readouterr()
    alone = job(monkeypatch, tmp_path, tmp_path / "finetuned", recipe=None, layers=[12])
    assert set(alone["model"]) == {"fsd50k-contrastive-full-s1"}
    assert "whole encoder fsd50k-contrastive-full-s1: 8 clips, mAP 0." in capsys.readouterr().err
    with pytest.raises(SystemExit, match="has no model.json: point at a folder"):
        job(monkeypatch, tmp_path, tmp_path)
