import dataclasses

import msgspec
import numpy as np
import pytest
import soundfile
import torch
from shallow import SHAPE

from sonify.models.architecture import Architecture
from sonify.models.cnn import CNN12
from sonify.models.heads import SoundModel
from sonify.runtime.errors import SonifyError
from sonify.training.forward import outputs
from sonify.training.losses import nt_xent
from sonify.training.recipe import Augmentation, Recipe
from sonify.training.run import train_run
from sonify.training.settings import Run

LABELLED = Recipe(
    objective="multilabel",
    epochs=3,
    batch_size=4,
    crop_s=0.2,
    learning_rate=1e-3,
    weight_decay=0.0,
    warmup_epochs=1,
    shuffle_clips=100,
    mixup_alpha=0.2,
    augmentation=Augmentation((-6, 6), (0.001, 0.01), 0.1, None),
)
CONTRASTIVE = dataclasses.replace(
    LABELLED, objective="contrastive", temperature=0.1, mixup_alpha=None
)
SCRATCH = Run("fsd50k-scratch", "fsd50k", "fsd50k", ("train",), "supervised", "none", None, "CNN12")
PRETRAINED = Run("contrastive", "c", "audioset", ("train",), "contrastive", "none", None, "CNN12")
FCONLY = dataclasses.replace(SCRATCH, name="f", finetune="fconly", start="contrastive")
FULL = dataclasses.replace(FCONLY, name="g", finetune="full")


def weights(model) -> dict:
    return {k: v.clone() for k, v in model.state_dict().items()}


@pytest.mark.parametrize("recipe", [LABELLED, CONTRASTIVE], ids=["labelled", "contrastive"])
def test_the_same_seed_gives_the_same_model_and_another_does_not(make_clips, store, recipe):
    clips = store(make_clips([4_000] * 9))
    run = SCRATCH if recipe is LABELLED else PRETRAINED
    one, again, other = (
        train_run(run, seed, recipe, clips, architecture=SHAPE) for seed in (7, 7, 8)
    )
    assert all(
        torch.equal(v, again.model.state_dict()[k]) for k, v in one.model.state_dict().items()
    )
    assert one.history.equals(again.history) and one.steps.equals(again.steps)
    assert not one.history["loss"].equals(other.history["loss"])
    assert one.history["step"].tolist() == [2, 4, 6] and one.card.clips_used == 9


def test_training_learns_what_can_be_learned(make_clips, store):
    clips = make_clips([3_000] * 16, n_classes=2)
    time = np.arange(3_000) / 8000
    for i, (a, b) in enumerate(clips.targets):  # two tones, labelled by which of them sound
        tones = a * np.sin(2 * np.pi * 400 * time) + b * np.sin(2 * np.pi * 1900 * time)
        clips.samples[3_000 * i : 3_000 * (i + 1)] = np.rint(tones * 16_000)
    recipe = dataclasses.replace(LABELLED, epochs=30, mixup_alpha=None)
    trained = train_run(SCRATCH, 0, recipe, store(clips), architecture=SHAPE)
    losses = trained.history["loss"]
    assert losses.iloc[-1] < 0.3 * losses.iloc[0]


def test_fconly_freezes_the_encoder_and_full_does_not(make_clips, store):
    clips = store(make_clips([4_000] * 8))
    start = train_run(PRETRAINED, 0, CONTRASTIVE, clips, architecture=SHAPE)
    before = weights(start.model.encoder)
    fconly = train_run(FCONLY, 0, LABELLED, clips, start=(start.model, start.card))
    full = train_run(FULL, 0, LABELLED, clips, start=(start.model, start.card))
    assert all(torch.equal(v, before[k]) for k, v in weights(fconly.model.encoder).items())
    moved = [k for k, v in weights(full.model.encoder).items() if not torch.equal(v, before[k])]
    assert len(moved) == len(before)
    assert all(torch.equal(v, before[k]) for k, v in weights(start.model.encoder).items())
    assert all(p.requires_grad for p in fconly.model.parameters()), "left as it was found"
    assert (full.card.regime, full.card.finetune) == ("supervised", "full")


