"""The whole training matrix, and for each claim tables from which its number is known beforehand.

BUILDERS[n] takes the number of claim n for every seed and gives the tables from which it follows,
with no run that the claim does not need. Where a claim is the least of several numbers, the others
are larger.
"""

from dataclasses import replace
from functools import cache
from itertools import product

import pandas as pd

from sonify.contracts import tables
from sonify.evaluation.metrics.bootstrap import REPLICATES
from sonify.paper.claims.evidence import Evidence
from sonify.paper.claims.table import CLAIMS
from sonify.paper.run_facts import RunFacts
from sonify.paper.setting import AUGMENTATIONS

REGIMES, FINETUNES, LAYERS = ("contrastive", "supervised"), ("fconly", "full"), range(1, 12)
DEEP = range(8, 12)
DATASETS = ("fsd50k", "speech_commands")
TABLES = (
    "metrics",
    "removal",
    "coherence",
    "coherence_by_filter",
    "layer_importance",
    "invariance",
    "evolution",
    "filters",
)
N_CLIPS = 250
SCORED_ON = {"n_clips": N_CLIPS, "prevalence": 0.05}
EXTRA = 0.05  # by how much the numbers that are not the least lie above it
# What single layers differ from the mean that a claim takes over them; others must not count.
AROUND = {1: -0.01, 3: 0.5, 7: 0.5, 8: 0.02, 9: 0.01, 10: 0.01, 11: -0.04}


def _matrix():
    """Facts of every run of the paper."""
    settings = {
        "contrastive": {},
        "contrastive_gain": {"augmentation": tuple(sorted(AUGMENTATIONS[:1]))},
        "contrastive_noise": {"augmentation": tuple(sorted(AUGMENTATIONS[:2]))},
        "contrastive_mask": {"augmentation": tuple(sorted(AUGMENTATIONS[:3]))},
        "contrastive_tau02": {"temperature": 0.2},
        "contrastive_tau03": {"temperature": 0.3},
        "contrastive_x2": {"architecture": "CNN12_x2"},
        "contrastive_strided": {"architecture": "CNN12_strided", "downsampling": "strided"},
    }
    whole, balanced = ("balanced_train", "unbalanced_train"), ("balanced_train",)
    main = RunFacts(
        dataset="audioset",
        splits=whole,
        objective="contrastive",
        regime="contrastive",
        finetune="none",
        start=None,
        architecture="CNN12",
        width=1.0,
        downsampling="pool",
        temperature=0.1,
        augmentation=tuple(sorted(AUGMENTATIONS)),
    )
    runs = {name: replace(main, **setting) for name, setting in settings.items()}
    scratch = replace(main, objective="multilabel", regime="supervised", temperature=None)
    runs["supervised"] = replace(scratch, augmentation=tuple(sorted(AUGMENTATIONS[:3])))
    for dataset in DATASETS:
        runs[f"{dataset}-scratch"] = replace(scratch, dataset=dataset, splits=("train",))
    pooled = [name for name in settings if name != "contrastive_strided"]
    finetunings = [
        *((f"balanced-{s}-{f}", s, f, "audioset", balanced) for s in pooled for f in FINETUNES),
        *((f"audioset-contrastive-{f}", "contrastive", f, "audioset", whole) for f in FINETUNES),
        ("audioset-contrastive_x2-full", "contrastive_x2", "full", "audioset", whole),
        *(
            (f"{d}-{s}-{f}", s, f, d, ("train",))
            for d in DATASETS
            for s in (*REGIMES, "contrastive_x2")[: 3 if d == "fsd50k" else 2]
            for f in FINETUNES
        ),
    ]
    for name, start, finetune, dataset, splits in finetunings:
        own = {"dataset": dataset, "splits": splits, "finetune": finetune, "start": start}
        runs[name] = replace(runs[start], objective="multilabel", **own)
    return runs


RUNS = _matrix()
PROBES = {
    f"{dataset}_probe-{start}-{finetune}": start
    for dataset, start, finetune in product(DATASETS, (*REGIMES, "contrastive_x2"), FINETUNES)
}


def table(name, rows=()):
    """Rows that keep contract `name`; a column that a row leaves out is empty, false or least."""
    columns = tables.contract(name).columns
    if not rows:
        return tables.contract(name).schema.empty_table().to_pandas()
    none = {"string": "", "bool": False, "binary": b"", "list<string>": [], "list<float32>": []}
    default = {c: none.get(kind["type"], kind.get("minimum", 0)) for c, kind in columns.items()}
    if "replicates" in columns:  # clips make no difference
        rows = [{"replicates": [row["value"]] * REPLICATES, **row} for row in rows]
    frame = pd.DataFrame([{**default, **row} for row in rows])
    return tables.checked(frame[list(columns)], name).to_pandas()


