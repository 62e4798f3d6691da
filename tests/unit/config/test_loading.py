"""Every fault of a configuration is one sentence naming key, value and remedy."""

import copy
import json
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from sonify.config.loading import load
from sonify.config.types import Config
from sonify.data.corpora.registry import DATASETS
from sonify.models.architecture import Architecture
from sonify.plan.files import Files
from sonify.plan.plan import Plan
from sonify.plan.registry import FIGURES, STAGES
from sonify.plan.runs import facts, resolve
from sonify.plan.settings import Settings
from sonify.runtime.errors import ConfigError

ROOT = Path(__file__).resolve().parents[3]


def checked(config: dict) -> Config:
    """The configuration, if the workflow would take it."""
    return Plan(load(config)).config


def merged(base: dict, changes: dict) -> dict:
    """`base` with `changes` laid over it, key by key, as Snakemake overlays configuration files."""
    out = copy.deepcopy(base)
    for key, value in changes.items():
        nested = isinstance(value, dict) and isinstance(out.get(key), dict)
        out[key] = merged(out[key], value) if nested else value
    return out


CONFIG = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))


@pytest.fixture
def config() -> dict:
    return copy.deepcopy(CONFIG)


def broken(config: dict, dotted: str, value) -> dict:
    """`config` with one leaf set; "<remove>" takes it away."""
    *path, last = dotted.split("/")
    at = config = copy.deepcopy(config)
    for part in path:
        at = at[part]
    if value == "<remove>":
        del at[last]
    else:
        at[last] = value
    return config


def test_the_default_is_valid(config):
    checked(config)


def test_the_smoke_configuration_is_valid(config):
    checked(merged(config, yaml.safe_load((ROOT / "workflow/configs/smoke.yaml").read_text())))


@pytest.fixture
def paper(config) -> dict:
    return merged(config, yaml.safe_load((ROOT / "workflow/configs/paper.yaml").read_text()))


def test_the_changes_that_the_readme_shows_are_valid(config):
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", readme, re.DOTALL)]
    runs = [change for change in shown if "training" in change]
    assert runs
    for change in runs:
        told = checked(merged(config, change)).training.runs
        assert set(change["training"]["runs"]) < set(told)


@pytest.mark.parametrize(("source", "path"), [("local", "my <sounds>"), ("download", "{new}")])
def test_paths_that_snakemake_would_read_otherwise_are_refused(config, source, path):
    changed = merged(config, {"data": {"fsd50k": {"source": source, "path": path}}})
    with pytest.raises(ConfigError, match=r"data.fsd50k.path is .*: Snakemake gives '[<{]' a"):
        checked(changed)


