"""Probes trained side by side are the probes trained alone, and as any model is trained."""

import dataclasses

import numpy as np
import pyarrow as pa
import pytest
import torch

from sonify.data.stream import CropStream
from sonify.models.architecture import Architecture
from sonify.models.cnn import CNN12
from sonify.models.heads import SoundModel
from sonify.runtime.seeds import generator, seed_for
from sonify.training.crops import cutting
from sonify.training.loop import train
from sonify.training.probes import Probing, train_probes
from sonify.training.recipe import Augmentation, Recipe
from sonify.training.settings import Run

RECIPE = Recipe(
    objective="multilabel",
    epochs=2,
    batch_size=4,
    crop_s=0.3,
    learning_rate=1e-2,
    weight_decay=1e-3,
    warmup_epochs=1,
    shuffle_clips=100,
    mixup_alpha=0.2,
    augmentation=Augmentation((-6, 6), (0.001, 0.01), 0.1, None),
)
FCONLY = Run(
    "fsd50k_probe-contrastive-fconly", "probe", "fsd50k", ("train",), "contrastive", "fconly",
    "contrastive", "CNN12",
)  # fmt: skip
FULL = dataclasses.replace(FCONLY, name="fsd50k_probe-contrastive-full", finetune="full")


@pytest.fixture
def encoder():
    return CNN12(Architecture(width=1 / 16))


@pytest.fixture
def clips(make_clips, store):
    return store(make_clips([3_000, 3_200, 2_300, 3_500, 3_000, 2_900, 3_000, 3_300, 3_100]))


def probed(run, layers, encoder, clips, seed=3, recipe=RECIPE) -> dict[int, dict]:
    """The trained weights by layer, each probe's classifier and its blocks."""
    found = {}
    for probes in train_probes(Probing(run, seed, recipe, layers), encoder, clips):
        for layer, head in zip(probes.layers, probes.heads, strict=True):
            found[layer] = head.state_dict() | probes.encoder.state_dict(prefix="encoder.")
    return found


def equal(a: dict, b: dict) -> bool:
    return a.keys() == b.keys() and all(torch.equal(v, b[k]) for k, v in a.items())


def head_of(weights: dict) -> dict:
    return {k: v for k, v in weights.items() if not k.startswith("encoder")}


@pytest.mark.parametrize("objective", ["multilabel", "multiclass"])
def test_the_shared_frozen_pass_equals_one_probe_at_a_time_bit_for_bit(encoder, clips, objective):
    recipe = dataclasses.replace(RECIPE, objective=objective)
    if objective == "multiclass":  # clips with one label each
        n = len(clips)
        labels = pa.array(np.arange(n) % len(clips.classes), pa.int32())
        labels = pa.ListArray.from_arrays(pa.array(range(n + 1), pa.int32()), labels)
        clips = dataclasses.replace(clips, labels=labels)
    layers = (1, 2, 4, 7, 11, 12)
    together = probed(FCONLY, layers, encoder, clips, recipe=recipe)
    for layer in layers:
        alone = probed(FCONLY, (layer,), encoder, clips, recipe=recipe)
        assert equal(head_of(together[layer]), head_of(alone[layer])), layer


def test_full_probes_depend_on_no_other_and_each_starts_from_the_pretrained_weights(encoder, clips):
    before = {k: v.clone() for k, v in encoder.state_dict().items()}
    together = probed(FULL, (2, 5), encoder, clips)
    assert equal(together[5], probed(FULL, (5,), encoder, clips)[5])
    assert equal(encoder.state_dict(), before)
    assert not any(name.startswith("encoder.blocks.2") for name in together[2])
    moved = {k for k, v in together[5].items() if "conv5" in k and not torch.equal(
        v, before[f"trunk.{k.split('.', 3)[3]}"])}  # fmt: skip
    assert len(moved) == 2


