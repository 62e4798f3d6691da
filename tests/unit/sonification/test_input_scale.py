"""A first layer that hardly hears a recording is noticed, and the missing factor is found."""

import pytest
import torch
from torch import nn

from sonify.models.cnn import CNN12, Architecture
from sonify.sonification.input_scale import first_convolution, suggested_gain


def net(scale: float, bias: bool = True) -> nn.Sequential:
    """A layer that hears waveforms in [-scale, scale] as a trained one those in [-1, 1]."""
    conv = nn.Conv1d(1, 64, 32, bias=bias)
    with torch.no_grad():
        conv.weight.normal_().div_(scale)
        if bias:
            conv.bias.normal_().mul_(0.3)
    return nn.Sequential(conv, nn.ReLU())


def clip(generator: int = 0) -> torch.Tensor:
    return torch.randn(1, 8_000, generator=torch.Generator().manual_seed(generator)) / 4


@pytest.mark.parametrize("scale", [256.0, 32_768.0])
def test_the_factor_that_is_missing_is_found_to_within_a_few_times(scale):
    torch.manual_seed(0)
    model, x = net(scale), clip()
    gain = suggested_gain(first_convolution(model), 1.0, x)
    assert scale / 4 < gain < scale * 4
    assert suggested_gain(first_convolution(model), scale, x) is None
    assert suggested_gain(first_convolution(model), 1.0, scale * x) is None


def test_by_the_formula():
    """Outputs vary by 0.002 where the bias is 0.5: 0.004 of it; 5 times the bias is the usual."""
    conv = nn.Conv1d(1, 1, 1)
    with torch.no_grad():
        conv.weight.fill_(0.002)
        conv.bias.fill_(-0.5)
    x = torch.tensor([[1.0, -1.0] * 50])
    x = x / x.std()
    assert suggested_gain(conv, 1.0, x) == 1_000  # 5 / 0.004 = 1250


def test_filters_are_measured_one_by_one_over_all_clips():
    """They vary by 0.0006, 0.006 and 0.06 of their biases; 5 / 0.006, the median, is 833."""
    conv = nn.Conv1d(1, 3, 1)
    with torch.no_grad():
        conv.weight[:, 0, 0] = torch.tensor([0.003, -0.0003, 0.003])
        conv.bias[:] = torch.tensor([0.5, 0.5, -0.05])
    x = torch.stack([torch.ones(50), -torch.ones(50)])  # constant in each of two clips
    x = x / x.std()
    assert suggested_gain(conv, 1.0, x) == 800
    assert suggested_gain(conv, 0.5, x) == 800  # of 0.003: 0.5 · 5 / 0.003
    assert suggested_gain(conv, 8.3, x) == 800 and suggested_gain(conv, 8.4, x) is None  # 0.0504


def test_networks_on_their_own_scale_are_left_alone():
    torch.manual_seed(1)
    x = clip()
    for model in (CNN12(Architecture(width=1 / 8)), net(1.0), net(256.0, bias=False)):
        assert suggested_gain(first_convolution(model), 1.0, x) is None
    for kernel in (3, 7, 64):
        model = nn.Sequential(nn.Conv1d(1, 32, kernel), nn.ReLU())
        assert suggested_gain(first_convolution(model), 1.0, x) is None
    assert suggested_gain(net(256.0)[0], 1.0, torch.zeros(1, 500)) is None
