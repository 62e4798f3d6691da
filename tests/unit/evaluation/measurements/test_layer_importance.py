"""The layer importance table, and the job that writes it."""

import dataclasses
import json
import runpy
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score

from sonify.contracts import tables
from sonify.evaluation.measurements.layer_importance import layer_importance_table, passes
from sonify.models import checkpoint
from sonify.models.architecture import Architecture
from sonify.models.checkpoint import ModelCard, build
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


def probing_from(settings: dict) -> Probing:
    job = msgspec.convert(settings, ProbingSettings)
    return Probing(job.run, job.seed, job.recipe, job.layers)


@pytest.mark.parametrize("finetune", ["fconly", "full"])
def test_every_value_is_that_of_the_trained_probe_one_clip_at_a_time(
    make_clips, store, start, finetune
):
    train, held_out = store(make_clips([2_700] * 9)), make_clips(LENGTHS, splits="val")
    probing = probing_from(settings(finetune))
    done = []
    table = layer_importance_table(
        probing, start, train, lambda: [held_out], max_samples=9_000,
        progress=lambda n, note: done.append(n),
    )  # fmt: skip
    frame = tables.checked(table, "layer_importance").to_pandas()
    found = frame.set_index(["layer", "metric"])["value"]
    assert set(frame["layer"]) == {1, 4, 12} and set(frame["metric"]) == {"mAP", "mAUC", "d_prime"}
    for probes in train_probes(probing, start[0].encoder, train):
        with torch.no_grad():
            waves = [torch.from_numpy(held_out.waveform(i))[None] for i in range(len(held_out))]
            scores = torch.cat([probes(x) for x in waves], dim=1).numpy()
        for layer, of_layer in zip(probes.layers, scores, strict=True):
            expected = average_precision_score(held_out.targets, of_layer)
            assert found[layer, "mAP"] == pytest.approx(expected, abs=1e-9)
    assert done == list(range(1, passes(probing) + 1)), "a pass after another, all of them"
    assert passes(probing) == (3 if finetune == "fconly" else 9)


def test_rows_are_of_the_probe_and_of_the_split_it_was_scored_on(make_clips, store, start):
    held_out = make_clips(LENGTHS, splits="val")
    table = layer_importance_table(
        probing_from(settings()), start, store(make_clips([2_700] * 9)), lambda: [held_out],
        max_samples=9_000,
    )  # fmt: skip
    (row,) = table.drop(columns=["layer", "metric", "value"]).drop_duplicates().to_dict("records")
    assert row == {
        **{"dataset": "fsd50k", "split": "val", "model": "fsd50k_probe-contrastive-fconly-s1"},
        **{"run": "fsd50k_probe-contrastive-fconly", "regime": "contrastive"},
        **{"finetune": "fconly", "architecture": "CNN12", "seed": 1, "n_clips": 10},
        "prevalence": held_out.targets.mean(),
    }


def test_accuracy_where_every_clip_has_one_class(make_clips, store, start):
    train, held_out = make_clips([2_700] * 9, splits="train"), make_clips(LENGTHS, splits="val")
    for clips in (train, held_out):
        clips.targets[:] = np.eye(4, dtype=np.uint8)[np.arange(len(clips)) % 4]
    stored, recipe = store(train), {**SETTINGS["recipe"], "objective": "multiclass"}
    probing = probing_from(settings(recipe=recipe, layers=[11]))
    table = layer_importance_table(
        probing, start, stored, lambda: [held_out], max_samples=1, device="cpu"
    )
    (probes,) = train_probes(probing, start[0].encoder, stored)
    hits = 0
    for i in range(10):
        with torch.no_grad():
            hits += int(probes(torch.from_numpy(held_out.waveform(i))[None]).argmax()) == i % 4
    assert table.set_index("metric")["value"]["accuracy"] == pytest.approx(hits / 10)


def job(monkeypatch, tmp_path, model, **others):
    words = ["x", "--model", str(model), "--data", str(tmp_path), "--out", str(tmp_path / "t.pq")]
    words += ["--settings", json.dumps(settings(**others)), "--threads", "1"]
    monkeypatch.setattr(sys, "argv", words)
    runpy.run_path(str(SCRIPT))
    return tables.read(tmp_path / "t.pq", "layer_importance")


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
    with pytest.raises(SystemExit, match="has no model.json: point at a folder"):
        job(monkeypatch, tmp_path, tmp_path)
