"""Weights of a user's model, from whatever its training saved."""

import argparse
import io
import json
import pickle
import tempfile
from pathlib import Path

import numpy as np
import pytest
import torch
from fuzz import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save as as_safetensors
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


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda s: dict(enumerate(s.values())), "holds no state dict but only 0, 1, 2, 3: save"),
        (lambda s: {("a", 1): torch.zeros(1)}, r"holds no state dict but only \('a', 1\): save"),
        (lambda s: {"epoch\n\x1b[2J": 3}, r"no state dict but only epoch\\n\\x1b\[2J: save"),
        (lambda s: s | {"a\nb": torch.zeros(1)}, r"it has a\\nb, which the model does not have;"),
        (
            lambda s: {k: v.to("meta") for k, v in s.items()},
            "cannot be copied into the model: save",
        ),
        (
            lambda s: {k: v + 1j for k, v in s.items()},
            "has 0.weight of complex numbers, not of real",
        ),
    ],
)
def test_weights_of_another_kind_are_named_in_one_line(tmp_path, change, sentence):
    torch.save(change(net().state_dict()), tmp_path / "w.pt")
    with pytest.raises(SonifyError, match=sentence) as caught:
        load_weights(net(), tmp_path / "w.pt")
    assert str(caught.value).startswith(str(tmp_path / "w.pt")) and str(caught.value).isprintable()


def saved(content: object, zipped: bool = True) -> bytes:
    file = io.BytesIO()
    torch.save(content, file, _use_new_zipfile_serialization=zipped)
    return file.getvalue()


def declared(size: int, **tensors: object) -> bytes:
    """A header of safetensors that declares whatever it is told, and no values."""
    header = json.dumps(tensors).encode()
    return (len(header) if size < 0 else size).to_bytes(8, "little") + header


RAN = Path(tempfile.gettempdir()) / "sonify_weights_ran"
STATE = net().state_dict()
HUGE = {"dtype": "F32", "shape": [2**40, 2**20], "data_offsets": [0, 2**62]}
SPELT = [  # whole files, by their suffix, before any byte of them is changed
    *(
        (".pt", saved(content))
        for content in (STATE, {"model": STATE}, {"x": Opens(RAN)}, {0: STATE})
    ),
    *((".ckpt", saved(content, False)) for content in (STATE, {"x": Opens(RAN), "model": STATE})),
    (".pt", pickle.dumps(Opens(RAN))),
    (".safetensors", as_safetensors(STATE)),
    (".safetensors", as_safetensors({k: v * float("nan") for k, v in STATE.items()})),
    (".safetensors", declared(-1, **dict.fromkeys(STATE, HUGE))),
    (".safetensors", declared(2**63)),
    (".safetensors", pickle.dumps(Opens(RAN))),
]


@pytest.mark.fuzz
@settings(max_examples=examples(150), deadline=None)
@given(
    st.sampled_from(SPELT) | st.tuples(st.sampled_from([".pt", ".safetensors"]), st.binary()),
    st.lists(st.tuples(st.floats(0, 1), st.binary(max_size=5)), max_size=3),
    st.just(1.0) | st.floats(0, 1),
)
def test_any_file_gives_weights_or_one_line_and_runs_nothing(spelt, places, end):
    """Damaged, cut, hostile, or larger by its header than any memory."""
    suffix, content = spelt[0], bytearray(spelt[1])
    for place, other in places:
        start = int(place * len(content))
        content[start : start + len(other)] = other
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"w{suffix}"
        file.write_bytes(content[: int(end * len(content))])
        model = net()
        try:
            load_weights(model, file)
            assert {k: v.shape for k, v in model.state_dict().items()} == {
                k: v.shape for k, v in STATE.items()
            }
        except SonifyError as error:
            assert str(error).startswith(str(file)) and str(error).isprintable()
    assert not RAN.exists()
