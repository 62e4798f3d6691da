"""Small tables that keep their contracts, for the reports to draw."""

from dataclasses import replace
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from built import built_once

from sonify.contracts import tables
from sonify.paper.claims.beside import laid_beside
from sonify.paper.published import PAPER_TABLES
from sonify.paper.run_facts import RunFacts
from sonify.plan.registry import FIGURES
from sonify.reporting.accounting import jobs
from sonify.reporting.listening import activity, choose, pairs
from sonify.reporting.page.build import Content
from sonify.reporting.page.figures import Drawing
from sonify.reporting.tables import curves
from sonify.reporting.tables.rows import paper_table

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
    if "replicates" in tables.contract(name).columns:
        rows = [{**row, "replicates": [row["value"]]} for row in rows]
    return tables.checked(pd.DataFrame(rows), name).to_pandas()


@pytest.fixture(scope="session")
def metrics():
    """mAP of seed s is the model's base + 0.02 s: mean base + 0.01, sd 0.02/√2 for two seeds."""

    @built_once
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


@pytest.fixture(scope="session")
def removal():
    """Layer l leaves base · (1 - l / 20), plus 0.02 for each seed."""

    @built_once
    def make(runs=FINETUNED, seeds=(0, 1), layers=11):
        counts = {"rule": "mean", "rescaled": False, "n_clips": 250, "n_dead": 0}
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


@pytest.fixture(scope="session")
def coherence():
    """Two clips a model, 0.1 either side of 0.9 - slope · (layer - 1)."""

    @built_once
    def make(seeds=(0, 1), layers=11):
        more = {"rule": "mean", "filter": 1, "dead": False, "n_samples": 32000, "floor": 0.02}
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


@pytest.fixture(scope="session")
def by_filter():
    """Two filters a layer and five peaks, 0.05 apart from rank to rank about 0.7 - slope · (layer -
    1), 0.1 either side; a third filter has no pair left, and another floor."""

    @built_once
    def make(seeds=(0, 1), layers=11):
        return _kept(
            [
                {**_model(regime, regime, "none", seed, "audioset"), "layer": layer}
                | {"filter": index, "peak_rank": rank, "n_pairs": 0 if side is None else 3}
                | {"floor": 0.9 if side is None else 0.018 - 0.001 * rank, "active_fraction": 1.0}
                | {
                    "peak_coherence": None
                    if side is None
                    else 0.7 - slope * (layer - 1) + 0.02 * seed + side - 0.05 * (rank - 3)
                }
                for regime, slope in (("contrastive", 0.01), ("supervised", 0.04))
                for seed in seeds
                for layer in range(1, layers + 1)
                for index, side in enumerate((-0.1, 0.1, None))
                for rank in range(1, 6)
            ],
            "coherence_by_filter",
        )

    return make


ALL = ("background_snr_db", "gain_db", "noise_amplitude", "time_mask")


def _facts(dataset, objective, regime, finetune="none", start=None, **more):
    splits = {"audioset": ("balanced_train", "unbalanced_train")}.get(dataset, ("train",))
    main = RunFacts(
        dataset=dataset,
        splits=splits,
        objective=objective,
        regime=regime,
        finetune=finetune,
        start=start,
        architecture="CNN12",
        width=1.0,
        downsampling="pool",
        temperature=0.1 if regime == "contrastive" else None,
        augmentation=ALL if regime == "contrastive" else ALL[1:],
    )
    return replace(main, **more)


