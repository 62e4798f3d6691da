"""The history of a training, by epoch and by step, against a training loop written out by hand."""

import dataclasses
import math

import numpy as np
import pandas as pd
import pytest
import torch
import torch.nn.functional as F
from shallow import SHAPE

from sonify.contracts import tables
from sonify.data.stream import CropStream
from sonify.models.checkpoint import build
from sonify.runtime.seeds import seed_for
from sonify.training.crops import cutting
from sonify.training.recipe import Recipe
from sonify.training.run import train_run
from sonify.training.settings import Run
from sonify.training.validation import held_out

RECIPE = Recipe(
    objective="multilabel",
    epochs=4,
    batch_size=4,
    crop_s=0.2,
    learning_rate=3e-3,
    weight_decay=0.0,
    warmup_epochs=1.5,
    shuffle_clips=6,
    select="best_on_val",
    holdout=0.2,
    val_crop_s=0.2,
)
RUN = Run("scratch", "r", "fsd50k", ("train",), "supervised", "none", None, "CNN12")
KEYS = ["dataset", "model", "run", "regime", "finetune", "architecture", "seed"]
SCORES = [0.2, 0.6, 0.6, 0.5]


@pytest.fixture
def trained(make_clips, store):
    clips, scores = store(make_clips([4_000, 3_600] * 8)), iter(SCORES)
    return train_run(
        RUN, 5, RECIPE, clips, architecture=SHAPE, score=lambda targets, logits: next(scores)
    ), clips


def by_hand(clips, card) -> list[tuple[float, float]]:
    """Loss and learning rate of every step, by PyTorch's own modules and optimiser."""
    torch.manual_seed(seed_for(RUN.name, 5, "weights"))
    model = build(card).train()
    optimiser = torch.optim.Adam(model.parameters())
    held = held_out(clips, 0.2, 5)
    stream = CropStream(
        stored=clips, held_out=held, cutting=cutting(RECIPE), names=(RUN.name, 5), batch_size=4,
        shuffle_clips=6,
    )  # fmt: skip
    total, warmup, rows = 4 * stream.steps, round(1.5 * stream.steps), []
    for epoch in range(1, 5):
        for batch in stream.epoch(epoch):
            step = len(rows)
            rising = (step + 1) / (warmup + 1)
            falling = 0.5 + 0.5 * math.cos(math.pi * (step - warmup) / (total - warmup))
            rate = 3e-3 * (rising if step < warmup else falling)
            optimiser.param_groups[0]["lr"] = rate
            x = torch.from_numpy(batch.crops[:, 0].astype(np.float32) / 32767)
            optimiser.zero_grad()
            loss = F.binary_cross_entropy_with_logits(
                model(x), torch.from_numpy(batch.targets).float()
            )
            loss.backward()
            optimiser.step()
            rows.append((loss.item(), rate))
    return rows


def test_every_step_has_the_loss_and_rate_of_a_loop_written_by_hand(trained):
    done, clips = trained
    loss, rate = np.array(by_hand(clips, done.card)).T
    assert len(done.steps) == len(loss) == 4 * 3
    np.testing.assert_allclose(done.steps["loss"], loss, rtol=2e-4)
    np.testing.assert_allclose(done.steps["learning_rate"], rate, rtol=1e-12)
    assert done.steps["step"].tolist() == list(range(1, 13))
    assert done.steps["epoch"].tolist() == [1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4]


def test_epochs_are_the_means_of_their_steps_and_tell_the_one_chosen(trained, tmp_path):
    done, _ = trained
    done.save(tmp_path)
    epochs = tables.read(tmp_path / "history.parquet", "history")
    steps = tables.read(tmp_path / "step_history.parquet", "step_history")
    joined = steps.merge(epochs, on=[*KEYS, "epoch"], suffixes=("", "_epoch"))
    assert len(joined) == len(steps) == 12
    of_epoch = joined.groupby("epoch")
    np.testing.assert_allclose(of_epoch["loss"].mean(), epochs["loss"], rtol=1e-12)
    last = of_epoch.last()
    assert last["step"].tolist() == last["step_epoch"].tolist() == [3, 6, 9, 12]
    assert last["learning_rate"].tolist() == epochs["learning_rate"].tolist()
    assert epochs["val_score"].tolist() == SCORES == done.card.selection["scores"]
    assert epochs["chosen"].tolist() == [False, True, False, False], "the first of equals"


def test_a_recipe_that_keeps_the_last_state_has_no_scores(trained, tmp_path):
    _, clips = trained
    recipe = dataclasses.replace(RECIPE, select="last")
    train_run(RUN, 5, recipe, clips, architecture=SHAPE).save(tmp_path)
    epochs = pd.read_parquet(tmp_path / "history.parquet")
    assert epochs["val_score"].isna().all()
    assert epochs["chosen"].tolist() == [False, False, False, True]


def test_a_contrastive_training_has_the_loss_at_which_projections_are_all_alike(trained):
    _, clips = trained
    named = {"objective": "contrastive", "temperature": 0.1, "select": "last", "min_gap_s": 0.0}
    recipe = dataclasses.replace(RECIPE, **named, crop_s=0.1, holdout=None, val_crop_s=None)
    run = dataclasses.replace(RUN, regime="contrastive")
    done = train_run(run, 5, recipe, clips, architecture=SHAPE)
    assert set(done.history["constant_loss"]) == {math.log(2 * RECIPE.batch_size - 1)}
    assert trained[0].history["constant_loss"].isna().all()
    for loss, said in ((1.0, False), (math.log(2 * RECIPE.batch_size - 1), True)):
        ended = dataclasses.replace(done, history=done.history.assign(loss=loss))
        assert ("all alike: it collapsed" in ended.summary) == said
