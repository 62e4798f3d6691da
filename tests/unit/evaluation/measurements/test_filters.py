"""Descriptors of filters, against plain loops over a small model with a dead filter."""

import itertools
import json
import runpy
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from oracles import before_pooling, spectral_shape_by_welch
from scipy.signal import coherence

from sonify.contracts import tables
from sonify.data.clips import Clips, length_buckets
from sonify.evaluation.measurements.filters import filters_table
from sonify.models.architecture import Architecture, Layout
from sonify.models.checkpoint import ModelCard, build, save
from sonify.sonification.deconvnet.sonifier import Sonifier
from sonify.sonification.mining.top_activations import TopActivations, observe
from sonify.sonification.rendering import render_layers

SCRIPTS = Path(__file__).resolve().parents[4] / "workflow" / "scripts"
LENGTHS = [2_000, 2_000, 600, 2_000, 3_001, 600, 2_000]  # 600 hold one segment of 512 samples
NPERSEG = 512
# Few layers: CNN12 needs clips that hold several segments.
SHAPE = Architecture(layout=Layout((4, 8, 8, 16, 24), (7, 5, 5, 3, 3), (2, 2, 2, 2, 1)))


class World:
    """A model, its clips, and what mining and rendering made of them."""

    def __init__(self, clips: Clips) -> None:
        facts = {"run": "r", "seed": 0, "dataset": "fsd50k", "regime": "supervised"}
        facts |= {"finetune": "none", "architecture": SHAPE, "architecture_name": "CNN12"}
        self.card = ModelCard(**facts, head="classifier", outputs=3, classes=tuple(clips.classes))
        self.model, self.clips = build(self.card).eval(), clips
        with torch.no_grad():
            self.model.encoder.trunk.conv4.bias[2] = -1e6  # dead on every clip
        sonifier = Sonifier(self.model)
        miner = TopActivations(SHAPE.filters)
        for indices in length_buckets(clips.lengths, 6_000):
            x = torch.from_numpy(clips.whole(indices))
            observe(miner, sonifier, x, [clips.ids[i] for i in indices])
        keys = {"dataset": "fsd50k", "split": "eval", **self.card.keys, "time_s": 0.0}
        mined = dict(zip(clips.ids, clips.lengths, strict=True))
        top = miner.table().assign(**keys, n_samples=lambda rows: rows["clip_id"].map(mined))
        layers = render_layers(sonifier, [clips], top, max_samples=9_000)
        self.top = tables.checked(top, "top_activations").to_pandas()
        sounds = tables.checked(pd.concat(layers), "sonifications")
        self.sonifications = sounds.to_pandas()

    def table(self, top=None, sonifications=None, clips=None, rows: int = 40) -> pd.DataFrame:
        top = self.top if top is None else top
        sounds = self.sonifications if sonifications is None else sonifications
        some = [sounds[i : i + rows] for i in range(0, len(sounds), rows)]
        how = {"top_k": 5, "nperseg": NPERSEG, "max_samples": 6_000}
        found = filters_table(self.model, self.card, [clips or self.clips], top, some, **how)
        return tables.checked(found, "filters").to_pandas()


@pytest.fixture(scope="module")
def world() -> World:
    torch.manual_seed(5)
    rng, lengths = np.random.default_rng(5), np.array(LENGTHS)
    return World(
        Clips(
            dataset="fsd50k",
            ids=[f"clip{i}" for i in range(len(lengths))],
            splits=["eval"] * len(lengths),
            classes=["a", "b", "c"],
            targets=(rng.random((len(lengths), 3)) < 0.5).astype(np.uint8),
            lengths=lengths,
            offsets=np.cumsum(lengths) - lengths,
            samples=rng.integers(-32767, 32768, lengths.sum()).astype(np.int16),
        )
    )


def by_all_subsets(targets: np.ndarray, n: int) -> float:
    """Mean label purity of every set of n clips."""
    purities = [
        max(sum(targets[i][c] for i in some) for c in range(targets.shape[1])) / n
        for some in itertools.combinations(range(len(targets)), n)
    ]
    return sum(purities) / len(purities)


def mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else float("nan")


