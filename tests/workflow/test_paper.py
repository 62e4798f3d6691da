"""Everything that workflow/configs/paper.yaml names can be built, and takes its first step."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from sonify.config.loading import load
from sonify.data.stream import CropStream
from sonify.models.architecture import Architecture
from sonify.models.cnn import CNN12, count_parameters
from sonify.models.heads import SoundModel
from sonify.plan.plan import Plan
from sonify.training.crops import cutting
from sonify.training.loop import train

ROOT = Path(__file__).resolve().parents[2]
TINY = 1 / 128  # of the filters: one a layer at least
STRIDE = 512 / 8000  # seconds of the shortest crop


def laid_over(base, changes):
    if not isinstance(base, dict) or not isinstance(changes, dict):
        return changes
    return base | {key: laid_over(base.get(key), value) for key, value in changes.items()}


def plan() -> Plan:
    files = (ROOT / "config.yaml", ROOT / "workflow/configs/paper.yaml")
    return Plan(load(laid_over(*(yaml.safe_load(f.read_text("utf-8")) for f in files))))


PLAN = plan()


def test_the_networks_have_the_papers_sizes():
    with torch.device("meta"):
        sizes = {
            name: count_parameters(CNN12(architecture)) / 1e6
            for name, architecture in PLAN.config.models.items()
        }
    assert sizes["CNN12"] == pytest.approx(13.57, abs=0.01)
    assert sizes["CNN12_x2"] == pytest.approx(53.23, abs=0.01)
    assert sizes["CNN12_strided"] == sizes["CNN12"]


def test_the_papers_numbers_are_in_the_configuration():
    recipes = PLAN.training.recipes
    trained = {run.recipe for run in PLAN.models.values()}
    assert {name: recipes[name].batch_size for name in recipes if name in trained} == {
        **dict.fromkeys((n for n in trained if n.startswith("contrastive")), 2048),
        **{"audioset": 1024, "balanced": 128, "fsd50k": 64, "speech_commands": 128},
    }
    assert all(r.warmup_epochs == 10 and r.weight_decay == 1e-3 for r in recipes.values())
    crops = {name: recipe.crop_s for name, recipe in recipes.items()}
    assert (crops["contrastive"], crops["audioset"], crops["fsd50k"]) == (2.5, 5.0, 2.5)
    assert recipes["balanced"].crop_s == 5.0 and recipes["speech_commands"].crop_s == 1.0
    assert len(PLAN.training.seeds) == 3


def test_figure_4_trains_as_the_finetunings_do_that_it_is_compared_with():
    """No number of the miniature is left in what the paper trains alike."""
    recipes = PLAN.training.recipes
    for probe in PLAN.probes.values():
        assert recipes[probe.run.recipe] == recipes[probe.run.dataset], probe.run.recipe


@pytest.mark.parametrize("name", sorted(PLAN.training.recipes))
def test_every_recipe_takes_a_step_with_its_own_batch_and_schedule(make_clips, store, name):
    """Tiny are the network's width and the crops, nothing else; but bfloat16, slow where it is
    computed in software, is left to the two recipes that the others are made of."""
    recipe = dataclasses.replace(PLAN.recipe(name), crop_s=STRIDE)
    if name not in ("contrastive", "audioset"):
        recipe = dataclasses.replace(recipe, precision="float32")
    runs = [run for run in PLAN.models.values() if run.recipe == name]
    runs += [probe.run for probe in PLAN.probes.values() if probe.run.recipe == name]
    made = make_clips([1100] * recipe.batch_size)
    if recipe.objective == "multiclass":  # one label a clip
        made.targets[:] = np.eye(4, dtype=np.uint8)[np.arange(len(made)) % 4]
    clips = store(made, clips_per_part=4096)
    contrastive = recipe.objective == "contrastive"
    head = ("projection", 512) if contrastive else ("classifier", len(clips.classes))
    for kind in {PLAN.config.models[run.architecture].downsampling for run in runs}:
        encoder = CNN12(Architecture(width=TINY, downsampling=kind))
        stream = CropStream(clips, cutting(recipe), (name,), recipe.batch_size, 4096)
        rng = np.random.default_rng(0)
        first = next(train(SoundModel(encoder, *head), stream, recipe, rng))
        assert (first.epoch, first.step) == (1, 1) and np.isfinite(first.loss)
        assert first.learning_rate == pytest.approx(recipe.learning_rate / 11), "of 10 epochs' rise"
