"""The case of Figure B.3, worked out step by step with SciPy's cross-correlation."""

import dataclasses
import json
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from oracles import literal_forward, literal_sonification
from scipy import signal

from sonify.contracts import tables
from sonify.data.clips import part_sizes
from sonify.evaluation.measurements.delayed_case import case_table
from sonify.evaluation.measurements.invariance import drawn
from sonify.models.architecture import Architecture
from sonify.models.checkpoint import ModelCard, build, save

SCRIPT = Path(__file__).resolve().parents[4] / "workflow" / "scripts" / "invariance.py"
LENGTHS = [5_000, 700, 5_000, 9_000, 6_001]
CARD = ModelCard(
    run="contrastive",
    seed=1,
    dataset="audioset",
    regime="contrastive",
    finetune="none",
    architecture=Architecture(width=1 / 32, layout="cnn12"),
    architecture_name="CNN12",
    head="projection",
    outputs=512,
)


@pytest.fixture
def clips(make_clips, store):
    made = make_clips(LENGTHS)
    store(made, clips_per_part=2)
    return made


def measured(tmp_path, model, **asked):
    asked = {"clips": 9, "shift": 1_501, "case": (1, 0)} | asked
    made = case_table(model, CARD, part_sizes(tmp_path, ["eval"]), **asked)
    return tables.checked(made, "invariance_case").to_pandas()


def decoded(row):
    return np.frombuffer(row["pcm"], "<i2") / 32767 * row["peak"]


@pytest.mark.parametrize("case", [(1, 0), (1, 1), (3, 2)])
def test_signals_and_lags_are_those_worked_out_step_by_step(clips, tmp_path, case):
    layer, index = case
    model = build(CARD).eval()
    trunk = model.encoder.trunk
    rows = measured(tmp_path, model, case=case).set_index("signal")
    long = [i for i, n in enumerate(LENGTHS) if n >= 2 * 1_501]

    def activity(i):
        x = torch.from_numpy(clips.waveform(i))[None]
        return literal_forward(trunk, x)[0][layer][0, index].mean().item()

    best = max(long, key=activity)
    assert set(rows["clip_id"]) == {clips.ids[best]}
    x = clips.waveform(best)
    behind = np.concatenate([np.zeros(1_501, np.float32), x])[: len(x)]
    expected = {
        name: literal_sonification(trunk, torch.from_numpy(given), layer, index)
        .detach()
        .numpy()
        .ravel()
        for name, given in (("sonification", x), ("delayed", behind))
    }
    np.testing.assert_allclose(decoded(rows.loc["input"]), x, atol=1e-4)
    for name, s in expected.items():
        np.testing.assert_allclose(decoded(rows.loc[name]), s, atol=1e-3)
        values = signal.correlate(x.astype(float), s.astype(float), mode="full", method="direct")
        lags = signal.correlation_lags(len(x), len(s), mode="full")
        assert rows.loc[name, "lag"] == lags[values.argmax()]
    assert rows["shift"].to_dict() == {"input": 0, "sonification": 0, "delayed": 1_501}
    assert np.isnan(rows.loc["input", "lag"])
    if layer == 1:  # noise is like itself at one lag alone: the delay, odd as it is
        assert rows["lag"].to_dict()["sonification"] == 0
        assert rows["lag"].to_dict()["delayed"] == -1_501


def test_a_dead_map_has_no_lag(clips, tmp_path):
    model = build(CARD).eval()
    with torch.no_grad():
        model.encoder.trunk.conv1.bias.fill_(-1e6)
    rows = measured(tmp_path, model)
    assert rows["lag"].isna().all() and rows.loc[rows["signal"] != "input", "peak"].eq(0).all()


def test_only_drawn_clips_count_and_without_a_case_there_are_no_rows(clips, tmp_path):
    model = build(CARD).eval()
    sizes = part_sizes(tmp_path, ["eval"])
    seeds = [part.ids[i] for part, i in drawn(sizes, 3)]
    assert set(measured(tmp_path, model, clips=3, shift=100)["clip_id"]) <= set(seeds)
    assert measured(tmp_path, model, case=None).empty


def test_clips_that_are_too_short_are_refused(clips, tmp_path):
    with pytest.raises(ValueError, match="none has 9002 samples, twice the shown_shift: lower"):
        measured(tmp_path, build(CARD).eval(), shift=4_501)
    found = measured(tmp_path, build(CARD).eval(), shift=4_500)
    assert set(found["n_samples"]) == {9_000}, "the only one that is twice as long"


def test_the_rows_are_keyed_by_the_model(clips, tmp_path):
    other = dataclasses.replace(CARD, seed=3)
    made = case_table(
        build(CARD).eval(), other, part_sizes(tmp_path, ["eval"]), clips=5, shift=9, case=(1, 0)
    )
    assert set(made["model"]) == {"contrastive-s3"} and len(made) == 3


def test_the_stage_writes_it_beside_its_other_tables(clips, tmp_path, monkeypatch, capsys):
    save(tmp_path / "model", build(CARD), CARD)
    names = ("invariance", "invariance_example", "invariance_case")
    settings = {"split": "eval", "method": "deconvnet", "precision": "exact", "device": "cpu"}
    settings |= {"batch_samples": 60_000, "clips": 2, "shifts": [256], "shown_shift": 256}
    settings |= {"case": [1, 0], "rule": "mean"}
    words = ["--settings", json.dumps(settings), "--model", tmp_path / "model", "--data", tmp_path]
    words += ["--out", *(tmp_path / f"{name}.parquet" for name in names)]
    monkeypatch.setattr(sys, "argv", ["invariance.py", *map(str, words)])
    runpy.run_path(str(SCRIPT))
    made = {name: tables.read(tmp_path / f"{name}.parquet", name) for name in names}
    assert made["invariance_case"].set_index("signal")["lag"].to_dict()["delayed"] == -256
    assert set(made["invariance_example"]["signal"]) == {"input", "sonification", "returned"}
    assert "invariance contrastive-s1: 2 clips, 1 shifts" in capsys.readouterr().err