@pytest.fixture
def facts():
    """The facts of the runs of the whole paper, and of the strided encoder."""
    pretrainings = {
        "contrastive": {},
        "contrastive_gain": {"augmentation": ("gain_db",)},
        "contrastive_noise": {"augmentation": ("gain_db", "noise_amplitude")},
        "contrastive_mask": {"augmentation": ("gain_db", "noise_amplitude", "time_mask")},
        "contrastive_tau02": {"temperature": 0.2},
        "contrastive_tau03": {"temperature": 0.3},
        "contrastive_x2": {"architecture": "CNN12_x2"},
    }
    strided = {"architecture": "CNN12_strided", "downsampling": "strided"}
    runs = {
        name: _facts("audioset", "contrastive", "contrastive", **changed)
        for name, changed in {**pretrainings, "contrastive_strided": strided}.items()
    }
    runs["supervised"] = _facts("audioset", "multilabel", "supervised")
    runs["fsd50k-scratch"] = _facts("fsd50k", "multilabel", "supervised")
    runs["speech_commands-scratch"] = _facts("speech_commands", "multiclass", "supervised")
    tuned = [("balanced", start, how) for start in pretrainings for how in ("fconly", "full")]
    tuned += [("audioset", "contrastive", how) for how in ("fconly", "full")]
    tuned += [("audioset", "contrastive_x2", "full")]
    for dataset, starts in (
        ("fsd50k", ("contrastive", "supervised", "contrastive_x2")),
        ("speech_commands", ("contrastive", "supervised")),
    ):
        tuned += [(dataset, start, how) for start in starts for how in ("fconly", "full")]
    for recipe, start, how in tuned:
        dataset = "audioset" if recipe == "balanced" else recipe
        objective = "multiclass" if dataset == "speech_commands" else "multilabel"
        regime = "supervised" if start == "supervised" else "contrastive"
        own = {"splits": ("balanced_train",)} if recipe == "balanced" else {}
        runs[f"{recipe}-{start}-{how}"] = _facts(
            dataset, objective, regime, how, start, **pretrainings.get(start, {}), **own
        )
    return runs


@pytest.fixture
def claims():
    """Six claims with all verdicts, the undecided first; their words are hostile."""
    rows = [
        {"claim": i, "statement": f"statement {i}", "section": "4.1", "measure": "fall of mAP"}
        | {"criterion": "above 0", "mean": mean, "ci95": ci95, "n_runs": n, "verdict": verdict}
        | {"ci95_seeds": ci95, "ci95_clips": ci95 and ci95 / 2 if i == 2 else None}
        | {"remark": "because <b>", "scale": "mini", "authors_mean": theirs}
        | {"authors_ci95": theirs and 0.0625, "authors_remark": "three runs <i>"}
        | {"authors_verdict": "none published" if theirs is None else "reproduced"}
        | {"delta": 0.02, "p": p, "p_holm": p and min(1, 3 * p)}
        for i, (mean, ci95, n, verdict, theirs, p) in enumerate(
            [
                (0.1, None, 1, "inconclusive", None, None),
                (0.25, 0.125, 2, "reproduced", 0.375, 0.00004),
                (-0.5, 0.25, 2, "contradicted", None, 0.025),
                (0.001, 0.002, 3, "equivalent", None, 0.015),
                (0.3, 0.4, 3, "at chance", None, None),
                (None, None, 0, "not run", None, None),
            ],
            start=1,
        )
    ]
    return _kept(rows, "claims")


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
                        | {"score": 0.0 if dead else 1.0, "frame": 0, "time_s": 0.0}
                        | {"n_samples": 4000}
                    )
    return _kept(rows, "top_activations")


@pytest.fixture
def sonifications(top, clips):
    """Half of each clip's samples, stored at full scale with peak 0.5; silence where dead."""
    sounds = clips.set_index("clip_id")
    frame = top.drop(columns=["score", "activation", "frame", "time_s"])
    frame["scale_factor"] = 1.0
    frame["peak"] = np.where(frame["dead"], 0.0, 0.5)
    frame["pcm"] = [
        bytes(len(sounds["pcm"][c])) if d else sounds["pcm"][c]
        for c, d in zip(frame["clip_id"], frame["dead"], strict=True)
    ]
    return _kept(frame, "sonifications")


@pytest.fixture
def manifest(clips):
    frame = clips.drop(columns="pcm").assign(
        corpus="audioset", digest="", path="x.wav", source_samples=4000, channels=1,
        part=[f"eval/part-{i // 3:05d}.parquet" for i in range(len(clips))],
        source_url="https://freesound.org/s/7/", uploader="<b>ann</b>", licence="javascript:x",
    )  # fmt: skip
    return _kept(frame, "manifest")


