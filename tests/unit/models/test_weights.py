"""Weights of a user's model, from whatever its training saved."""

import argparse
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from sonify.models.weights import load_weights
from sonify.runtime.errors import SonifyError


def net():
    return nn.Sequential(nn.Conv1d(1, 4, 9), nn.ReLU(), nn.Conv1d(4, 4, 3), nn.ReLU())


def wrapped_keys(state, change):
    return {change(k): v for k, v in state.items()}


@pytest.mark.parametrize(
    "save",
    [
        lambda s: wrapped_keys(s, "module.{}".format),
        lambda s: wrapped_keys(s, "_orig_mod.module.{}".format),
        lambda s: wrapped_keys(s, "module._orig_mod.{}".format),
        lambda s: wrapped_keys(s, "net.{}".format),
        lambda s: {"n_averaged": torch.tensor(3), **wrapped_keys(s, "module.{}".format)},
        lambda s: {"epoch": 3, "state_dict": wrapped_keys(s, "model.{}".format), "optimizer": {}},
        lambda s: {"epoch": 3, "model": wrapped_keys(s, "module._orig_mod.{}".format)},
        lambda s: {"epoch": 3, "model_state_dict": s, "best": {"a": torch.zeros(1)}},
        lambda s: {"model": s, "args": argparse.Namespace(lr=0.1, folder=Path("x"))},
        lambda s: {"model": s, "scores": [np.float64(0.5), np.float32(2), np.int64(3)]},
    ],
)  # fmt: skip
def test_weights_saved_from_wrappers_and_trainers_are_those_of_the_model(tmp_path, save):
    wanted = {k: torch.randn_like(v) for k, v in net().state_dict().items()}
    torch.save(save(wanted), tmp_path / "w.pt")
    model = net()
    load_weights(model, tmp_path / "w.pt")
    loaded = model.state_dict()
    assert loaded.keys() == wanted.keys()
    assert all(torch.equal(loaded[k], wanted[k]) for k in wanted)


class Opens:
    """An object that writes a file when it is unpickled."""

    def __init__(self, file):
        self.file = file

    def __reduce__(self):
        return Path.touch, (self.file,)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (net(), r"pickled objects \(torch.nn.modules.activation.ReLU, .*\), which are not loaded"),
        ({"model": net(), "epoch": 3}, r"pickled objects .*save model\.state_dict\(\) alone$"),
        ({"epoch": 3, "lr": 0.1}, "no state dict but only epoch, lr: save model"),
        ({}, "no state dict but nothing: save"),
        ([1, 2], "no state dict but a list: save"),
        (
            {"ema": {"a": torch.zeros(1)}, "net": {"b": torch.zeros(1)}},
            r"2 state dicts \(ema, net\): save the one to use in a file of its own$",
        ),
    ],
)
def test_what_holds_no_weights_is_said_to_hold_what_it_does(tmp_path, content, sentence):
    file = tmp_path / "w.pt"
    torch.save(content, file)
    with pytest.raises(SonifyError, match=rf"w\.pt holds {sentence}") as caught:
        load_weights(net(), file)
    assert "\n" not in str(caught.value) and "\x1b" not in str(caught.value)


def test_nothing_in_a_file_is_run(tmp_path):
    torch.save({"model": net().state_dict(), "x": Opens(tmp_path / "ran")}, tmp_path / "w.pt")
    with pytest.raises(SonifyError, match="holds pickled objects .*any code"):
        load_weights(net(), tmp_path / "w.pt")
    (tmp_path / "old.pt").write_bytes(pickle.dumps(Opens(tmp_path / "ran")))
    with pytest.raises(SonifyError, match=r"old\.pt holds .*save model.state_dict\(\)"):
        load_weights(net(), tmp_path / "old.pt")
    assert not (tmp_path / "ran").exists()