def test_claims_laid_beside_must_be_there_and_of_another_run(config, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def beside(path):
        return merged(config, {"reporting": {"beside": {"recorded sounds": path}}})

    with pytest.raises(ConfigError, match="'there.parquet' for 'recorded sounds', which is not a"):
        checked(beside("there.parquet"))
    (tmp_path / "there.parquet").touch()
    checked(beside("there.parquet"))
    own = tmp_path / "results/reporting/claims.parquet"
    own.parent.mkdir(parents=True)
    own.touch()
    with pytest.raises(ConfigError, match="has this run's own claims for 'recorded sounds'"):
        checked(beside(str(own)))


def test_the_paper_configuration_is_valid_before_anything_is_downloaded(
    paper, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    checked(paper)
    assert Architecture(**paper["models"]["CNN12"]).filters[-1] == 2048
    assert paper["training"]["recipes"]["contrastive"]["batch_size"] == 2048


def test_local_copies_must_be_there(paper, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for dataset in ("audioset", "fsd50k", "speech_commands"):
        paper["data"][dataset]["source"] = "local"
    with pytest.raises(ConfigError, match="data.audioset.path is 'corpora/audioset', which is no"):
        checked(paper)
    for name in ("audioset", "FSD50K", "speech_commands_v0.02"):
        (tmp_path / "corpora" / name).mkdir(parents=True)
    with pytest.raises(ConfigError, match="which lacks class_labels_indices.csv: point it at"):
        checked(paper)
    folders = {
        "audioset": "audioset",
        "fsd50k": "FSD50K",
        "speech_commands": "speech_commands_v0.02",
    }
    for dataset, folder in folders.items():
        for name in DATASETS[dataset].required:
            file = tmp_path / "corpora" / folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch() if "." in Path(name).name[-5:] else file.mkdir(exist_ok=True)
    checked(paper)
    # As a download of the splits in use leaves it: without the list of the other one.
    assert Files(Plan(load(paper))).raw_input("audioset")["lists"] == [
        "corpora/audioset/class_labels_indices.csv"
    ]
    (tmp_path / "corpora/audioset/eval_segments.csv").touch()
    assert Files(Plan(load(paper))).raw_input("audioset")["lists"][1:] == [
        "corpora/audioset/eval_segments.csv"
    ]


@pytest.mark.parametrize(
    ("where", "value", "sentence"),
    [
        ("sonification/tops", 3, r"unknown key 'tops' in sonification: did you mean 'top'"),
        ("sonification/mining/rule", "median", "mining.rule is 'median'"),
        ("sonification/mining/crop_s", 0, "mining.crop_s is 0, but must be more than 0"),
        ("sonification/mining/exclude_labels", ["Noise", "Noise"], "must not repeat an item"),
        (
            "sonification/mining/crop_s",
            0.05,
            r"mining.crop_s is 0.05, or 400 samples, fewer than data.min_samples \d+: raise it",
        ),
        ("scatter/preparing", 1_001, "scatter.preparing is 1001, but must be at most 1000"),
        ("scatter/measuring", 0, "scatter.measuring is 0, but must be at least 1"),
        ("trainnig", {}, "unknown key 'trainnig' in the top level: did you mean 'training'"),
        ("training/reader/shuffle_clips", 1, "shuffle_clips is 1, but must be at least 2"),
        (
            "training/reader/shuffle_clips",
            8,
            "contrastive.batch_size is 16, more than the 8 clips of training.reader.shuffle_clips",
        ),
        ("training/processes", 0, "training.processes is 0, but must be at least 1"),
        (
            "training/processes",
            17,
            "processes is 17, more than the 16 clips of training.recipes.contrastive.batch_size",
        ),
        (
            "training/recipes/fsd50k/epoch",
            3,
            "'epoch' in training.recipes.fsd50k: did you mean 'epochs'",
        ),
        ("data/zzz", 3, r"unknown key 'zzz' in data: it takes min_samples, max_s, .*folder"),
        (
            "training/recipes/audioset/epochs",
            "<remove>",
            "training.recipes.audioset lacks the key 'epochs'",
        ),
        ("training/recipes/fsd50k/epochs", 0, r"epochs is 0, but must be at least 1 \(Passes"),
        ("training/recipes/fsd50k/epochs", "ten", "epochs is 'ten', but must be of type integer"),
        (
            "training/recipes/contrastive/temperature",
            0,
            "temperature is 0, but must be more than 0",
        ),
        ("scale", "huge", "scale is 'huge', but must be one of mini, paper"),
        ("training/seeds", [1, 1], r"training.seeds is \[1, 1\], but must not repeat an item"),
        ("training/seeds", [], r"training.seeds is \[\], but must have at least 1 items"),
        (
            "training/runs/contrastive_x2/seeds",
            [0, 7],
            r"runs.contrastive_x2.seeds is \[0, 7\]",
        ),
        ("training/runs/contrastive/seeds", 0, r"contrastive.seeds is 0, but must be at least 1"),
        (
            "training/runs/Bad name",
            {"recipe": "fsd50k"},
            "a name in training.runs has letters that are",
        ),
        ("data/fsd50k/source", "local", "source is local: set data.fsd50k.path"),
        ("data/fsd50k/base_url", "http://mirror", "base_url is set, but source is synthetic: make"),
        ("data/audioset/hub_url", "http://m", "audioset.hub_url is set, but source is synthetic"),
        ("data/fsd50k/base_url", "/mirror", "base_url is '/mirror', but '/mirror' does not match"),
        ("data/fsd50k/path", "/x", "path is '/x', but source is synthetic: make it null"),
        (
            "data/min_samples",
            100,
            "is 100, less than the 2370 that leave CNN12 a frame",
        ),
        (
            "training/recipes/contrastive/crop_s",
            0.25,
            "contrastive_kept.crop_s is 0.25, 2000 samples, fewer than the 2370 that leave contr",
        ),
        (
            "training/recipes/speech_commands_linear/crop_s",
            0.29,
            "crop_s is 0.29, 2320 samples, fewer than the 2370 that leave contrastive a frame: len",
        ),
        (
            "models/CNN12/width",
            1e-4,
            "models.CNN12.width is 0.0001: it must leave at least one filter",
        ),
        (
            "training/recipes/fsd50k/splits",
            ["eval", "test"],
            "splits names 'test': fsd50k has train, val",
        ),
        ("training/recipes/fsd50k/temperature", 0.1, "temperature is for the contrastive"),
        (
            "training/recipes/contrastive/temperature",
            "<remove>",
            "contrastive.temperature is missing",
        ),
        ("training/recipes/contrastive/mixup_alpha", 0.2, "mixup_alpha needs labels: remove it"),
        (
            "training/recipes/fsd50k/warmup_epochs",
            6,
            "warmup_epochs is 6, but training ends after 6",
        ),
        ("training/recipes/fsd50k/objective", "multiclass", "set it to 'multilabel'"),
        ("training/runs/supervised/recipe", "audioste", "did you mean 'audioset'"),
        ("training/runs/supervised/architecture", "CNN13", "names 'CNN13', which is not defined"),
        ("training/runs/supervised/architecture", "<remove>", "needs either an architecture"),
        (
            "training/runs/twice",
            {"recipe": "fsd50k", "finetune": "full"},
            "needs both start and finetune",
        ),
        (
            "training/runs/twice",
            {"recipe": "fsd50k", "start": "twice", "finetune": "full"},
            "leads back to it",
        ),
        (
            "training/finetuning",
            [{"recipe": "fsd50k", "starts": ["supervized"], "finetune": ["full"]}],
            "finetuning.0.starts names 'supervized', which is not defined: did you mean",
        ),
        (
            "training/finetuning",
            [{"recipe": "fsd50k", "starts": ["supervised", ":"], "finetune": ["full"]}],
            "finetuning.0.starts names ':', which is not defined: there are",
        ),
        (
            "training/finetuning",
            [{"recipe": "Own", "starts": ["supervised"], "finetune": ["full"]}],
            "finetuning.0 makes a run 'Own-supervised-full', and names of runs are lower-case",
        ),
        (
            "training/runs/fsd50k-supervised-full",
            {"recipe": "fsd50k", "architecture": "CNN12"},
            "makes a run fsd50k-supervised-full, which already exists: remove one",
        ),
        (
            "training/recipes/contrastive/checkpoints",
            1,
            "checkpoints is 1: it must be 0, or from 2",
        ),
        ("training/recipes/contrastive_kept/checkpoints", 14, r"to 6 \(every epoch's\)"),
        (
            "training/recipes/contrastive_kept/checkpoints",
            6.0,
            "contrastive_kept.checkpoints is 6.0, but must be of type integer or list",
        ),
        (
            "training/recipes/contrastive_kept/checkpoints",
            [1, 2.5],
            "contrastive_kept.checkpoints.1 is 2.5, but must be of type integer",
        ),
        (
            "training/recipes/contrastive_kept/checkpoints",
            -1,
            "contrastive_kept.checkpoints is -1, but must be at least 0",
        ),
        (
            "training/recipes/contrastive_kept/checkpoints",
            [1, 7],
            r"checkpoints is \[1, 7\]: it must be at least two different epochs in rising order, "
            r"from 0 \(the initial weights\) to 5",
        ),
        (
            "evaluation/layer_importance/probes",
            [{"recipe": "fsd50k_probe", "finetune": "full", "split": "val", "crop_s": 0.05}],
            r"_probe.crop_s is 0.05, 400 samples, fewer than the \d+ that leave contrastive a",
        ),
        ("evaluation/layer_importance/whole", "best", "must be one of finetuned, probe"),
        (
            "evaluation/invariance/case",
            {"layer": 1, "filter": 999},
            "invariance.case is layer 1, filter 999, which contrastive lacks: name another",
        ),
        (
            "data/synthetic/audioset/clip_s",
            2.0,
            "needs clips of 17290 samples, twice its shown_shift, but .*clip_s is 2: lower",
        ),
        ("evaluation/invariance/case", {"layer": 12, "filter": 0}, "case is layer 12, filter 0"),
        ("training/seeds", [0, 1.0], "training.seeds.1 is 1.0, but must be of type integer"),
        (
            "training/runs/again",
            {"recipe": "contrastive_tau02", "start": "contrastive", "finetune": "full"},
            "again is to finetune with contrastive_tau02, which has no labels: name a",
        ),
        ("models/CNN12/width", 0.25, "CNN12_x2.width is 0.25, but CNN12_x2 is CNN12 with .* 0.5"),
        (
            "training/recipes/fsd50k/splits",
            ["train", "eval"],
            "fsd50k.splits has 'eval', on which fsd50k-scratch is scored: train on other splits",
        ),
        (
            "training/recipes/contrastive/splits",
            ["balanced_train", "eval"],
            r"contrastive\w*.splits has 'eval', on which balanced-\S+ is scored: train on other",
        ),
        (
            "evaluation/removal/split",
            "train",
            "fsd50k.splits has 'train', on which fsd50k-contrastive-fconly in evaluation.removal",
        ),
        (
            "evaluation/layer_importance/probes",
            [{"recipe": "fsd50k_probe", "finetune": "full", "split": "train"}],
            "probes scores fsd50k_probe on 'train', which it trains on: name another split",
        ),
        (
            "evaluation/layer_importance/starts",
            ["contrastive", "fsd50k-leak"],
            "fsd50k_val.splits has 'val', on which the probe fsd50k_linear is scored: train on",
        ),
        (
            "evaluation/layer_importance/probes",
            [
                {"recipe": "fsd50k_probe", "finetune": "full", "split": "val"},
                {"recipe": "fsd50k_probe", "finetune": "full", "split": "eval"},
            ],
            "probes has fsd50k_probe and fsd50k_probe, both fsd50k full, where Figure 4 has one",
        ),
        (
            "evaluation/layer_importance/probes",
            [
                {"recipe": "fsd50k_probe", "finetune": "full", "split": "val"},
                {"recipe": "fsd50k_linear", "finetune": "full", "split": "val"},
            ],
            "has fsd50k_probe and fsd50k_linear, both fsd50k full",
        ),
        (
            "evaluation/layer_importance/probes",
            [{"recipe": "balanced", "finetune": "full", "split": "eval"}],
            "probes are none of fsd50k or speech_commands, which Figure 4 shows: name",
        ),
        ("evaluation/layer_importance/starts", ["nobody"], "starts names 'nobody', which"),
        (
            "models/CNN12_strided/width",
            0.25,
            "evaluation.strided differ in more than downsampling, in width: make them alike",
        ),
        (
            "training/runs/contrastive_strided/recipe",
            "contrastive_tau02",
            "strided differ in more than downsampling, in temperature",
        ),
        (
            "evaluation/strided/strided",
            "fsd50k-contrastive_strided-full",
            "strided differ in more than downsampling, in dataset",
        ),
        (
            "sonification/runs",
            ["contrastive", "supervised", "contrastive_long"],
            "sonification.runs and evaluation.strided name contrastive and contrastive_long, which",
        ),
        (
            "evaluation/coherence/runs",
            ["contrastive_long", "supervised"],
            "coherence.runs and evaluation.strided name contrastive_long and contrastive, which",
        ),
        ("evaluation/invariance/shown_shift", 77, "shown_shift is 77, which is not among its sh"),
        (
            "evaluation/evolution/filters_per_layer",
            9,
            "filters_per_layer is 9, but layer 2 of contrastive has 8 filters: lower it",
        ),
        (
            "reporting/pairs/chosen",
            [{"figure": "figure_2", "run": "supervised", "layer": 1, "filter": 8, "rank": 1}],
            "chosen names filter 8 of layer 1 of supervised, which has 0 to 7",
        ),
        (
            "reporting/pairs/chosen",
            [{"figure": "figure_2", "run": "supervised", "layer": 1, "filter": 7, "rank": 4}],
            "chosen names rank 4, but sonification.top is 3: raise it",
        ),
        (
            "evaluation/layer_importance/probes",
            [{"recipe": "contrastive", "finetune": "full", "split": "eval"}],
            "probes names contrastive, which has no labels: replace it",
        ),
        (
            "evaluation/layer_importance/probes",
            [{"recipe": "fsd50k_probe", "finetune": "full", "split": "test"}],
            "probes scores fsd50k_probe on 'test': fsd50k has train, val, eval",
        ),
        ("evaluation/strided/strided", "contrastive", "has downsampling pool: name a run with str"),
        (
            "evaluation/evolution/runs",
            ["contrastive_x2"],
            "'contrastive_x2', which is not sonified",
        ),
        ("evaluation/evolution/runs", ["supervised"], "of whose training no states are kept: set"),
        ("evaluation/invariance/shifts", [0], "shifts.0 is 0, but must be at least 1"),
        (
            "reporting/pairs/chosen",
            [{"figure": "figure_2", "run": "x", "layer": 1, "filter": 0, "rank": 1}],
            "reporting.pairs.chosen names 'x', which is not sonified: add it",
        ),
        (
            "sonification/runs",
            ["contrastiv"],
            "names 'contrastiv', which is not defined: did you mean",
        ),
        (
            "sonification/split",
            "test",
            "sonification.split names 'test': audioset has balanced_train",
        ),
        (
            "evaluation/removal/runs",
            ["contrastive"],
            "'contrastive', which has no classifier for fsd50k",
        ),
        ("evaluation/coherence/top_k", 200, "top_k is 200, but must be at most 129"),
        (
            "reporting/listen/layers",
            [12],
            "listen names layer 12, but contrastive has layers 1",
        ),
        ("reporting/listen/per_layer", 0, "per_layer is 0, but must be at least 1"),
        (
            "evaluation/coherence/runs",
            [],
            "coherence.runs is \\[\\], but must have at least 1 items",
        ),
        ("training/runs/7", {"recipe": "fsd50k"}, "needs either an architecture"),
        ("scale", "paper", "scale is 'paper', but audioset is synthetic: set it to 'mini'"),
        (
            "training/recipes/audioset/augmentation/gain_db",
            [6, -18],
            r"gain_db is \[6, -18\]: it must",
        ),
        ("data/synthetic/fsd50k/min_s", 9, "min_s is 9, more than max_s 2.5: lower it"),
        ("training/recipes/contrastive/crop_s", 2.5, "needs 5 s for its two crops, but data.synth"),
        (
            "evaluation/coherence/nperseg",
            2048,
            "needs clips of 3072 samples, but data.min_samples is 2370",
        ),
        (
            "evaluation/coherence_by_filter/noverlap",
            160,
            "noverlap is 160, but segments have 160 samples: lower it, or raise nperseg",
        ),
        (
            "evaluation/coherence_by_filter/nfft",
            100,
            "nfft is 100, but segments have 160 samples: raise it, or lower nperseg",
        ),
        ("data/audioset/min_duration_s", 100, "is 100, longer than the 60 s of data.max_s"),
        ("training/recipes/fsd50k/placement", "first_half", "placement is for the contrastive"),
        (
            "training/runs/twin",
            {"recipe": "fsd50k", "architecture": "CNN12"},
            "fsd50k-scratch and twin would be the same row of a table",
        ),
    ],
)
def test_faults_are_told_in_one_sentence(config, where, value, sentence):
    # Runs for some of the faults, with nothing wrong about them.
    recipes, training = config["training"]["recipes"], config["training"]
    recipes["contrastive_long"] = {"base": "contrastive", "epochs": 9}
    recipes["fsd50k_val"] = {"base": "fsd50k", "splits": ["train", "val"]}
    recipes["Own"] = {"base": "fsd50k"}
    training["runs"]["contrastive_long"] = {"recipe": "contrastive_long", "architecture": "CNN12"}
    training["runs"]["fsd50k-leak"] = {"recipe": "fsd50k_val", "architecture": "CNN12"}
    own = {"recipe": "fsd50k", "starts": ["contrastive_strided"], "finetune": ["full"]}
    training["finetuning"].append(own)
    checked(config)
    with pytest.raises(ConfigError, match=sentence) as caught:
        checked(broken(config, where, value))
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 300


BASED = {  # what names its base, the base, and one that names the first in its turn
    "models": ("CNN12_x2", "CNN12", "CNN12_x4"),
    "training/recipes": ("balanced", "audioset", "balanced_again"),
}


@pytest.mark.parametrize("block", BASED)
def test_bases_that_there_are_not_are_refused(config, block):
    name, base, third = BASED[block]
    kind, key = block.split("/")[-1].removesuffix("s"), block.replace("/", ".")
    at = f"{block}/{name}/base"
    entries = config["models"] if block == "models" else config["training"]["recipes"]
    entries[third] = {"base": name}
    checked(config)
    for where, value, sentence in (
        (at, f"{base}t", f"{key}.{name}.base names '{base}t', which is not defined: did you mean"),
        (at, name, f"{key}.{name}.base leads back to it: take another {kind} as base"),
        (f"{block}/{base}/base", third, f"base leads back to it: take another {kind} as base"),
        (at, [base], rf"{key}.{name}.base is \['{base}'\], but must be the name of one {kind}"),
        (at, None, f"{key}.{name}.base is None, but must be the name of one {kind}"),
    ):
        with pytest.raises(ConfigError, match=sentence):
            checked(broken(config, where, value))


@pytest.mark.parametrize(
    ("where", "value", "sentence"),
    [
        ("models/CNN12/featuers", 8, "unknown key 'featuers' in models.CNN12: did you mean 'feat"),
        ("models/CNN12/dropout", 1, "config: models.CNN12.dropout is 1, but must be less than 1"),
        ("models/CNN12_x2/width", 9, "config: models.CNN12_x2.width is 9, but must be at most 8"),
        (
            "training/recipes/audioset/epochs",
            0,
            "config: training.recipes.audioset.epochs is 0, but must be at least 1",
        ),
        (
            "training/recipes/contrastive_mask/temperature",
            0,
            "config: training.recipes.contrastive_mask.temperature is 0, but must be more than 0",
        ),
    ],
)
def test_faults_of_a_base_are_told_where_they_were_written(config, where, value, sentence):
    """Other models and recipes have each fault as well, from their base or its own base."""
    config["models"]["CNN12_x4"] = {"base": "CNN12_x2"}
    checked(config)
    with pytest.raises(ConfigError, match=sentence):
        checked(broken(config, where, value))


@pytest.mark.parametrize("number", [float("inf"), float("nan")])
def test_numbers_must_be_finite(config, number):
    with pytest.raises(ConfigError, match=f"learning_rate in fsd50k is {number}: give a finite"):
        checked(broken(config, "training/recipes/fsd50k/learning_rate", number))


def test_names_that_yaml_reads_as_numbers_are_refused(config):
    config["training"]["runs"][2021] = {"recipe": "fsd50k", "architecture": "CNN12"}
    with pytest.raises(ConfigError, match="the name 2021 in runs is not text: put it in quotes"):
        checked(config)


def test_bins_and_classifiers_must_be_there(config):
    small = broken(config, "evaluation/coherence/nperseg", 16)
    with pytest.raises(ConfigError, match="top_k is 12, but nperseg 16 has only 9 bins: lower it"):
        checked(broken(small, "evaluation/coherence/top_k", 12))
    config["training"]["finetuning"] = []
    for run in list(config["training"]["runs"]):
        if run not in ("contrastive", "contrastive_strided"):
            del config["training"]["runs"][run]
    for stage in (config["sonification"], config["evaluation"]["coherence"]):
        stage["runs"] = ["contrastive"]
    config["evaluation"]["removal"]["runs"] = ["contrastive"]
    with pytest.raises(ConfigError, match="has no classifier for fsd50k"):
        checked(config)


def test_runs_resolve_to_what_the_tables_call_them(config):
    config = checked(config)
    full = resolve(config, "fsd50k-contrastive-full")
    assert (full.regime, full.finetune, full.dataset) == ("contrastive", "full", "fsd50k")
    assert (full.start, full.architecture) == ("contrastive", "CNN12")
    scratch = resolve(config, "fsd50k-scratch")
    assert (scratch.regime, scratch.finetune, scratch.start) == ("supervised", "none", None)


def test_models_with_a_base_are_that_model_but_for_their_own_keys(config):
    layout = {"filters": [64, 128], "kernels": [5, 3], "pools": [2, 1]}
    config["models"]["CNN12"]["layout"] = layout
    config["models"]["twice"] = {"base": "CNN12_x2", "dropout": 0.1, "layout": {"pools": [4, 1]}}
    given = copy.deepcopy(config)
    models = load(config).models
    first = models["CNN12"]
    assert models["CNN12_x2"] == replace(first, width=0.25)
    assert models["CNN12_strided"] == replace(first, downsampling="strided")
    assert models["twice"] == replace(
        first, width=0.25, dropout=0.1, layout=replace(first.blocks, pools=(4, 1))
    )
    assert config == given, "the argument is left alone"


def test_recipes_with_a_base_are_that_recipe_but_for_their_own_keys(config):
    recipes = checked(config).training.recipes
    for name in ("contrastive_gain", "contrastive_noise", "contrastive_mask"):
        own = replace(recipes[name], augmentation=recipes["contrastive"].augmentation)
        assert own == recipes["contrastive"]
    on = {n: list(r.augmentation.used) for n, r in recipes.items()}
    assert on["contrastive_gain"] == ["gain_db"]
    assert on["contrastive_noise"] == ["gain_db", "noise_amplitude"]
    assert on["contrastive_mask"] == ["gain_db", "noise_amplitude", "time_mask"]
    assert len(on["contrastive"]) == 4
    config["training"]["recipes"]["contrastive"]["epochs"] = 7
    assert checked(config).training.recipes["contrastive_gain"].epochs == 7
    assert "base" in config["training"]["recipes"]["contrastive_gain"], "the argument is left alone"


def test_the_matrix_is_that_of_the_paper(config):
    """Tables A.1, A.2, A.4 and A.6, and Figure 4, by the facts of their runs."""
    plan = Plan(load(config))
    found = [facts(plan.config, run) for run in plan.classifiers]
    kinds = Counter((f.dataset, f.splits, f.finetune) for f in found)
    whole, balanced = ("balanced_train", "unbalanced_train"), ("balanced_train",)
    assert kinds == {
        **{("audioset", balanced, "fconly"): 7, ("audioset", balanced, "full"): 7},
        **{("audioset", whole, kind): n for kind, n in {"none": 1, "fconly": 1, "full": 2}.items()},
        **{
            ("fsd50k", ("train",), kind): n
            for kind, n in {"none": 1, "fconly": 3, "full": 3}.items()
        },
        **{
            ("speech_commands", ("train",), kind): n
            for kind, n in {"none": 1, "fconly": 2, "full": 2}.items()
        },
    }
    settings = {
        (f.architecture, f.temperature, len(f.augmentation)) for f in found if f.splits == balanced
    }
    assert settings == {
        *(("CNN12", 0.1, n) for n in (1, 2, 3, 4)),
        *(("CNN12", tau, 4) for tau in (0.2, 0.3)),
        ("CNN12_x2", 0.1, 4),
    }
    probes = {(p.run.dataset, p.run.regime, p.run.finetune, p.seed) for p in plan.probes.values()}
    frozen, whole = len(config["training"]["seeds"]), 3
    assert len(probes) == 2 * 2 * (frozen + whole)
    assert all(p.layers == tuple(range(1, 13)) for p in plan.probes.values())


def test_runs_with_fewer_seeds(config):
    """Finetunings follow their start, or have fewer still; stages follow the runs."""
    training = config["training"]
    training["seeds"] = [3, 0, 5, 1]
    training["runs"]["contrastive"]["seeds"] = 3
    training["runs"]["contrastive_strided"]["seeds"] = 2
    fewer = {"recipe": "fsd50k", "start": "contrastive_strided", "finetune": "full", "seeds": 1}
    training["runs"]["fewer"] = fewer
    config["evaluation"]["layer_importance"]["whole"] = "finetuned"
    for probe in config["evaluation"]["layer_importance"]["probes"]:
        probe["seeds"] = None
    plan = Plan(load(config))
    assert plan.seeds("contrastive") == (3, 0, 5) == plan.seeds("fsd50k-contrastive-full")
    assert plan.seeds("supervised") == (3, 0, 5, 1) == plan.seeds("fsd50k-scratch")
    assert plan.models_of(["fewer"]) == ["fewer-s3"] and "fewer-s0" not in plan.models
    assert plan.sonified_models == [
        *(f"contrastive-s{seed}" for seed in (3, 0, 5)),
        *(f"supervised-s{seed}" for seed in (3, 0, 5, 1)),
    ]
    assert plan.shown_models == ["contrastive-s3", "supervised-s3"]
    probes = {"contrastive": set(), "supervised": set()}
    for probe in plan.probes.values():
        probes[probe.run.start].add(probe.seed)
        assert f"{probe.finetuned or probe.run.start}-s{probe.seed}" in plan.models
    assert probes == {"contrastive": {3, 0, 5}, "supervised": {3, 0, 5, 1}}
    for model, run in plan.models.items():
        assert not run.start or f"{run.start}-s{model.rpartition('-s')[2]}" in plan.models
    fewer["seeds"] = 9
    assert Plan(load(config)).models_of(["fewer"]) == ["fewer-s3", "fewer-s0"], "its start has two"


def test_measurements_with_fewer_seeds(config):
    config["training"]["seeds"] = [3, 0, 5, 1]
    config["training"]["runs"]["contrastive"]["seeds"] = 1
    stages = config["evaluation"]
    for probe in stages["layer_importance"]["probes"]:
        probe["seeds"] = None
    stages["layer_importance"]["probes"][0]["seeds"] = 2
    stages["sensitivity"]["seeds"] = 2
    plan = Plan(load(config))
    first = stages["layer_importance"]["probes"][0]["recipe"]
    seeds = {(p.run.recipe == first, p.run.start, p.seed) for p in plan.probes.values()}
    assert seeds == {
        *((is_first, "contrastive", 3) for is_first in (True, False)),
        *((True, "supervised", seed) for seed in (3, 0)),
        *((False, "supervised", seed) for seed in (3, 0, 5, 1)),
    }
    compared = {model for model in plan.models if plan.compares_choices(model)}
    assert {"supervised-s3", "supervised-s0", "contrastive-s3"} <= compared
    assert not {"supervised-s5", "supervised-s1"} & compared
    stages["sensitivity"]["seeds"] = None
    assert all(map(Plan(load(config)).compares_choices, plan.models))


def test_claims_know_what_probes_start_from(config):
    found = json.loads(Settings(Plan(load(config))).claims())["probes"]
    kinds = config["evaluation"]["layer_importance"]["probes"]
    assert found == {
        f"{kind['recipe']}-{start}-{kind['finetune']}": start
        for kind in kinds
        for start in ("contrastive", "supervised")
    }


def test_the_whole_encoder_may_be_the_run_that_was_finetuned(config):
    config["evaluation"]["layer_importance"]["whole"] = "finetuned"
    plan = Plan(checked(config))
    trained = [p for p in plan.probes.values() if not p.finetuned]
    assert all(p.layers == tuple(range(1, 12)) for p in trained) and len(trained) == 4 * (5 + 3)
    whole = {name: p for name, p in plan.probes.items() if p.finetuned}
    assert {p.finetuned for p in whole.values()} == {
        f"{dataset}-{start}-{finetune}"
        for dataset in ("fsd50k", "speech_commands")
        for start in ("contrastive", "supervised")
        for finetune in ("fconly", "full")
    }
    assert len(whole) == 4 * (5 + 3) and set(whole) < set(plan.models), (
        "a job is called as its model"
    )
    stage, job = STAGES["layer_importance"], "fsd50k-supervised-full-s1"
    inputs = Files(plan).stage_input(stage, job)
    assert inputs["weights"] == f"results/models/{job}/model.safetensors"
    assert inputs["splits"] == ["results/data/fsd50k-s1/val"]
    settings = json.loads(Settings(plan).evaluation_job(stage, job))
    assert settings["recipe"] is None and settings["layers"] == [12]
    starts = json.loads(Settings(plan).claims())["probes"]
    assert (
        starts["fsd50k-supervised-full"] == starts["fsd50k_probe-supervised-full"] == "supervised"
    )
    drawn = json.loads(Settings(plan).figure(FIGURES["figure_4"]))
    assert drawn["finetuned"]["fsd50k-supervised-full"] == "fsd50k_probe-supervised-full"
    assert set(drawn["whole"]) == set(starts)
    config["training"]["recipes"]["fsd50k"]["splits"] = ["train", "val"]
    for probe in ("fsd50k_probe", "fsd50k_linear"):
        config["training"]["recipes"][probe]["splits"] = ["train"]
    with pytest.raises(ConfigError, match="but no run finetunes contrastive fconly on fsd50k: add"):
        Plan(checked(config))


def test_frozen_probes_stay_together_and_others_are_cut_into_jobs(config):
    config["evaluation"]["layer_importance"]["layers_per_job"] = 5
    probes = Plan(load(config)).probes.values()
    own = {p.run.finetune: [q.layers for q in probes if q.run.name == p.run.name] for p in probes}
    assert own["fconly"][:1] == [tuple(range(1, 13))]
    assert own["full"][:3] == [(1, 2, 3, 4, 5), (6, 7, 8, 9, 10), (11, 12)]


def test_own_recordings_are_there_when_they_are_configured(config, tmp_path):
    recipes = config["training"]["recipes"]
    recipes["mine"] = {"base": "fsd50k", "dataset": "folder", "splits": ["train"]}
    with pytest.raises(ConfigError, match="are of folder, which is missing: add data.folder"):
        checked(config)
    config["data"]["folder"] = {"source": "local", "path": str(tmp_path)}
    for objective in ("multilabel", "multiclass"):
        recipes["mine"]["objective"] = objective
        plan = Plan(checked(config))
        assert "results/data/folder/eval" in Files(plan).prepared_files
    recipes["mine"]["splits"] = ["test"]
    with pytest.raises(ConfigError, match="names 'test': folder has train, val, eval"):
        checked(config)


def test_each_seed_has_its_own_synthesised_corpora_and_shares_the_others(config, tmp_path):
    config["training"]["seeds"] = [3, 7]
    config["data"]["folder"] = {"source": "local", "path": str(tmp_path)}
    config["data"]["fsd50k"] |= {"source": "download", "path": "copies/FSD50K"}
    files = Files(Plan(checked(config)))
    made = [f"results/data/{d}-s{s}" for d in ("audioset", "speech_commands") for s in (3, 7)]
    folders = [*made[:2], "results/data/fsd50k", *made[2:], "results/data/folder"]
    assert files.prepared_folders == folders
    assert {str(Path(file).parents[0]) for file in files.prepared_files} == set(folders)
    assert files.raw_root("audioset", 7) == "results/data/raw/audioset-s7"
    assert files.raw_input("audioset") == {"root": "results/data/raw/audioset-s{seed}"}
    assert files.raw_root("fsd50k", 7) == files.raw_root("fsd50k") == "copies/FSD50K"
    for rule, corpora in (("synthesise", made), ("prepare", folders)):
        told = {f"results/benchmarks/{rule}/{Path(folder).name}.tsv" for folder in corpora}
        assert told == {b for b in files.benchmarks if f"/{rule}/" in b}


def test_a_model_reads_the_corpora_of_its_seed(config):
    config["training"]["seeds"] = [3, 7]
    plan = Plan(checked(config))
    files = Files(plan)
    found = files.training_input("fsd50k-contrastive-full", "7")
    assert found["splits"] == ["results/data/fsd50k-s7/train"]
    assert found["weights"] == "results/models/contrastive-s7/model.safetensors"
    assert files.mining_input("supervised-s7")["splits"] == ["results/data/audioset-s7/eval"]
    for stage in STAGES.values():
        for job in stage.jobs(plan):
            seed = plan.seed_of(stage.model(plan, job))
            clips = stage.clips(plan, job)
            folder = files.data_folder(clips.dataset, seed)
            inputs = files.stage_input(stage, job)
            assert inputs["vocabulary"] == f"{folder}/vocabulary.parquet"
            assert inputs["splits"] == [f"{folder}/{split}" for split in clips.splits]
    # Figures of single sounds show the first seed, and another seed does not draw them anew.
    shown = "results/data/audioset-s3"
    assert files.shown_data == [shown]
    assert files.shown_clips == [f"{shown}/manifest.parquet", f"{shown}/eval"]


def test_a_folder_of_backgrounds_must_be_there(config, tmp_path):
    augmentation = config["training"]["recipes"]["contrastive"]["augmentation"]
    augmentation["background_folder"] = str(tmp_path)
    found = checked(config).training.recipes["contrastive_tau02"]
    assert found.augmentation.background_folder == str(tmp_path)
    augmentation["background_folder"] = str(tmp_path / "none")
    with pytest.raises(
        ConfigError, match=r"background_folder is .*none', which is not a directory"
    ):
        checked(config)


def test_the_shortest_duration_and_the_level_reach_preparation_alone(config):
    usual = Settings(Plan(checked(config)))
    config["data"]["fsd50k"]["min_duration_s"] = 5
    config["data"]["peak_scaling"] = False
    changed = Settings(Plan(checked(config)))
    assert json.loads(usual.prepare("fsd50k"))["min_duration_s"] is None
    told = json.loads(changed.prepare("fsd50k"))
    assert (told["min_duration_s"], told["peak_scaling"]) == (5, False)
    assert json.loads(changed.prepare("audioset"))["min_duration_s"] is None
    assert changed.download("fsd50k") == usual.download("fsd50k")
    assert changed.train("fsd50k-scratch") == usual.train("fsd50k-scratch")


SELECTED = {"select": "best_on_val", "val_split": "val", "val_crop_s": 1.0}


@pytest.mark.parametrize(
    ("recipe", "changes", "message"),
    [
        ("fsd50k", {"val_split": "eval"}, r"fsd50k.val_split is 'eval', on which fsd50k is scored"),
        ("fsd50k", {"val_split": "train"}, r"'train', on which \S+ is trained: select on another"),
        ("fsd50k", {"val_split": "dev"}, r"fsd50k.val_split names 'dev': fsd50k has train, val"),
        ("fsd50k_probe", {}, "trains probes, which are scored after the last epoch"),
    ],
)
def test_models_are_selected_on_clips_that_are_neither_trained_nor_scored_on(
    config, recipe, changes, message
):
    recipes = config["training"]["recipes"]
    for probe in ("fsd50k_probe", "fsd50k_linear"):
        recipes[probe]["select"] = "last"
    recipes["fsd50k"] |= SELECTED
    assert (
        "results/data/fsd50k-s0/val"
        in (Files(Plan(checked(config))).training_input("fsd50k-scratch", "0")["splits"])
    )
    recipes[recipe] |= SELECTED | changes
    with pytest.raises(ConfigError, match=message):
        Plan(checked(config))


@pytest.mark.parametrize(
    ("value", "remedy"),
    [("1e-3", "1.0e-3"), ("1E3", "1.0e+3"), ("2.5e3", "2.5e+3"), ("0,01", "0.01, without quotes")],
)
def test_a_number_that_yaml_takes_for_text_comes_with_its_spelling(config, value, remedy):
    recipe = next(iter(config["training"]["recipes"]))
    changed = broken(config, f"training/recipes/{recipe}/learning_rate", value)
    with pytest.raises(ConfigError, match=re.escape(f"'{value}', but must be")) as caught:
        load(changed)
    assert str(caught.value).endswith(f": write {remedy}")


def test_processes_that_share_trainings_need_a_gpu_each(config):
    assert load(config).training.processes == 1
    shared = merged(config, {"device": "mps", "training": {"processes": 2}})
    with pytest.raises(ConfigError, match="processes is 2, but device 'mps' is one GPU: set it"):
        load(shared)
    assert load(shared | {"device": "cuda"}).training.processes == 2