_EMPTY = {name: table(name) for name in TABLES}
STRIDED = {"pool": "contrastive", "strided": "contrastive_strided"}


def evidence(given, runs=RUNS, strided=STRIDED, probes=PROBES):
    """The tables given by name, the others empty."""
    every = {name: given.get(name, _EMPTY[name]) for name in TABLES}
    known = {"runs": runs, "probes": probes, "strided": strided}
    return Evidence(every, **known, rule="max", rescaled=False)


def row(number, given, **known):
    """The row of claim `number` from the tables given by name."""
    return pd.Series(CLAIMS[number - 1].row(evidence(given, **known), "mini"))


def keys(run, seed, dataset="audioset", split="eval"):
    """The key columns of a model."""
    own = {k: getattr(RUNS[run], k) for k in ("regime", "finetune", "architecture")}
    place = {"dataset": dataset, "split": split}
    return {"model": f"{run}-s{seed}", "run": run, "seed": seed, **place, **own}


def scored(scores):
    """metrics from run -> values by seed."""
    rows = []
    for run, values in scores.items():
        dataset = RUNS[run].dataset
        speech = dataset == "speech_commands"
        for seed, value in enumerate(values):
            place = keys(run, seed, dataset, "test" if speech else "eval")
            metric = "accuracy" if speech else "mAP"
            rows.append({**place, "metric": metric, "value": value, **SCORED_ON})
    return {"metrics": table("metrics", rows)}


def removed(seeds, baseline, fall, regimes=REGIMES[:1]):
    """removal from baseline(finetune) and fall(regime, finetune, layer, seed)."""
    rows = []
    for regime, finetune, layer, seed in product(regimes, FINETUNES, (0, *LAYERS), range(seeds)):
        left = baseline(finetune) - (fall(regime, finetune, layer, seed) if layer else 0)
        place = keys(f"fsd50k-{regime}-{finetune}", seed, "fsd50k") | {"n_clips": N_CLIPS}
        rows.append({**place, "rule": "max", "metric": "mAP", "layer": layer, "value": left})
    return {"removal": table("removal", rows)}


def coherent(seeds, runs, value):
    """coherence of two clips a run from value(run, layer, seed): coherence, envelope."""
    rows = []
    for run, layer, seed, side in product(runs, LAYERS, range(seeds), (-0.01, 0.01)):
        coherence, envelope = value(run, layer, seed)
        rows.append(
            {**keys(run, seed), "rule": "max", "layer": layer, "clip_id": f"clip{side}"}
            | {"coherence": coherence + side, "envelope_correlation": envelope - side}
        )
    return {"coherence": table("coherence", rows)}


def filtered(seeds, layers, value):
    """filters from value(regime, seed, around), a dict of columns, around being what the layer
    differs by: two like it and a dead one a layer.
    """
    rows = []
    for regime, layer, seed, index in product(REGIMES, layers, range(seeds), range(3)):
        own = {**keys(regime, seed), "layer": layer, "filter": index, "n_clips": 200}
        rows.append(
            {**own, "dead": index == 2, **(value(regime, seed, AROUND[layer]) if index < 2 else {})}
        )
    return {"filters": table("filters", rows)}


def probed(seeds, value):
    """layer_importance from value(dataset, regime, finetune, layer, seed), None for none."""
    rows = []
    for *key, seed in product(DATASETS, REGIMES, FINETUNES, range(1, 13), range(seeds)):
        dataset, regime, finetune, layer = key
        run = f"{dataset}_probe-{regime}-{finetune}"
        found = value(*key, seed)
        own = {"dataset": dataset, "split": "val", "regime": regime, "finetune": finetune}
        own |= {"architecture": "CNN12", "seed": seed, "run": run, "model": f"{run}-s{seed}"}
        metric = "mAP" if dataset == "fsd50k" else "accuracy"
        if found is not None:
            rows.append({**own, **SCORED_ON, "layer": layer, "metric": metric, "value": found})
    return {"layer_importance": table("layer_importance", rows)}


