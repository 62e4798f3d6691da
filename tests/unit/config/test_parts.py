"""AudioSet without its unbalanced part: `data.audioset.parts`, and lab.yaml, which uses it."""

import dataclasses
from pathlib import Path

import pytest

from sonify.config.__main__ import _lay_over, overlaid
from sonify.config.loading import load
from sonify.paper.setting import CONTRASTIVE, SUPERVISED, PaperSetting
from sonify.plan.files import Files
from sonify.plan.plan import Plan
from sonify.plan.runs import facts
from sonify.plan.settings import Settings
from sonify.runtime.errors import ConfigError

CONFIGS = Path(__file__).resolve().parents[3] / "workflow" / "configs"


def plan(*overlays: str, **changes) -> Plan:
    config = overlaid([CONFIGS / f"{name}.yaml" for name in overlays])
    _lay_over(config, changes)
    return Plan(load(config))


REST = {"base": "audioset", "splits": ["unbalanced_train"]}
LAB, PAPER = plan("paper", "lab"), plan("paper")


def test_only_the_parts_are_fetched_and_read():
    assert LAB.used_splits("audioset") == ["balanced_train", "eval"]
    assert PAPER.used_splits("audioset") == ["balanced_train", "eval", "unbalanced_train"]
    assert LAB.run("contrastive").splits == LAB.run("supervised").splits == ("balanced_train",)
    inputs = Files(LAB).training_input("contrastive", "0")
    assert inputs["splits"] == ["results/data/audioset/balanced_train"]
    assert Files(LAB).pending_downloads()["audioset"] == 49_800_000_000
    assert '"parts"' not in Settings(LAB).download("audioset")
    assert "; of AudioSet balanced_train and eval alone; " in Settings(LAB).setting


def test_tables_and_claims_take_the_parts_for_audioset():
    """Facts, by which they match runs, are those of the recipes: no claim is lost."""
    known = {run: facts(LAB.config, run) for run in LAB.training.runs}
    assert known == {run: facts(PAPER.config, run) for run in PAPER.training.runs}
    assert CONTRASTIVE.matches("contrastive", known) and SUPERVISED.matches("supervised", known)
    full = PaperSetting("audioset", "contrastive", "full")
    assert full.matches("audioset-contrastive-full", known)
    assert dataclasses.replace(full, balanced=True).matches("balanced-contrastive-full", known)
    assert LAB.models.keys() == PAPER.models.keys()


def test_the_laboratory_has_the_papers_network_and_crops():
    assert LAB.config.models == PAPER.config.models and LAB.config.models["CNN12"].width == 1
    for name, recipe in LAB.training.recipes.items():
        theirs = PAPER.training.recipes[name]
        same = ("crop_s", "learning_rate", "weight_decay", "augmentation", "select", "temperature")
        assert all(getattr(recipe, key) == getattr(theirs, key) for key in same), name
        assert recipe.epochs <= theirs.epochs
    assert LAB.config.scale == "mini" and len(LAB.training.seeds) == 3


@pytest.mark.parametrize(
    ("overlays", "changes", "sentence"),
    [
        (
            [],
            {"data": {"audioset": {"parts": ["balanced_train"]}}},
            "data.audioset.parts lacks 'eval', on which models are scored: add it",
        ),
        (
            [],
            {
                "data": {"audioset": {"parts": ["balanced_train", "eval"]}},
                "training": {"recipes": {"supervised_rest": REST}},
            },
            "training.recipes.supervised_rest.splits names unbalanced_train, which "
            "data.audioset.parts leaves out: add it there, or name another split",
        ),
        (
            ["paper"],
            {"data": {"audioset": {"parts": ["balanced_train", "eval"]}}},
            "scale is 'paper', but data.audioset.parts leaves some of it out: set it to 'mini'",
        ),
        (
            [],
            {"data": {"audioset": {"parts": ["balanced_train", "train"]}}},
            "data.audioset.parts",
        ),
    ],
)  # fmt: skip
def test_what_does_not_go_with_the_parts_is_refused(overlays, changes, sentence):
    with pytest.raises(ConfigError, match=sentence):
        plan(*overlays, **changes)
