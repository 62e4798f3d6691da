"""Selecting the best state of a training on clips that it does not see."""

import dataclasses

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score

from sonify.data.clips import Clips
from sonify.data.stored import stored
from sonify.evaluation.metrics.ranking import selection_score
from sonify.models import checkpoint
from sonify.models.architecture import Architecture
from sonify.models.cnn import CNN12
from sonify.models.heads import SoundModel
from sonify.runtime.errors import SonifyError
from sonify.training.recipe import Recipe
from sonify.training.run import train_run
from sonify.training.settings import Run
from sonify.training.validation import Best, Validation, held_out

SHAPE = Architecture(width=1 / 32, dropout=0.4, features=16)
RUN = Run("r", "fsd50k", "fsd50k", ("train",), "supervised", "none", None, "CNN12")
RECIPE = Recipe(
    objective="multilabel",
    epochs=4,
    batch_size=4,
    crop_s=0.3,
    learning_rate=1e-3,
    weight_decay=0.0,
    warmup_epochs=1,
    select="best_on_val",
    val_split="val",
    val_crop_s=0.4,
)
SPLITS = ["train"] * 10 + ["val"] * 6


@pytest.fixture
def both(make_clips, store, tmp_path):
    """Clips in memory, and stored ones of the two splits."""
    made = make_clips([4_000, 3_000, 2_000, 5_001] * 4)
    made = dataclasses.replace(made, splits=SPLITS)
    store(made)
    return made, *(stored(tmp_path, [split]) for split in ("train", "val"))


def by_hand(made: Clips, chosen: list[int], samples: int) -> torch.Tensor:
    """Centre crops, short clips repeated from the start."""
    rows = []
    for i in chosen:
        x = made.waveform(i)
        while len(x) < samples:
            x = np.concatenate([x, made.waveform(i)])[:samples]
        start = (len(x) - samples) // 2
        rows.append(x[start : start + samples])
    return torch.from_numpy(np.stack(rows))


def test_the_score_is_of_centre_crops_in_evaluation_mode(both):
    made, _, val = both
    model = SoundModel(CNN12(SHAPE), "classifier", 4).train()
    seen = {}

    def score(targets, logits):
        seen.update(targets=targets, logits=logits)
        return selection_score(targets, logits)

    before = torch.get_rng_state()
    found = Validation(val, np.arange(6), 3_200, score)(model, "cpu")
    assert torch.equal(before, torch.get_rng_state()) and model.training
    expected = model.eval()(by_hand(made, list(range(10, 16)), 3_200)).detach().numpy()
    np.testing.assert_allclose(seen["logits"], expected, rtol=1e-4, atol=1e-6)
    assert np.array_equal(seen["targets"], made.targets[10:])
    kept = made.targets[10:].any(0)
    macro = average_precision_score(made.targets[10:, kept], expected[:, kept], average="macro")
    assert found == pytest.approx(macro)


def test_the_score_is_accuracy_where_every_clip_has_one_class():
    targets = np.eye(3, dtype=np.uint8)[[0, 1, 2, 2]]
    assert selection_score(targets, np.eye(3)[[0, 1, 1, 2]]) == 0.75


def test_the_model_is_the_state_of_the_best_epoch_the_first_of_equals(both):
    _, train, val = both
    states, scores = {}, iter([0.1, 0.7, 0.7, 0.3])
    recipe = dataclasses.replace(RECIPE, checkpoints=5)
    trained = train_run(
        RUN,
        3,
        recipe,
        train,
        architecture=SHAPE,
        val_clips=val,
        score=lambda targets, logits: next(scores),
        keep=lambda epoch, m: states.update(
            {epoch: {k: v.clone() for k, v in m.state_dict().items()}}
        ),
    )
    own = trained.model.state_dict()
    assert all(torch.equal(v, own[k]) for k, v in states[2].items())
    assert not all(torch.equal(v, own[k]) for k, v in states[4].items())
    assert trained.card.selection == {"epoch": 2, "score": 0.7, "scores": [0.1, 0.7, 0.7, 0.3]}
    assert "epoch 2 with 0.700 the best" in trained.summary and not trained.model.training
    assert len(trained.history) == 4


def test_validation_changes_nothing_that_is_trained(both, tmp_path):
    """With dropout, whose masks are drawn from the generator that everything shares."""
    _, train, val = both
    rising = iter([1.0, 2.0, 3.0, 4.0])
    last = train_run(RUN, 3, dataclasses.replace(RECIPE, select="last"), train, architecture=SHAPE)
    best = train_run(
        RUN, 3, RECIPE, train, architecture=SHAPE, val_clips=val, score=lambda t, s: next(rising)
    )
    same = [name for name in last.history if name not in ("val_score", "chosen")]
    assert last.history[same].equals(best.history[same]) and last.steps.equals(best.steps)
    assert best.history["val_score"].tolist() == [1.0, 2.0, 3.0, 4.0] and last.card.selection == {}
    for name, value in last.model.state_dict().items():
        assert torch.equal(value, best.model.state_dict()[name])
    best.save(tmp_path / "model")
    assert checkpoint.load(tmp_path / "model")[1].selection["epoch"] == 4


def test_the_hold_out_is_a_tenth_drawn_by_seed_and_not_trained_on(both):
    _, train, _ = both
    recipe = dataclasses.replace(RECIPE, val_split=None, holdout=0.3)
    seen = []

    def score(targets, logits):
        seen.append(targets)
        return float(len(seen))

    trained = train_run(RUN, 3, recipe, train, architecture=SHAPE, score=score)
    held = held_out(train, 0.3, 3)
    assert len(held) == 3 and (trained.card.clips_used, trained.card.clips_too_short) == (7, 0)
    assert np.array_equal(seen[0], train.targets(held))
    used = train_run(RUN, 3, dataclasses.replace(recipe, select="last"), train, architecture=SHAPE)
    assert used.card.clips_used == 7, "left out, whether it selects or not"


def test_hold_outs_are_the_same_for_a_seed_and_cover_all_clips_over_seeds(both):
    _, train, _ = both
    draws = np.array([held_out(train, 0.1, seed)[0] for seed in range(2_000)])
    assert np.array_equal(held_out(train, 0.1, 5), held_out(train, 0.1, 5))
    counts = np.bincount(draws, minlength=10)
    assert (abs(counts - 200) < 4 * np.sqrt(2_000 * 0.1 * 0.9)).all()


def test_what_cannot_be_selected_on_is_refused(both):
    _, train, val = both
    with pytest.raises(SonifyError, match="needs val_crop_s and either a val_split or a holdout"):
        dataclasses.replace(RECIPE, holdout=0.1)
    with pytest.raises(SonifyError, match="needs val_crop_s and either a val_split or a holdout"):
        dataclasses.replace(RECIPE, val_crop_s=None)
    with pytest.raises(SonifyError, match="best_on_val needs labels: set it to last"):
        dataclasses.replace(RECIPE, objective="contrastive", temperature=0.1)
    with pytest.raises(SonifyError, match="give a score, and the clips of val_split"):
        train_run(RUN, 3, RECIPE, train, architecture=SHAPE, score=selection_score)
    other = dataclasses.replace(val, classes=["x"])
    with pytest.raises(SonifyError, match="validation needs clips, of the classes trained on"):
        train_run(RUN, 3, RECIPE, train, architecture=SHAPE, val_clips=other, score=selection_score)
    best = Best()
    best.offer(1, float("nan"), SoundModel(CNN12(SHAPE), "classifier", 4))
    with pytest.raises(SonifyError, match="no epoch has a score"):
        best.restore(None)
