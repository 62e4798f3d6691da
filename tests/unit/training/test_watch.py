"""Trainings shown by tools that are not there: modules of their names, which note what they get."""

import dataclasses
import sys
from importlib.machinery import ModuleSpec
from types import ModuleType, SimpleNamespace

import pytest
import torch
from deaths import Killed, Mortal
from shallow import SHAPE

from sonify.evaluation.metrics.ranking import selection_score
from sonify.runtime.errors import SonifyError
from sonify.training.recipe import Recipe
from sonify.training.resume import Saver
from sonify.training.run import train_run
from sonify.training.settings import Run
from sonify.training.watch import watching

RECIPE = Recipe(
    objective="multilabel",
    epochs=3,
    batch_size=4,
    crop_s=0.2,
    learning_rate=1e-3,
    weight_decay=0.0,
    warmup_epochs=1,
    select="best_on_val",
    holdout=0.2,
    val_crop_s=0.2,
)
RUN = Run("scratch", "r", "fsd50k", ("train",), "supervised", "none", None, "CNN12")
STEPS = 9


@pytest.fixture
def tools(monkeypatch):
    """Fakes of both tools; what they were told."""
    told = SimpleNamespace(writers=[], scalars=[], closed=0, runs=[], logs=[], finished=0)

    class SummaryWriter:
        def __init__(self, folder, purge_step):
            told.writers.append((folder, purge_step))

        def add_scalar(self, name, value, step):
            told.scalars.append((step, name, value))

        def flush(self):
            pass

        def close(self):
            told.closed += 1

    def finish():
        told.finished += 1

    def init(**options):
        told.runs.append(options)
        return SimpleNamespace(
            log=lambda values, step: told.logs.append((step, values)), finish=finish
        )

    contents = {
        "tensorboard": {},
        "torch.utils.tensorboard": {"SummaryWriter": SummaryWriter},
        "wandb": {"init": init},
    }
    for name, content in contents.items():
        module = ModuleType(name)
        module.__spec__ = ModuleSpec(name, None)
        module.__dict__.update(content)
        monkeypatch.setitem(sys.modules, name, module)
    return told


@pytest.fixture
def train(make_clips, store):
    clips = store(make_clips([4_000] * 16))

    def train(watch=None, saver=None, recipe=RECIPE):
        options = {"architecture": SHAPE, "score": selection_score, "saver": saver}
        return train_run(RUN, 3, recipe, clips, watch=watch, **options)

    return train


def expected(trained) -> list[tuple[int, dict[str, float]]]:
    """What each step is to be shown as, from the tables of the training."""
    steps, epochs = trained.steps, trained.history
    rows = zip(steps["step"], steps[["loss", "learning_rate"]].to_dict("records"), strict=True)
    shown = dict(rows)
    for step, score in zip(epochs["step"], epochs["val_score"], strict=True):
        shown[step]["val_score"] = score
    return list(shown.items())


def flat(rows) -> list[tuple[int, str, float]]:
    return [(step, name, value) for step, values in rows for name, value in values.items()]


def test_both_are_shown_every_step_and_the_training_is_the_same(train, tools, tmp_path):
    with watching(["tensorboard", "wandb"], "scratch-s3", tmp_path) as watch:
        shown = train(watch)
        assert (tools.closed, tools.finished) == (0, 0)
    unseen = train()
    assert (tools.closed, tools.finished) == (1, 1)
    assert tools.writers == [(str(tmp_path / "tensorboard" / "scratch-s3"), 1)]
    (run,) = tools.runs
    assert run == {
        **{"mode": "offline", "project": "sonify", "name": "scratch-s3"},
        "dir": str(tmp_path / "wandb" / "scratch-s3"),
    }
    assert (tmp_path / "wandb" / "scratch-s3").is_dir()
    rows = expected(shown)
    assert len(rows) == STEPS and tools.logs == rows
    assert tools.scalars == flat(rows)
    assert shown.history.equals(unseen.history) and shown.steps.equals(unseen.steps)
    for name, tensor in shown.model.state_dict().items():
        assert torch.equal(tensor, unseen.model.state_dict()[name])


def test_a_training_that_goes_on_is_shown_from_the_epoch_that_it_was_in(train, tools, tmp_path):
    folder = tmp_path / "unfinished"
    with watching(["tensorboard"], "m", tmp_path) as watch, pytest.raises(Killed):
        train(watch, Mortal(folder, dies=6))  # as the sixth step begins
    assert tools.closed == 1 and tools.scalars[-1][0] == 3
    with watching(["tensorboard"], "m", tmp_path) as watch:
        whole = train(watch, Saver(folder))
    assert [purged for _, purged in tools.writers] == [1, 4]
    assert tools.scalars == flat(expected(whole))


def test_without_scores_none_is_shown_and_without_tools_nothing(train, tools, tmp_path):
    with watching(["wandb"], "m", tmp_path) as watch:
        train(watch, recipe=dataclasses.replace(RECIPE, select="last"))
    assert len(tools.logs) == STEPS
    assert all(set(values) == {"loss", "learning_rate"} for _, values in tools.logs)
    before = len(tools.logs)
    with watching([], "m", tmp_path / "none") as watch:
        train(watch)
    assert len(tools.logs) == before and not (tmp_path / "none").exists()


@pytest.mark.parametrize("tool", ["tensorboard", "wandb"])
def test_a_tool_that_is_missing_is_named_before_anything_is_trained(tool, monkeypatch, tmp_path):
    monkeypatch.setattr("sonify.training.watch.find_spec", lambda name: None)
    said = (
        f"training.watch names {tool}, which is not installed: pip install {tool}, or leave it out"
    )
    with pytest.raises(SonifyError, match=said), watching([tool], "m", tmp_path):
        pass
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("tool", "module"), [("tensorboard", "torch.utils.tensorboard"), ("wandb", "wandb")]
)
def test_a_tool_that_does_not_load_is_named_before_anything_is_trained(
    tool, module, tools, monkeypatch, tmp_path
):
    def broken(name):
        raise ModuleNotFoundError(f"No module named 'needed' by {name}")

    monkeypatch.setattr("sonify.training.watch.import_module", broken)
    said = (
        rf"training\.watch names {tool}, which does not load here \(No module named 'needed' by "
        rf"{module}\): pip install {tool} anew, or leave it out"
    )
    with pytest.raises(SonifyError, match=said), watching([tool], "m", tmp_path):
        pass
    assert not list(tmp_path.iterdir())