def test_fconly_leaves_the_blocks_as_they_were(encoder, clips):
    found = probed(FCONLY, (1, 3), encoder, clips)
    for name, value in encoder.state_dict().items():
        layer = name.removeprefix("trunk.conv").split(".")[0]
        if layer in ("1", "2", "3"):
            kept = f"encoder.blocks.{int(layer) - 1}.{name.removeprefix('trunk.')}"
            assert torch.equal(found[3][kept], value)


@pytest.mark.parametrize("run", [FCONLY, FULL], ids=["fconly", "full"])
def test_the_whole_encoder_is_trained_as_any_finetuned_model(run, encoder, clips):
    """The dashed line of Figure 4, once more through SoundModel, with all draws by their names."""
    torch.manual_seed(seed_for(run.name, 3, "weights", 12))
    head = torch.nn.Linear(512, 4)
    model = SoundModel(CNN12(encoder.architecture), "classifier", 4)
    model.encoder.load_state_dict(encoder.state_dict())
    model.head.load_state_dict(head.state_dict())
    names = (run.name, 3)
    stream = CropStream(clips, cutting(RECIPE), names, RECIPE.batch_size, RECIPE.shuffle_clips)
    rng = generator(*names, "augmentation")
    list(train(model, stream, RECIPE, rng, freeze_encoder=run is FCONLY))
    found = probed(run, (12,), encoder, clips)[12]
    # Adam blows rounding up where gradients are all but zero; another draw would move 0.01.
    near = {"rtol": 1e-3, "atol": 1e-4}
    torch.testing.assert_close(head_of(found), dict(model.head.state_dict()), **near)
    fc = model.encoder.fc.weight.detach()
    torch.testing.assert_close(found["encoder.fc.weight"], fc, **near)


def test_seeds_and_runs_and_layers_draw_their_own(encoder, clips):
    one = probed(FCONLY, (2, 3), encoder, clips)
    assert not equal(head_of(one[2]), head_of(one[3])), "as wide as each other, not alike"
    assert not equal(one[2], probed(FCONLY, (2,), encoder, clips, seed=4)[2])
    other = dataclasses.replace(FCONLY, name="another")
    assert not equal(one[2], probed(other, (2,), encoder, clips)[2])


def test_progress_counts_every_pass_and_tells_the_mean_loss(encoder, clips):
    notes = []
    probing = Probing(FULL, 0, RECIPE, (1, 2))
    for probes in train_probes(probing, encoder, clips, progress=notes.append):
        assert not probes.training
    assert len(notes) == 4 and all(0.3 < float(note.split()[1]) < 1.2 for note in notes)
    shared = []
    list(train_probes(Probing(FCONLY, 0, RECIPE, (1, 2)), encoder, clips, progress=shared.append))
    assert len(shared) == 2 and all(0.3 < float(note.split()[1]) < 1.2 for note in shared)


def test_what_cannot_be_probed_is_refused(encoder, clips):
    scratch = dataclasses.replace(FCONLY, finetune="none")
    with pytest.raises(ValueError, match="finetune 'none': probes are trained fconly or full"):
        Probing(scratch, 0, RECIPE, (1,))
    contrastive = dataclasses.replace(
        RECIPE, objective="contrastive", temperature=0.1, mixup_alpha=None
    )
    with pytest.raises(ValueError, match="contrastive recipe probe: probes need labels"):
        Probing(FCONLY, 0, contrastive, (1,))
    with pytest.raises(ValueError, match=r"layers are \[13\]"):
        next(train_probes(Probing(FCONLY, 0, RECIPE, (13,)), encoder, clips))


def test_a_batch_in_parts_trains_the_same_probes(encoder, clips):
    """Their logits have an axis of layers before that of crops."""
    parts = dataclasses.replace(RECIPE, crops_at_once=3)
    expected, found = (probed(FULL, (4, 12), encoder, clips, recipe=r) for r in (RECIPE, parts))
    for layer, weights in expected.items():
        for name, weight in weights.items():
            torch.testing.assert_close(found[layer][name], weight, rtol=0.02, atol=5e-3)