def test_a_classifier_alone_has_a_learning_rate_of_its_own(make_clips, store):
    clips = store(make_clips([4_000] * 8))
    start = train_run(PRETRAINED, 0, CONTRASTIVE, clips, architecture=SHAPE)
    apart = dataclasses.replace(LABELLED, fconly_learning_rate=1e-2)
    rates = {
        (run.name, recipe.fconly_learning_rate): train_run(
            run, 0, recipe, clips, start=(start.model, start.card)
        ).history["learning_rate"]
        for run in (FCONLY, FULL)
        for recipe in (LABELLED, apart)
    }
    usual = rates[FULL.name, None]
    assert usual.equals(rates[FULL.name, 1e-2]) and usual.equals(rates[FCONLY.name, None])
    factor = 1e-2 / LABELLED.learning_rate
    assert rates[FCONLY.name, 1e-2].tolist() == pytest.approx((factor * usual).tolist())
    wild = dataclasses.replace(apart, fconly_learning_rate=1e38, epochs=8)
    with pytest.raises(ValueError, match="lower fconly_learning_rate"):
        train_run(FCONLY, 0, wild, clips, start=(start.model, start.card))


def test_clips_too_short_for_two_views_are_counted_not_used(make_clips, store):
    clips = store(make_clips([4_000, 3_000, 4_000, 3_199]))
    trained = train_run(PRETRAINED, 0, CONTRASTIVE, clips, architecture=SHAPE)
    assert (trained.card.clips_used, trained.card.clips_too_short) == (2, 2)
    assert "2 clips, 2 too short" in trained.summary
    with pytest.raises(ValueError, match="1 of 2 clips are long enough"):
        clips = store(make_clips([4_000, 100]))
        train_run(PRETRAINED, 0, CONTRASTIVE, clips, architecture=SHAPE)


def test_a_loss_that_is_not_finite_stops_training(make_clips, store):
    clips = store(make_clips([4_000] * 4))
    recipe = dataclasses.replace(LABELLED, learning_rate=1e12, epochs=8)
    with pytest.raises(ValueError, match="lower learning_rate"):
        train_run(SCRATCH, 0, recipe, clips, architecture=SHAPE)


def test_the_multiclass_objective_needs_one_label_a_clip(make_clips, store):
    clips = make_clips([4_000] * 8)  # the first eight have one label each
    multiclass = dataclasses.replace(LABELLED, objective="multiclass")
    one_each = store(clips)
    assert one_each.single_label
    assert train_run(SCRATCH, 0, multiclass, one_each, architecture=SHAPE).card.clips_used == 8
    clips.targets[3] = 1
    with pytest.raises(ValueError, match="fsd50k have several labels .* objective to multilabel"):
        train_run(SCRATCH, 0, multiclass, store(clips), architecture=SHAPE)


def test_half_precision_trains_too(make_clips, store):
    recipe = dataclasses.replace(CONTRASTIVE, precision="bfloat16")
    trained = train_run(PRETRAINED, 0, recipe, store(make_clips([4_000] * 4)), architecture=SHAPE)
    assert trained.history["loss"].notna().all()
    assert {v.dtype for v in trained.model.state_dict().values()} == {torch.float32}