def _fractions_lost(v):
    """fc-only loses the fraction v of its mAP in the mean over layers, full more."""

    def fall(regime, finetune, layer, seed):
        fraction = v[seed] + EXTRA * (finetune == "full") + 0.01 * (layer - 6)
        return 0.5 * fraction

    return removed(len(v), lambda finetune: 0.5, fall)


def _spread_of_falls(v):
    def fall(regime, finetune, layer, seed):
        sd = 0.05 + (finetune == "full") * v[seed]
        return 0.2 + sd * (layer - 6) / 11**0.5  # 1 to 11 have a standard deviation of √11

    return removed(len(v), lambda finetune: 0.5, fall)


def _shares_of_baselines(v):
    baselines = {"fconly": 0.4, "full": 0.6}

    def fall(regime, finetune, layer, seed):
        share = 0.3 + (finetune == "fconly") * v[seed]
        return baselines[finetune] * (share + 0.1 * (layer - 6) / 11)

    return removed(len(v), baselines.get, fall)


def _slopes(v):
    def value(run, layer, seed):
        return 0.5 - (0.02 + v[seed] * (run == "supervised")) * (layer - 6), 0

    return coherent(len(v), REGIMES, value)


def _active(v):
    def value(regime, seed, around):
        return {"n_active": round(100 + 300 * (v[seed] + around) * (regime == "contrastive"))}

    return filtered(len(v), (1, *DEEP), value)


def _noisy(v):
    def value(regime, seed, around):
        more = (v[seed] + around) * (regime == "supervised")
        higher = 4000 * EXTRA * (regime == "supervised")
        return {"flatness": 0.3 + more, "centroid_hz": 1000 + 4000 * more + higher}

    return filtered(len(v), (1, *DEEP), value)


def _banded(v):
    def value(regime, seed, around):
        side = v[seed] / 2 * (1 if regime == "supervised" else -1)
        return {"bandwidth_hz": 600 * (1 + side), "n_active": 100}

    return filtered(len(v), (1, 8), value)


def _selective(v):
    def value(regime, seed, around):
        side = (v[seed] + around) / 2 * (1 if regime == "contrastive" else -1)
        return {"bandwidth_hz": 600 * (1 + side)}

    return filtered(len(v), (1, *DEEP), value)


def _growing(v):
    """Supervised flatness rises by v, contrastive falls; the centroid rises by more."""

    def value(regime, seed, around):
        deep = around != AROUND[3]
        rise = (v[seed] + around) * deep
        if regime == "contrastive":
            rise = -EXTRA * deep
        return {"flatness": 0.3 + rise, "centroid_hz": 1000 + 4000 * (rise + EXTRA * deep)}

    return filtered(len(v), (1, 3, 7, *DEEP), value)


def _pure(v):
    def value(regime, seed, around):
        return {"label_purity": 0.4 + (v[seed] + around) * (regime == "contrastive")}

    return filtered(len(v), (1, *DEEP), value)


def _agreeing(v):
    rows = []
    for layer, seed, index in product((1, *DEEP), range(len(v)), range(3)):
        own = {**keys("contrastive", seed), "layer": layer, "filter": index, "n_clips": 200}
        above = {"label_purity": 0.5 + v[seed] + AROUND[layer], "chance_purity": 0.5}
        rows.append({**own, "dead": index == 2, **(above if index < 2 else {})})
    return {"filters": table("filters", rows)}


def _first(v):
    """On Speech Commands full leads by v, everything else by more."""

    def value(dataset, regime, finetune, layer, seed):
        lead = v[seed] if (dataset, finetune) == ("speech_commands", "full") else v[seed] + EXTRA
        if finetune == "fconly":
            lead += abs(v[seed]) + 2 * EXTRA
        lead = lead + 0.01 * (layer - 4) if layer <= 7 else -0.1
        return 0.3 + 0.01 * layer + lead * (regime == "contrastive")

    return probed(len(v), value)


def _deep(v):
    def value(dataset, regime, finetune, layer, seed):
        if dataset != "fsd50k":
            return None
        lead = v[seed] if finetune == "full" else 2 * v[seed] + EXTRA
        lead = lead + AROUND[layer] if layer in DEEP else -0.1
        return 0.4 + lead * (regime == "supervised")

    return probed(len(v), value)


def _all_but_two(v):
    def value(dataset, regime, finetune, layer, seed):
        if dataset != "speech_commands":
            return None
        lead = v[seed] + EXTRA * ((finetune, layer) != ("full", 4))
        return 0.4 + lead * (regime == ("contrastive" if layer <= 9 else "supervised"))

    return probed(len(v), value)


