import json

import pytest
import torch

from sonify.models import checkpoint
from sonify.models.cnn import Architecture


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
