"""Small tables that keep their contracts, for the reports to draw."""

import numpy as np
import pandas as pd
import pytest

from sonify import tables

FINETUNED = [
    ("fsd50k-contrastive-fconly", "contrastive", "fconly", 0.30),
    ("fsd50k-contrastive-full", "contrastive", "full", 0.50),
    ("fsd50k-supervised-fconly", "supervised", "fconly", 0.40),
    ("fsd50k-supervised-full", "supervised", "full", 0.60),
]
SCRATCH = ("fsd50k-scratch", "supervised", "none", 0.45)


def _model(run, regime, finetune, seed, dataset="fsd50k", split="eval"):
    return {
        "dataset": dataset,
        "split": split,
        "model": f"{run}-s{seed}",
        "run": run,
        "regime": regime,
        "finetune": finetune,
        "architecture": "CNN12",
        "seed": seed,
    }


def _kept(rows, name):
    return tables.checked(pd.DataFrame(rows), name).to_pandas()


@pytest.fixture
def metrics():
    """mAP of seed s is the model's base + 0.02 s: mean base + 0.01, sd 0.02/√2 for two seeds."""

    def make(runs=(*FINETUNED, SCRATCH), seeds=(0, 1)):
        counts = {"n_clips": 250, "n_classes": 26, "n_dropped": 0, "prevalence": 0.125}
        return _kept(
            [
                {
                    **_model(*run, seed),
                    **counts,
                    "metric": metric,
                    "value": factor * (base + 0.02 * seed),
                }
                for *run, base in runs
                for seed in seeds
                for metric, factor in (("mAP", 1.0), ("mAUC", 1.5), ("d_prime", 3.0))
            ],
            "metrics",
        )

    return make


@pytest.fixture
def removal():
    """Layer l leaves base · (1 - l / 20), plus 0.02 for each seed."""

    def make(runs=FINETUNED, seeds=(0, 1), layers=11):
        counts = {"rule": "max", "rescaled": False, "n_clips": 250, "n_dead": 0}
        return _kept(
            [
                {**_model(*run, seed), **counts, "layer": layer, "metric": metric}
                | {"value": base * (1 - layer / 20) + 0.02 * seed}
                for *run, base in runs
                for seed in seeds
                for layer in range(layers + 1)
                for metric in ("mAP", "mAUC")
            ],
            "removal",
        )

    return make


@pytest.fixture
def coherence():
    """Two clips a model, 0.1 either side of 0.9 - slope · (layer - 1)."""

    def make(seeds=(0, 1), layers=11):
        more = {"rule": "max", "filter": 1, "dead": False, "n_samples": 32000, "floor": 0.02}
        more["envelope_correlation"] = 0.5
        return _kept(
            [
                {**_model(regime, regime, "none", seed, "audioset"), **more, "layer": layer}
                | {"clip_id": clip, "coherence": 0.85 - slope * (layer - 1) + 0.01 * seed + side}
                for regime, slope in (("contrastive", 0.02), ("supervised", 0.06))
                for seed in seeds
                for layer in range(1, layers + 1)
                for clip, side in (("a", -0.1), ("b", 0.1))
            ],
            "coherence",
        )

    return make


def pcm(x):
    return np.rint(x * 32767).astype("<i2").tobytes()


@pytest.fixture
def clips():
    """Six clips of half a second; the labels of the first are hostile."""
    time = np.arange(4000) / 8000
    rows = [
        {
            "dataset": "audioset",
            "split": "eval",
            "clip_id": f"clip{i}",
            "labels": ["<script>alert(1)</script>", "R&B"] if i == 0 else ["tone"],
            "n_samples": len(time),
            "source_rate": 8000,
            "gain": 1.0,
            "pcm": pcm(np.sin(2 * np.pi * 200 * (i + 1) * time)),
        }
        for i in range(6)
    ]
    return _kept(rows, "clips")


@pytest.fixture
def top():
    """Two models of layers 1 and 4 with four filters; filters 0 and 1 share their first clip, and
    every supervised filter of layer 4 is dead."""
    rows = []
    for regime in ("contrastive", "supervised"):
        for layer in (1, 4):
            for index in range(4):
                dead = regime == "supervised" and layer == 4
                for rank in (1, 2, 3):
                    clip = (max(index - 1, 0) + rank - 1) % 6
                    rows.append(
                        {**_model(regime, regime, "none", 0, "audioset"), "clip_id": f"clip{clip}"}
                        | {"layer": layer, "filter": index, "rank": rank, "dead": dead}
                        | {"activation": 0.0 if dead else 10.0 - index - 0.1 * rank}
                        | {"frame": 0, "time_s": 0.0}
                    )
    return _kept(rows, "top_activations")


@pytest.fixture
def sonifications(top, clips):
    """Half of each clip's samples, stored at full scale with peak 0.5; silence where dead."""
    sounds = clips.set_index("clip_id")
    frame = top.drop(columns=["activation", "frame", "time_s"])
    frame["scale_factor"] = 1.0
    frame["peak"] = np.where(frame["dead"], 0.0, 0.5)
    frame["pcm"] = [
        bytes(len(sounds["pcm"][c])) if d else sounds["pcm"][c]
        for c, d in zip(frame["clip_id"], frame["dead"], strict=True)
    ]
    frame["n_samples"] = 4000
    return _kept(frame, "sonifications")


@pytest.fixture
def manifest(clips):
    frame = clips.drop(columns="pcm").assign(
        path="x.wav", source_samples=4000, channels=1, part="part-00000.parquet",
        source_url="https://freesound.org/s/7/", uploader="<b>ann</b>", licence="javascript:x",
    )  # fmt: skip
    return _kept(frame, "manifest")


@pytest.fixture
def rejected():
    rows = [
        {"dataset": d, "split": s, "clip_id": f"lost{i}", "path": "", "reason": r, "detail": "x"}
        for i, (d, s, r) in enumerate(
            [
                ("audioset", "eval", "silent"),
                ("audioset", "eval", "missing_file"),
                ("audioset", "eval", "missing_file"),
                ("fsd50k", "val", "too_short"),
            ]
        )
    ]
    return _kept(rows, "rejected")


@pytest.fixture
def attrition():
    """Of the tables above: the one class that only lost clips have is lost in audioset/eval."""
    rows = [
        ("audioset", "eval", "", 9, 7, 6, 3),
        ("audioset", "eval", "tone", 8, 7, 6, 2),
        ("audioset", "eval", "bell", 1, 0, 0, 1),
        ("fsd50k", "val", "", 1, 1, 0, 1),
        ("fsd50k", "val", "tone", 1, 1, 0, 1),
    ]
    columns = ["dataset", "split", "label", "listed", "obtained", "used", "rejected"]
    return _kept([dict(zip(columns, row, strict=True)) for row in rows], "attrition")


@pytest.fixture
def benchmarks():
    head = "s\th:m:s\tmax_rss\tmax_vms\tmax_uss\tmax_pss\tio_in\tio_out\tmean_load\tcpu_time\n"
    row = "{}\t0:00:01\t{}\t0\t0\t0\t0\t0\t0\t{}\n"
    return {
        "train/contrastive-s0.tsv": head + row.format("30.0", "700.5", "29.0"),
        "train/supervised-s0.tsv": head + row.format("60.0", "650.0", "59.0"),
        "prepare/audioset.tsv": head + row.format("10.0", "-", "NA"),
    }