def test_every_filter_is_described_as_by_hand(world):
    clips, table = world.clips, world.table()
    trunk = world.model.encoder.trunk
    maps = [before_pooling(trunk, torch.from_numpy(clips.whole([i]))) for i in range(7)]
    assert len(table) == sum(SHAPE.filters) and (table["n_clips"] == 7).all()
    for row in table.itertuples():
        alive = [bool(m[row.layer][0, row.filter].any()) for m in maps]
        assert row.n_active == sum(alive) and row.dead == (not any(alive))
        own = world.sonifications.query(f"layer == {row.layer} and filter == {row.filter}")
        shapes, coherences = [], []
        for s in own[(own["n_samples"] > 768) & (own["scale_factor"] > 0)].itertuples():
            signal = np.frombuffer(s.pcm, "<i2") / 32767 * s.peak
            x = clips.waveform(clips.ids.index(s.clip_id)).astype(float)
            shapes.append(spectral_shape_by_welch(signal, NPERSEG))
            bins = np.sort(coherence(x, signal, nperseg=NPERSEG)[1])
            coherences.append(bins[-5:].mean())
        expected = [mean(coherences), *(mean([shape[i] for shape in shapes]) for i in range(3))]
        found = [row.coherence, row.flatness, row.centroid_hz, row.bandwidth_hz]
        # Short signals of few segments: coherence is steep where a bin has next to no power.
        np.testing.assert_allclose(found, expected, rtol=1e-6)
        own = world.top.query(f"layer == {row.layer} and filter == {row.filter}")
        assert row.activation == own.set_index("rank").loc[1, "activation"]
        labels = [
            {
                c
                for c, on in zip(clips.classes, clips.targets[clips.ids.index(clip)], strict=True)
                if on
            }
            for clip in own.loc[~own["dead"], "clip_id"]
        ]
        shares = [sum(c in some for some in labels) for c in clips.classes]
        if len(labels) < 2:
            assert np.isnan(row.label_purity) and row.main_label == ""
            assert np.isnan(row.chance_purity)
            continue
        assert row.chance_purity == pytest.approx(
            by_all_subsets(clips.targets, len(labels)), abs=0.02
        )
        assert row.label_purity == max(shares) / len(labels)
        most = [c for c, n in zip(clips.classes, shares, strict=True) if n == max(shares)]
        counts = dict(zip(clips.classes, clips.targets.sum(0), strict=True))
        rarest = min(most, key=lambda c: counts[c])  # the first of equally rare ones
        assert row.main_label == (rarest if max(shares) > 1 else "")


def test_a_dead_filter_has_a_row_and_no_measure(world):
    row = world.table().query("layer == 4 and filter == 2").iloc[0]
    assert row["dead"] and row["n_active"] == 0 and row["activation"] == 0
    assert (
        row[["label_purity", "chance_purity", "coherence", "flatness", "centroid_hz"]].isna().all()
    )
    assert row["main_label"] == ""


def test_how_many_are_read_at_a_time_does_not_matter(world):
    pd.testing.assert_frame_equal(world.table(rows=5), world.table(rows=10_000), rtol=1e-12)


@pytest.mark.parametrize(
    ("labels", "purity", "label"),
    [
        ([["a", "b"], ["b", "c"], ["b"]], 1.0, "b"),
        ([["a", "b"], ["a", "b"], ["c"]], 2 / 3, "b"),  # a is on more clips of the split
        ([["a"], ["b"], ["c"]], 1 / 3, ""),
        ([[], [], []], 0.0, ""),
    ],
)
def test_purity_by_hand(world, labels, purity, label):
    targets = [[c in own for c in "abc"] for own in [*labels, *[["a"]] * 4]]
    clips = replace(world.clips, targets=np.array(targets, np.uint8))
    own = ((world.top["layer"] == 1) & (world.top["filter"] == 0)).to_numpy()
    top = world.top[own].assign(clip_id=clips.ids[:3], n_samples=LENGTHS[:3])
    sounds = world.sonifications[own].assign(
        clip_id=clips.ids[:3], n_samples=LENGTHS[:3], pcm=[bytes(2 * n) for n in LENGTHS[:3]]
    )
    row = world.table(top, sounds, clips).iloc[0]
    assert (row["label_purity"], row["main_label"]) == (purity, label)
    assert row["chance_purity"] == pytest.approx(by_all_subsets(clips.targets, 3), abs=0.02)


def test_tables_that_do_not_belong_together_are_named(world):
    with pytest.raises(ValueError, match="are of other-s0, not of r-s0: mine it again"):
        world.table(top=world.top.assign(model="other-s0"))
    with pytest.raises(ValueError, match="clip elsewhere was mined but is not in the split"):
        world.table(top=world.top.assign(clip_id="elsewhere"))
    with pytest.raises(ValueError, match=r"layer 1, filter 0, is not of clip .*: render it again"):
        world.table(sonifications=world.sonifications.assign(n_samples=999))
    with pytest.raises(ValueError, match="there are 5 sonifications of .* render them again"):
        world.table(sonifications=world.sonifications[:5])


def test_the_script_writes_the_table(world, store, tmp_path, monkeypatch, capsys):
    store(world.clips)
    save(tmp_path / "model", world.model, world.card)
    files = {name: tmp_path / f"{name}.parquet" for name in ("top", "sonifications", "out")}
    tables.write(world.top, files["top"], "top_activations")
    tables.write(world.sonifications, files["sonifications"], "sonifications")
    settings = {"split": "eval", "top_k": 5, "nperseg": NPERSEG, "device": "cpu", "mining": {}}
    words = {"model": tmp_path / "model", "data": tmp_path, "out": files["out"]}
    words["settings"] = json.dumps(settings | {"batch_samples": 6_000})
    argv = [word for name, value in words.items() for word in (f"--{name}", str(value))]
    argv += ["--input", f"top_activations={files['top']}"]
    argv += [f"sonifications={files['sonifications']}"]
    monkeypatch.setattr(sys, "argv", ["filters.py", *argv])
    runpy.run_path(str(SCRIPTS / "filters.py"))
    found = tables.read(files["out"], "filters")
    pd.testing.assert_frame_equal(found, world.table(), rtol=1e-4)
    assert f"{len(found)} filters, " in capsys.readouterr().err
    files["sonifications"].write_bytes(b"no table")
    with pytest.raises(SystemExit, match=r"sonifications\.parquet: .*delete it and rerun"):
        runpy.run_path(str(SCRIPTS / "filters.py"))
