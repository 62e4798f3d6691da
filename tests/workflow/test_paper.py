"""What paper.yaml and authors.yaml name can be built, and takes its first step."""

import dataclasses
from collections.abc import Iterator
from functools import reduce
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from sonify.config.loading import load
from sonify.data.stream import CropStream
from sonify.models.cnn import CNN12, count_parameters
from sonify.models.heads import SoundModel
from sonify.plan.files import Files
from sonify.plan.plan import Plan
from sonify.training.crops import cutting
from sonify.training.loop import train
from sonify.training.settings import Run

ROOT = Path(__file__).resolve().parents[2]
TINY = 1 / 64  # of the filters: one a layer at least
SHORTEST = 2370 / 8000  # seconds of the shortest crop
GAP = 0.01  # seconds
# What changes neither batch nor schedule.
NO_MATTER = ("temperature", "augmentation", "checkpoints", "kept_epochs", "background_mixing")


def laid_over(base, changes):
    if not isinstance(base, dict) or not isinstance(changes, dict):
        return changes
    return base | {key: laid_over(base.get(key), value) for key, value in changes.items()}


def plan(*overlays: str) -> Plan:
    files = [ROOT / "config.yaml", *(ROOT / f"workflow/configs/{name}.yaml" for name in overlays)]
    return Plan(load(reduce(laid_over, (yaml.safe_load(f.read_text("utf-8")) for f in files))))


PLAN = plan("paper")
AS_RUN = plan("paper", "authors")
PLANS = {"paper": PLAN, "authors": AS_RUN}


def test_the_networks_have_the_papers_sizes():
    with torch.device("meta"):
        models = {name: CNN12(shape) for name, shape in PLAN.config.models.items()}
        sizes = {name: count_parameters(model) for name, model in models.items()}
        heads = *(("classifier", n) for n in (527, 200, 35)), ("projection", 512)
        whole = [count_parameters(SoundModel(models["CNN12"], *head)) for head in heads]
    assert sizes == {"CNN12": 13_757_248, "CNN12_x2": 52_917_376, "CNN12_strided": 13_757_248}
    assert whole == [14_027_599, 13_859_848, 13_775_203, 14_282_048]
    assert PLAN.config.models == AS_RUN.config.models
    assert all(m.dropout.p == 0.4 for m in models.values())
    assert PLAN.config.data.min_samples == models["CNN12"].architecture.shortest_clip() == 2_370


def test_the_papers_numbers_are_in_the_configuration():
    recipes = PLAN.training.recipes
    trained = {run.recipe for run in PLAN.models.values()}
    assert {name: recipes[name].batch_size for name in recipes if name in trained} == {
        **dict.fromkeys((n for n in trained if n.startswith("contrastive")), 2048),
        **{"audioset": 1024, "audioset_scratch": 1024, "balanced": 128},
        **{"fsd50k": 64, "speech_commands": 128},
    }
    assert all(r.warmup_epochs == 10 and r.weight_decay == 1e-3 for r in recipes.values())
    crops = {name: recipe.crop_s for name, recipe in recipes.items()}
    assert (crops["contrastive"], crops["audioset"], crops["fsd50k"]) == (2.5, 5.0, 2.5)
    assert recipes["balanced"].crop_s == 5.0 and recipes["speech_commands"].crop_s == 1.0
    assert len(PLAN.training.seeds) == 3


def test_clips_are_mined_as_the_authors_code_does():
    for config in (PLAN.config, AS_RUN.config):
        mining = config.sonification.mining
        assert (mining.rule, mining.crop_s, config.sonification.rule) == ("mean", 5, "mean")
        # Their rule: "noise" in the name, or one of two more.
        assert sum("noise" in name.lower() for name in mining.exclude_labels) == 7
        assert {"Sine wave", "Static"} < set(mining.exclude_labels)


def test_figure_4_trains_as_the_finetunings_do_that_it_is_compared_with():
    """No number of the miniature is left in what the paper trains alike, but for the epochs
    and for the state that is taken."""
    recipes = PLAN.training.recipes
    for probe in PLAN.probes.values():
        alike = dataclasses.replace(recipes[probe.run.dataset], epochs=50, select="last")
        assert recipes[probe.run.recipe] == alike, probe.run.recipe


def test_figures_4_and_5_follow_the_authors_protocols():
    for plan in PLANS.values():
        crops = {(p.run.dataset, p.split, p.crop_s) for p in plan.probes.values()}
        assert crops == {("fsd50k", "val", 5), ("speech_commands", "val", 1)}
        whole = [p for p in plan.probes.values() if p.finetuned]
        assert len(whole) == 3 * 2 * 2 * 2 and {p.layers for p in whole} == {(12,)}
        recipes = plan.training.recipes
        assert all(recipes[plan.run(p.finetuned).recipe].select == "best_on_val" for p in whole)
        kept = {run: recipes[plan.run(run).recipe].kept_epochs for run in ("contrastive",)}
        assert kept == {"contrastive": (1, 20, 40, 60, 80, 100)}
        case = plan.evaluation.invariance
        assert (case.case.layer, case.case.filter, case.shown_shift) == (1, 0, 8645)