def _middle(v):
    def value(dataset, regime, finetune, layer, seed):
        if (dataset, finetune) != ("speech_commands", "fconly"):
            return None
        gain = v[seed] + EXTRA * (regime == "supervised")
        return 0.4 + {5: gain - 0.1, 6: gain + 0.03, 7: gain + 0.07}.get(layer, 0)

    return probed(len(v), value)


def _gains(*pairs):
    """Of pairs of runs, the gain of the first over the second is v, of the others more."""

    def build(v):
        scores = {}
        for i, (better, worse) in enumerate(pairs):
            base = scores.setdefault(worse, [0.3] * len(v))
            scores[better] = [b + x + EXTRA * (i > 0) for b, x in zip(base, v, strict=True)]
        return scored(scores)

    return build


def _doubled(v):
    """The mean gain of the five pairs is v; one pair loses."""
    names = ("fsd50k-{}-fconly", "fsd50k-{}-full", "audioset-{}-full")
    names += ("balanced-{}-full", "balanced-{}-fconly")
    scores = {}
    for name, extra in zip(names, (-0.08, 0.02, 0.02, 0.02, 0.02), strict=True):
        scores[name.format("contrastive")] = [0.3] * len(v)
        scores[name.format("contrastive_x2")] = [0.3 + x + extra for x in v]
    return scored(scores)


def _cooler(v):
    scores = {}
    for finetune in FINETUNES:
        scores[f"balanced-contrastive-{finetune}"] = [0.3] * len(v)
        for tau, extra in (("02", 0), ("03", EXTRA)):
            extra += EXTRA * (finetune == "full")
            scores[f"balanced-contrastive_tau{tau}-{finetune}"] = [0.3 - x - extra for x in v]
    return scored(scores)


def _shifted(v):
    """At one layer and delay off its stride the correlation is v, elsewhere 1."""
    rows = []
    for layer, shift, seed, side in product(LAYERS, (1, 512, 1024), range(len(v)), (-1, 1)):
        least = (layer, shift) == (9, 1)
        spread = min(0.01, 1 - v[seed])
        rows.append(
            {**keys("contrastive", seed), "clip_id": f"clip{side}", "layer": layer, "shift": shift}
            | {"on_stride": shift >= 512, "correlation": v[seed] + side * spread if least else 1.0}
        )
    return {"invariance": table("invariance", rows)}


def _strided(v):
    def value(run, layer, seed):
        loss = v[seed] * (run == "contrastive_strided")
        return 0.5 - loss * 2 if v[seed] > 0 else 0.5 - loss / 2, 0.4 - loss

    return coherent(len(v), ("contrastive", "contrastive_strided"), value)


def _evolving(v):
    rows = []
    for inputs, seed, epoch, index in product(("fixed", "own"), range(len(v)), (0, 2, 4), (0, 1)):
        change = 0.2 + v[seed] * (inputs == "own") + 0.1 * index
        rows.append(
            {**keys("contrastive", seed), "inputs": inputs, "layer": 5, "filter": index}
            | {"epoch": epoch, "change": None if epoch == 0 else change}
        )
    return {"evolution": table("evolution", rows)}


_BUILT = {
    1: _fractions_lost,
    2: _spread_of_falls,
    3: _shares_of_baselines,
    5: _slopes,
    6: _active,
    7: _noisy,
    8: _banded,
    9: _pure,
    11: _first,
    12: _deep,
    13: _all_but_two,
    14: _middle,
    15: _gains(
        ("speech_commands-contrastive-full", "speech_commands-scratch"),
        ("fsd50k-contrastive-full", "fsd50k-scratch"),
        ("audioset-contrastive-full", "supervised"),
    ),
    16: _gains(
        ("balanced-contrastive-full", "balanced-contrastive_gain-full"),
        ("balanced-contrastive-fconly", "balanced-contrastive_gain-fconly"),
    ),
    17: _cooler,
    18: _doubled,
    19: _gains(("fsd50k-supervised-fconly", "fsd50k-supervised-full")),
    20: _shifted,
    21: _strided,
    22: _evolving,
    23: _selective,
    24: _growing,
    26: _agreeing,
}


def _once(build):
    """The same from tables that are built once, of which copies are given."""
    known = cache(lambda v: build(list(v)))

    def built(values):
        return {name: frame.copy(deep=False) for name, frame in known(tuple(values)).items()}

    return built


BUILDERS = {number: _once(build) for number, build in _BUILT.items()}
