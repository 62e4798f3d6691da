"""Constant factors before the first convolution, against Captum in float64."""

import pytest
import torch
from oracles import captum_sonification
from torch import Tensor, nn

from sonify.sonification.attribution import Sonification
from sonify.sonification.deconvnet.sonifier import Sonifier
from sonify.sonification.trace.chain import find_blocks


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(
            *[nn.Conv1d(1, 5, 7, padding=3), nn.ReLU(), nn.MaxPool1d(3)],
            *[nn.Conv1d(5, 6, 4), nn.ReLU()],
        )
        self.register_buffer("scale", torch.tensor(40.0))
        self.level = nn.Parameter(torch.tensor([[[-3.0]]]))


class Left(Net):
    gain = 256.0

    def forward(self, x: Tensor) -> Tensor:
        return self.net(256 * x)


class InPlaceAndAxis(Net):
    gain = 128.0

    def forward(self, x: Tensor) -> Tensor:
        return self.net((x.clone().mul_(2.0**8) / 2)[:, None])


class Buffer(Net):
    gain = 40.0

    def forward(self, x: Tensor) -> Tensor:
        return self.net(torch.mul(x, self.scale))


class Parameters(Net):
    gain = -120.0

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x.unsqueeze(1) * self.level * self.scale)


class Plain(Net):
    gain = 1.0

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x)


KINDS = [Left, InPlaceAndAxis, Buffer, Parameters, Plain]


@pytest.mark.parametrize("kind", KINDS)
def test_a_constant_factor_is_the_models_own(kind):
    model = kind().double()
    sonifier, x = Sonifier(model), torch.randn(1, 211).double()
    assert sonifier.gain == pytest.approx(kind.gain, rel=1e-6)
    scaled = nn.Sequential(Times(kind.gain), *model.net)
    for layer in (1, 2):
        maps = sonifier.forward(x).maps[layer - 1]
        torch.testing.assert_close(
            maps, scaled[: 4 if layer == 1 else 6](x[:, None]), rtol=1e-9, atol=1e-9
        )
        for filter in range(3):
            ours = sonifier.sonify(x, layer, filter)
            theirs = captum_sonification(scaled, x, layer, filter)
            torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-9)


class Times(nn.Module):
    def __init__(self, gain: float) -> None:
        super().__init__()
        self.gain = gain

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gain


@pytest.mark.parametrize("kind", KINDS)
def test_a_gain_given_by_the_user_multiplies_the_models(kind):
    model, x = kind().double(), torch.randn(2, 211).double()
    louder = Sonifier(model, gain=8.0)
    assert louder.gain == pytest.approx(8 * kind.gain, rel=1e-6)
    maps = Sonifier(model).forward(8 * x).maps
    for ours, theirs in zip(louder.forward(x).maps, maps, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)
    # A sonification keeps the peak of its clip, whatever the gain.
    ours, theirs = louder.sonify(x, 2, 1), Sonifier(model).sonify(8 * x, 2, 1) / 8
    torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-12)


def test_the_raw_sonification_is_the_gradient_of_the_whole_model():
    model, x = Left().double(), torch.randn(1, 1, 211).double().requires_grad_()
    raw = Sonification(model, 1).attribute(x.detach(), 2, scaled=False)
    half = 0.5 * model.net[:2](256 * x)[:, 2].square().sum()  # one layer: no rectifier on the way
    pooled = 0.5 * model.net[:3](256 * x)[:, 2].square().sum()
    (theirs,) = torch.autograd.grad(pooled, x)
    assert half > pooled
    torch.testing.assert_close(raw, theirs, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("gain", [0.0, -2.0, float("nan"), float("inf")])
def test_a_gain_that_is_none_is_refused(gain):
    with pytest.raises(ValueError, match=f"^gain is {gain}: it must be a positive number$"):
        Sonifier(Plain(), gain=gain)


def test_a_factor_that_changes_later_is_noticed():
    model = Buffer()
    sonifier, x = Sonifier(model), torch.randn(1, 99)
    sonifier.forward(x)
    model.scale.mul_(2)
    with pytest.raises(ValueError, match="^'scale', by which waveforms are multiplied, is not"):
        sonifier.forward(x)


class Offset(Net):
    def forward(self, x: Tensor) -> Tensor:
        return self.net(x - 0.1)


class Clipped(Net):
    def forward(self, x: Tensor) -> Tensor:
        return self.net((256 * x).clamp(-256, 256))


class Silent(Net):
    def forward(self, x: Tensor) -> Tensor:
        return self.net(0 * x)


class Levelled(Net):
    def forward(self, x: Tensor) -> Tensor:
        return self.net(nn.functional.normalize(x, dim=-1))


class ByChannel(Net):
    def forward(self, x: Tensor) -> Tensor:
        return self.net(x * torch.linspace(1, 2, 2)[:, None, None])


class ClippedFarBelow(Net):
    def forward(self, x: Tensor) -> Tensor:
        return self.net(x.clamp(min=-1))


class WithoutItsMiddle(Net):
    def forward(self, x: Tensor) -> Tensor:
        return self.net(x * (torch.arange(x.shape[-1]) != x.shape[-1] // 2))


class LevelledTogether(Net):
    """One factor for the whole batch, which depends on its samples."""

    def forward(self, x: Tensor) -> Tensor:
        return self.net(nn.functional.normalize(x, dim=(0, 1, 2)))


OTHERS = [Offset, Clipped, Silent, Levelled, ByChannel, ClippedFarBelow, WithoutItsMiddle]
OTHERS += [LevelledTogether]


@pytest.mark.parametrize("kind", OTHERS)
def test_whatever_else_changes_the_waveform_is_refused(kind):
    with pytest.raises(
        ValueError, match="changes the waveform before the first Conv1d, and not by"
    ):
        find_blocks(kind())
