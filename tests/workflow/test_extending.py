"""The worked examples of docs/extending.md, done as they stand there, on a copy of the checkout.

Those that need a finished run are in test_smoke.py, since one file is one process.
"""

import os
import re
import subprocess
import sys

import numpy as np
import pandas as pd
import soundfile
from worked_examples import files_of, results, with_overlay, write


def test_a_dataset(workflow):
    files = files_of("A dataset")
    assert len(files) <= 4
    write(workflow.checkout, files)
    root = workflow.folder / "ESC-50"
    (root / "audio").mkdir(parents=True)
    (root / "meta").mkdir()
    lines = ["filename,fold,target,category,esc10,src_file,take"]
    rng = np.random.default_rng(0)
    for fold in range(1, 6):
        for target, category in enumerate(("dog", "rain")):
            name = f"{fold}-{target}-A-0.wav"
            soundfile.write(root / "audio" / name, rng.uniform(-1, 1, 8_000), 8_000)
            lines.append(f"{name},{fold},{target},{category},True,{fold},A")
    lines.append("5-lost-A-0.wav,5,0,dog,True,5,A")
    (root / "meta/esc50.csv").write_text("\n".join(lines) + "\n")
    with_overlay(workflow, "results/data/esc50/manifest.parquet")
    manifest = pd.read_parquet(results(workflow) / "data/esc50/manifest.parquet")
    assert dict(manifest["split"].value_counts()) == {"train": 6, "val": 2, "eval": 2}
    rejected = pd.read_parquet(results(workflow) / "data/esc50/rejected.parquet")
    assert list(rejected["reason"]) == ["missing_file"]
    planned = with_overlay(workflow, "--dry-run", "results/evaluation/metrics.parquet")
    assert re.search(r"^prepare_\w+ +3$", planned, re.MULTILINE) is None, "prepared already"
    assert re.search(r"^score +31$", planned, re.MULTILINE), "a classifier more than the matrix has"


LAYOUT = """
import torch, yaml, sys
from pathlib import Path
from sonify.api import CNN12, Sonifier
from sonify.config.__main__ import overlaid
from sonify.config.loading import load
from sonify.plan.plan import Plan
plan = Plan(load(overlaid([Path(name) for name in sys.argv[1:]])))
shape = plan.architecture("contrastive")
assert all(model.layout == shape.layout for model in plan.config.models.values())
x = torch.randn(2, shape.shortest_clip())
s = Sonifier(CNN12(shape)).sonify(x, layer=shape.n_layers, filters=0)
print(shape.receptive_field, shape.shortest_clip(), tuple(s.shape))
"""


def test_a_layer_layout(workflow):
    files = files_of("A layer layout")
    assert list(files) == ["my.yaml"], "configuration only"
    write(workflow.checkout, files)
    assert re.search(r"^train +38$", with_overlay(workflow, "--dry-run"), re.MULTILINE)
    done = subprocess.run(
        [sys.executable, "-c", LAYOUT, "workflow/configs/smoke.yaml", "my.yaml"],
        cwd=workflow.checkout,
        env={**os.environ, "PYTHONPATH": "src"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == "2370 256 (2, 256)", done.stderr
