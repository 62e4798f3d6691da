import json
import shutil
from dataclasses import replace

import pytest
import torch

from sonify.models import checkpoint
from sonify.models.cnn import Architecture
from sonify.runtime.errors import SonifyError


def card(**changes) -> checkpoint.ModelCard:
    facts = {
        "run": "supervised",
        "seed": 3,
        "dataset": "audioset",
        "regime": "supervised",
        "finetune": "none",
        "architecture": Architecture(width=0.125),
        "architecture_name": "CNN12",
        "head": "classifier",
        "outputs": 2,
        "classes": ("a", "b"),
    }
    return checkpoint.ModelCard(**{**facts, **changes})


@pytest.mark.parametrize("head", ["classifier", "projection"])
def test_a_checkpoint_rebuilds_its_own_model(tmp_path, head):
    model = checkpoint.build(card(head=head)).eval()
    checkpoint.save(tmp_path, model, card(head=head))
    loaded, read = checkpoint.load(tmp_path)
    x = torch.randn(2, 4000)
    assert torch.equal(model(x), loaded(x))
    assert read == card(head=head)
    assert read.model == "supervised-s3"
    assert not list(tmp_path.glob(".*")), "no partial file is left"


def test_saving_twice_gives_the_same_bytes(tmp_path):
    model = checkpoint.build(card())
    for name in ("one", "two"):
        checkpoint.save(tmp_path / name, model, card())
    for file in (checkpoint.WEIGHTS, checkpoint.CARD):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_weights_may_be_read_by_whoever_may_read_the_card(tmp_path):
    checkpoint.save(tmp_path, checkpoint.build(card()), card())
    modes = {(tmp_path / f).stat().st_mode for f in (checkpoint.WEIGHTS, checkpoint.CARD)}
    assert len(modes) == 1


def test_missing_and_broken_checkpoints_are_named(tmp_path):
    with pytest.raises(ValueError, match="has no model.json"):
        checkpoint.load(tmp_path)
    checkpoint.save(tmp_path, checkpoint.build(card()), card())
    (tmp_path / checkpoint.WEIGHTS).write_bytes(b"not weights")
    with pytest.raises(ValueError, match="holds no readable model"):
        checkpoint.load(tmp_path)


def test_weights_that_do_not_fit_the_card_are_refused(tmp_path):
    checkpoint.save(tmp_path, checkpoint.build(card()), card())
    facts = json.loads((tmp_path / checkpoint.CARD).read_text())
    facts["outputs"] = 5
    (tmp_path / checkpoint.CARD).write_text(json.dumps(facts))
    with pytest.raises(ValueError, match="holds no readable model"):
        checkpoint.load(tmp_path)


def test_checkpoints_on_the_way_are_kept_and_found(tmp_path):
    models = {epoch: checkpoint.build(card()).eval() for epoch in (10, 0, 4)}
    keep = checkpoint.checkpoint_writer(tmp_path)
    for epoch, model in models.items():
        keep(epoch, model)
    checkpoint.save(tmp_path, models[10], card())
    assert checkpoint.kept(tmp_path) == [0, 4, 10]
    x = torch.randn(2, 4000)
    for epoch, model in models.items():
        loaded, read = checkpoint.load_kept(tmp_path, epoch)
        assert torch.equal(model(x), loaded(x)) and read == card() and not loaded.training
    assert not list(tmp_path.glob("**/.*")), "no partial file is left"
    checkpoint.checkpoint_writer(tmp_path)(2, models[0])
    assert checkpoint.kept(tmp_path) == [2], "those of an earlier training are gone"


def test_checkpoints_that_are_not_there_are_named(tmp_path):
    checkpoint.save(tmp_path, checkpoint.build(card()), card())
    with pytest.raises(ValueError, match="has no checkpoints: train it again"):
        checkpoint.kept(tmp_path)
    keep = checkpoint.checkpoint_writer(tmp_path)
    with pytest.raises(ValueError, match=r"no weights of epoch 3 \(kept: none\)"):
        checkpoint.load_kept(tmp_path, 3)
    keep(2, checkpoint.build(card()))
    with pytest.raises(ValueError, match=r"no weights of epoch 3 \(kept: \[2\]\)"):
        checkpoint.load_kept(tmp_path, 3)
    (tmp_path / "checkpoints" / "epoch-0002.safetensors").write_bytes(b"not weights")
    with pytest.raises(ValueError, match="holds no readable model"):
        checkpoint.load_kept(tmp_path, 2)


@pytest.fixture
def trained(tmp_path):
    """The folder of a model, and another's, as training writes them."""
    for seed in (0, 7):
        folder = tmp_path / f"contrastive-s{seed}"
        torch.manual_seed(seed)
        keep = checkpoint.checkpoint_writer(folder)
        keep(0, checkpoint.build(card()))
        checkpoint.save(
            folder, checkpoint.build(card()), replace(card(), run="contrastive", seed=seed)
        )
    return tmp_path / "contrastive-s0", tmp_path / "contrastive-s7"


@pytest.mark.parametrize("name", [checkpoint.WEIGHTS, "checkpoints/epoch-0000.safetensors"])
def test_a_flipped_bit_or_another_models_weights_are_refused(trained, name):
    folder, other = trained

    def load():
        if name == checkpoint.WEIGHTS:
            return checkpoint.load(folder)
        return checkpoint.load_kept(folder, 0)

    load()
    content = (folder / name).read_bytes()
    for at in (9, 1000, len(content) // 2, len(content) - 1):
        (folder / name).write_bytes(content[:at] + bytes([content[at] ^ 4]) + content[at + 1 :])
        with pytest.raises(SonifyError, match=f"{folder} holds no readable model .{name} is damag"):
            load()
    (folder / name).write_bytes((other / name).read_bytes())
    with pytest.raises(SonifyError, match="damaged or another model's"):
        load()
    (folder / name).write_bytes(content)
    load()


@pytest.mark.parametrize(
    ("key", "value"), [("seed", 7), ("regime", "contrastive"), ("recipe", {"a": 1})]
)
def test_an_edited_card_is_refused(trained, key, value):
    folder, _ = trained
    facts = json.loads((folder / checkpoint.CARD).read_text())
    (folder / checkpoint.CARD).write_text(json.dumps(facts))  # written otherwise, still the same
    checkpoint.load(folder)
    (folder / checkpoint.CARD).write_text(json.dumps({**facts, key: value}))
    with pytest.raises(SonifyError, match=r"model\.json is not as training wrote it"):
        checkpoint.load(folder)


def test_the_folder_of_another_model_is_refused(trained):
    folder, other = trained
    shutil.rmtree(folder)
    shutil.copytree(other, folder)
    with pytest.raises(SonifyError, match=r"-s0 .*model\.json is that of contrastive-s7"):
        checkpoint.load(folder)
    assert checkpoint.load(folder.rename(folder.with_name("mine")))[1].seed == 7