def changes(plan: Plan, base: Plan, name: str) -> dict:
    """The values of a recipe that are others in `base`."""
    now, before = (dataclasses.asdict(p.training.recipes[name]) for p in (plan, base))
    now, before = ({**v.pop("augmentation"), **v} for v in (now, before))
    return {key: value for key, value in now.items() if value != before[key]}


def test_as_run_is_the_paper_but_for_what_the_code_has_otherwise():
    contrastive = {
        "negatives_within": 256, "weight_decay": 1e-5, "background_mixing": "convex"
    }  # fmt: skip
    speech = {"weight_decay": 0.0, "mixup_targets": "batch_mean"}
    expected = {
        **{name: contrastive for name in PLAN.training.recipes if name.startswith("contrastive")},
        **{name: {"weight_decay": 0.0} for name in ("audioset", "balanced", "fsd50k")},
        **{name: {"weight_decay": 0.0} for name in ("fsd50k_probe", "fsd50k_linear")},
        "audioset_scratch": {"weight_decay": 0.0, "crop_s": 2.5},
        "speech_commands": speech | {"weight_decay": 1e-5},
        **dict.fromkeys(("speech_commands_probe", "speech_commands_linear"), speech),
    }
    assert {n: changes(AS_RUN, PLAN, n) for n in PLAN.training.recipes} == expected
    assert AS_RUN.models.keys() == PLAN.models.keys()
    other = {n for n in PLAN.models if AS_RUN.models[n].recipe != PLAN.models[n].recipe}
    assert other == {f"fsd50k-supervised-{f}-s{s}" for f in ("fconly", "full") for s in (0, 1, 2)}
    assert AS_RUN.training.recipes["fsd50k_supervised"].batch_size == 128
    assert (PLAN.config.data.peak_scaling, AS_RUN.config.data.peak_scaling) == (True, False)
    for plan in PLANS.values():
        durations = {n: source.min_duration_s for n, source in plan.config.data.sources.items()}
        assert durations == {"audioset": 10, "fsd50k": 5, "speech_commands": 1}


def runs_of(plan: Plan, name: str) -> list[Run]:
    runs = [run for run in plan.models.values() if run.recipe == name]
    return runs + [probe.run for probe in plan.probes.values() if probe.run.recipe == name]


def cases() -> Iterator:
    """Every recipe; slow are those whose batch, schedule and models are those of another before,
    and, of two in bfloat16, which some processors compute in software, the larger."""
    seen = set()
    for which, plan in PLANS.items():
        for name in plan.training.recipes:
            values = dataclasses.asdict(plan.recipe(name)).items()
            schedule = str([item for item in values if item[0] not in NO_MATTER])
            key = (schedule, frozenset(run.architecture for run in runs_of(plan, name)))
            marks = [pytest.mark.slow] if key in seen else []
            seen.add(key)
            yield pytest.param(which, name, "float32", marks=marks)
    yield pytest.param("paper", "audioset", "bfloat16")
    yield pytest.param("paper", "contrastive", "bfloat16", marks=pytest.mark.slow)


@pytest.mark.parametrize(("which", "name", "precision"), list(cases()))
def test_every_recipe_takes_a_step_with_its_own_batch_and_schedule(
    make_clips, store, which, name, precision
):
    """Tiny are the network's width, the crops and their gap, nothing else."""
    plan = PLANS[which]
    recipe = plan.recipe(name)
    gap = GAP if recipe.min_gap_s else 0
    recipe = dataclasses.replace(recipe, crop_s=SHORTEST, min_gap_s=gap, precision=precision)
    runs = runs_of(plan, name)
    samples = round(2 * recipe.needed_s * 8_000)
    made = make_clips([samples] * recipe.batch_size)
    if recipe.objective == "multiclass":  # one label a clip
        made.targets[:] = np.eye(4, dtype=np.uint8)[np.arange(len(made)) % 4]
    clips = store(made, clips_per_part=4096)
    contrastive = recipe.objective == "contrastive"
    head = ("projection", 512) if contrastive else ("classifier", len(clips.classes))
    for named in {run.architecture for run in runs}:
        encoder = CNN12(dataclasses.replace(plan.config.models[named], width=TINY))
        stream = CropStream(clips, cutting(recipe), (name,), recipe.batch_size, 4096)
        rng = np.random.default_rng(0)
        first = next(train(SoundModel(encoder, *head), stream, recipe, rng))
        assert (first.epoch, first.step) == (1, 1) and np.isfinite(first.loss)
        assert first.learning_rate == pytest.approx(recipe.learning_rate / 11), "of 10 epochs' rise"


def test_models_of_fsd50k_and_speech_commands_are_selected_on_val_and_no_others():
    for plan in PLANS.values():
        trained = {run.recipe for run in plan.models.values()}
        chosen = {n: plan.training.recipes[n].validated_split for n in trained}
        selected = {name for name, split in chosen.items() if split == "val"}
        assert selected == {n for n in trained if n.startswith(("fsd50k", "speech_commands"))}
        assert set(chosen.values()) == {None, "val"}
        assert "val" in plan.used_splits("speech_commands")
        inputs = Files(plan).training_input("fsd50k-scratch", "0")
        assert inputs["splits"] == ["results/data/fsd50k/train", "results/data/fsd50k/val"]