@pytest.mark.parametrize("at_once", [1, 3, 4, 7, 8])
def test_a_batch_in_parts_has_the_outputs_and_gradients_of_the_whole(at_once):
    """NT-Xent compares every crop with every other: parts must not change what is compared."""
    model = SoundModel(CNN12(SHAPE), "projection", 8).double()
    x, seen = torch.randn(8, 1_000).double(), []
    model.encoder.register_forward_pre_hook(lambda _, given: seen.append(len(given[0])))
    found = {}
    for bound in (None, at_once):
        z = outputs(model, x, bound)
        nt_xent(*z.chunk(2), 0.1).backward()
        found[bound] = [z.detach(), *(p.grad.clone() for p in model.parameters())]
        model.zero_grad()
    for whole, parts in zip(found[None], found[at_once], strict=True):
        torch.testing.assert_close(parts, whole, rtol=1e-9, atol=1e-12)
    once = seen[1 : 1 + -(-8 // at_once)]
    assert seen[0] == 8 and max(once) == at_once and sum(once) == 8
    assert sum(seen) == (16 if at_once == 8 else 24), "one more forward pass, if there are parts"


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("recipe", [LABELLED, CONTRASTIVE], ids=["labelled", "contrastive"])
def test_training_in_parts_is_training(make_clips, store, recipe, precision):
    clips = store(make_clips([4_000] * 9))
    recipe = dataclasses.replace(recipe, precision=precision)
    run = SCRATCH if recipe is LABELLED else PRETRAINED
    whole, parts = (
        train_run(
            run, 7, dataclasses.replace(recipe, crops_at_once=bound), clips, architecture=SHAPE
        )
        for bound in (None, 3)
    )
    nearly = {"float32": 1e-3, "bfloat16": 0.02}[precision]
    np.testing.assert_allclose(parts.history["loss"], whole.history["loss"], rtol=nearly)
    assert parts.card.recipe["crops_at_once"] == 3
    with pytest.raises(msgspec.ValidationError, match="crops_at_once"):
        msgspec.convert(dataclasses.asdict(recipe) | {"crops_at_once": 0}, Recipe)


def test_the_card_says_which_precision_auto_was(make_clips, store, monkeypatch):
    clips = store(make_clips([4_000] * 4))
    recipe = dataclasses.replace(LABELLED, precision="auto", epochs=2)
    histories = {}
    for native, used in ((True, "bfloat16"), (False, "float32")):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda has=native: {"avx512_bf16": has})
        trained = train_run(SCRATCH, 0, recipe, clips, architecture=SHAPE)
        assert trained.card.recipe["precision"] == used
        histories[used] = trained.history["loss"].to_numpy()
    assert not np.array_equal(*histories.values()), "the arithmetic was another"
    np.testing.assert_allclose(*histories.values(), rtol=0.02)


def test_weights_are_kept_from_the_first_to_the_last_epoch(make_clips, store, tmp_path):
    clips = store(make_clips([4_000] * 8))
    recipe = dataclasses.replace(LABELLED, checkpoints=3, epochs=4)
    seen = {}
    trained = train_run(
        SCRATCH,
        3,
        recipe,
        clips,
        architecture=SHAPE,
        keep=lambda epoch, model: seen.update({epoch: weights(model)}),
    )
    assert list(seen) == [0, 2, 4]
    final = weights(trained.model)
    assert all(torch.equal(v, final[k]) for k, v in seen[4].items())
    without = train_run(SCRATCH, 3, LABELLED, clips, architecture=SHAPE)
    fresh = dataclasses.replace(LABELLED, checkpoints=2)
    train_run(
        SCRATCH,
        3,
        fresh,
        clips,
        architecture=SHAPE,
        keep=lambda epoch, model: seen.update({epoch: weights(model)}),
    )
    assert all(torch.equal(v, seen[3][k]) for k, v in weights(without.model).items())
    moved = [k for k, v in seen[0].items() if not torch.equal(v, final[k])]
    assert len(moved) == len(final)
    trained.save(tmp_path)
    assert (tmp_path / "history.parquet").is_file() and (tmp_path / "model.json").is_file()


@pytest.mark.parametrize(
    ("checkpoints", "epochs", "kept"),
    [
        (0, 12, ()),
        (2, 12, (0, 12)),
        (4, 12, (0, 4, 8, 12)),
        (6, 12, (0, 2, 5, 7, 10, 12)),
        (4, 3, (0, 1, 2, 3)),
        ((1, 5, 12), 12, (1, 5, 12)),
        ([0, 3], 12, (0, 3)),
    ],
)
def test_checkpoints_are_those_named_or_evenly_spaced(checkpoints, epochs, kept):
    recipe = dataclasses.replace(LABELLED, checkpoints=checkpoints, epochs=epochs)
    assert recipe.kept_epochs == kept


def test_recipes_come_from_config_blocks_and_refuse_contradictions():
    block = {
        **{"dataset": "fsd50k", "splits": ["train"], "objective": "contrastive", "epochs": 2},
        **{"batch_size": 4, "crop_s": 1, "learning_rate": 0.1, "weight_decay": 0},
        **{
            "warmup_epochs": 1,
            "shuffle_clips": 9,
            "temperature": 0.2,
            "augmentation": {"gain_db": [-1, 1]},
        },
    }
    recipe = msgspec.convert(block, Recipe)
    assert recipe.temperature == 0.2 and recipe.augmentation.gain_db == (-1, 1)
    with pytest.raises(SonifyError, match="temperature is for the contrastive objective: remove"):
        dataclasses.replace(recipe, objective="multilabel")
    with pytest.raises(SonifyError, match="negatives_within is 3, which does not divide"):
        dataclasses.replace(recipe, negatives_within=3)
    with pytest.raises(SonifyError, match="warmup_epochs is 2, but training ends after 2 epochs"):
        dataclasses.replace(recipe, warmup_epochs=2)
    with pytest.raises(msgspec.ValidationError, match="precision"):
        msgspec.convert({**block, "precision": "float16"}, Recipe)
    for impossible in (1, 4):
        with pytest.raises(SonifyError, match=f"checkpoints is {impossible}: it must be .* to 3"):
            dataclasses.replace(recipe, checkpoints=impossible)
    for impossible in ([], [1], [1, 3], [-1, 2], [2, 1], [1, 1], [0, 1, 1]):
        with pytest.raises(SonifyError, match="two different epochs in rising order, from 0 .* to"):
            dataclasses.replace(recipe, checkpoints=impossible)
    named = msgspec.convert({**block, "checkpoints": [0, 2]}, Recipe)
    assert named.kept_epochs == (0, 2)
    assert msgspec.convert(msgspec.to_builtins(named), Recipe) == named
    with pytest.raises(ValueError, match="needs an architecture or a start"):
        train_run(SCRATCH, 0, LABELLED, None)


@pytest.mark.parametrize("at_once", [1, 3, 8])
def test_recomputed_parts_drop_the_same_features(at_once):
    """Gradients are those of the masks of the forward pass, which are those of the whole batch."""
    shape = Architecture(width=1 / 32, dropout=0.4, features=16)
    model = SoundModel(CNN12(shape), "projection", 8).double().train()
    x, found = torch.randn(8, 2_400).double(), []
    for bound in (None, at_once, at_once):
        torch.manual_seed(5 if len(found) < 2 else 6)
        z = outputs(model, x, bound)
        nt_xent(*z.chunk(2), 0.1).backward()
        found.append([z.detach(), *(p.grad.clone() for p in model.parameters())])
        model.zero_grad()
    for whole, parts in zip(*found[:2], strict=True):
        torch.testing.assert_close(parts, whole, rtol=1e-9, atol=1e-12)
    assert not torch.allclose(found[1][0], found[2][0]), "other masks by another seed"


def test_the_views_of_a_clip_lose_different_features_and_training_repeats(make_clips, store):
    clips = store(make_clips([6_000] * 6))
    shape = Architecture(width=1 / 32, dropout=0.4, features=16)
    recipe = dataclasses.replace(CONTRASTIVE, crop_s=0.3, augmentation=Augmentation(), epochs=2)
    one, again, dry = (
        train_run(PRETRAINED, 1, recipe, clips, architecture=dataclasses.replace(shape, dropout=p))
        for p in (0.4, 0.4, 0.0)
    )
    assert one.history.equals(again.history)
    assert not one.history["loss"].equals(dry.history["loss"])
    model = SoundModel(CNN12(shape), "projection", 8).train()
    x = torch.randn(1, 2_400)
    z = model(torch.cat([x, x]))
    assert not torch.equal(z[0], z[1])


def test_the_options_of_the_authors_training_are_trained_with(make_clips, store, tmp_path, rng):
    """Each changes what is learnt, and a folder's recordings are read once training begins."""
    soundfile.write(tmp_path / "noise.wav", 0.1 * rng.standard_normal(900), 8_000)
    clips = store(make_clips([4_000] * 8))
    base = dataclasses.replace(CONTRASTIVE, epochs=2)
    usual = base.augmentation
    recipes = [
        base,
        dataclasses.replace(base, negatives_within=2),
        dataclasses.replace(base, placement="first_half"),
        *(
            dataclasses.replace(base, augmentation=dataclasses.replace(usual, **changes))
            for changes in (
                {"gain_probability": 0.5},
                {"time_masks": (1, 3)},
                {"background_snr_db": (10, 26), "background_mixing": "convex"},
                {"background_snr_db": (10, 26), "background_folder": str(tmp_path)},
                {"background_folder": str(tmp_path / "unread")},  # no background is on
            )
        ),
    ]
    losses = [
        train_run(PRETRAINED, 0, recipe, clips, architecture=SHAPE).history["loss"].tolist()
        for recipe in recipes
    ]
    assert losses.pop() == losses[0]
    assert len({tuple(loss) for loss in losses}) == len(losses)