@pytest.fixture
def rejected():
    rows = [
        {"dataset": d, "corpus": d, "split": s, "clip_id": f"lost{i}", "path": ""}
        | {"reason": r, "detail": "x"}
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
        ("audioset", "audioset", "eval", "", 9, 7, 6, 3),
        ("audioset", "audioset", "eval", "tone", 8, 7, 6, 2),
        ("audioset", "audioset", "eval", "bell", 1, 0, 0, 1),
        ("fsd50k", "fsd50k", "val", "", 1, 1, 0, 1),
        ("fsd50k", "fsd50k", "val", "tone", 1, 1, 0, 1),
    ]
    columns = ["dataset", "corpus", "split", "label", "listed", "obtained", "used", "rejected"]
    return _kept([dict(zip(columns, row, strict=True)) for row in rows], "attrition")


@pytest.fixture
def benchmarks():
    head = "s\tcpu_s\tpeak_mb\n"
    return {
        "train/contrastive-s0.tsv": head + "30.00\t29.00\t700.5\n",
        "train/supervised-s0.tsv": head + "60.00\t59.00\t650.0\n",
        "prepare/audioset.tsv": head + "10.00\t12.00\t90.0\n",
    }


@pytest.fixture(scope="session")
def layer_importance():
    """Layer l reaches base · l / 12, plus 0.02 for each seed; mAP is half of accuracy."""

    @built_once
    def make(seeds=(0, 1), layers=range(1, 13), datasets=("fsd50k", "speech_commands")):
        return _kept(
            [
                {**_model(f"{dataset}_probe-{regime}-{finetune}", regime, finetune, seed)}
                | {"dataset": dataset, "split": "val", "layer": layer, "metric": metric}
                | {"value": factor * (base * layer / 12 + 0.02 * seed)}
                | {"n_clips": 80, "prevalence": 0.125}
                for dataset in datasets
                for _, regime, finetune, base in FINETUNED
                for seed in seeds
                for layer in layers
                for metric, factor in (("mAP", 0.5), ("accuracy", 1.0))
            ],
            "layer_importance",
        )

    return make


_GIVEN: dict[tuple, dict] = {}  # what `content` is made of, by module and scale


@pytest.fixture
def content(request):
    """The content of the page, of the tables above or what is `changed`; made once in a module."""

    def make(scale="mini", **changed):
        key = request.module, scale
        if key not in _GIVEN:
            _GIVEN[key] = _given(request.getfixturevalue, scale)
        return Content(**(_GIVEN[key] | changed))

    return make


def _given(table, scale):
    top, metrics = table("top"), table("metrics")()
    chosen = choose(top, [1, 4], 2)
    benchmarks = table("benchmarks").items()
    drawing = Drawing(b"<svg/>", "image/svg+xml", ("figure_6.svg",), FIGURES["figure_6"].caption)
    return {
        "settings": {
            "scale": scale,
            "setting": "sounds <x>",
            "listen": {"layers": [1, 4], "per_layer": 2},
        },
        "paper_tables": [paper_table(n, metrics, table("facts"), scale) for n in PAPER_TABLES],
        "claims": table("claims"),
        "beside": laid_beside({}),
        "figures": {"figure_6": drawing},
        "curves": [curves.figure_6(table("removal")(), scale)],
        "pairs": pairs(chosen, table("clips"), table("sonifications"), table("manifest")),
        "activity": activity(top),
        "attrition": table("attrition"),
        "manifest": table("manifest"),
        "rejected": table("rejected"),
        "jobs": jobs({PurePosixPath(p): t for p, t in benchmarks}),
    }


PLACES = {
    "<root of the corpus>": "corpora/audioset",
    "<dataset>": "fsd50k",
    "<corpus>": "fsd50k-s0",
    "<split>": "eval",
    "<shard>": "shard",
    "<model>": "contrastive-s0",
    "<name>": "A2",
    "<number>": "6",
    "*": "00000",
}
VALUES = {"string": "x", "bool": False, "binary": b"\0\0", "list<string>": ["Speech"]}
VALUES["list<float32>"] = [0.5, 0.25]


@pytest.fixture(scope="session")
def every_table(tmp_path_factory) -> Path:
    """A table of one row of every contract, where its path says."""
    root = tmp_path_factory.mktemp("root")
    for name in tables.names():
        contract = tables.contract(name)
        row = {
            column: VALUES.get(spec["type"], spec.get("minimum", 0))
            for column, spec in contract.columns.items()
        }
        path = contract.path
        for placeholder, value in PLACES.items():
            path = path.replace(placeholder, value)
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.Table.from_pylist([row], schema=contract.schema), file)
    return root
