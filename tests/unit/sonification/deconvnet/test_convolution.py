"""Every way of transposing a convolution, against the framework's own transposed convolution."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from sonify.sonification.deconvnet import convolution
from sonify.sonification.deconvnet.convolution import Convolution

CONVS = {
    "plain": {"padding": 2},
    "valid": {"padding": "valid"},
    "same": {"padding": "same"},
    "as much padding as reach": {"padding": 4},
    "dilation": {"padding": 3, "dilation": 2},
    "groups": {"padding": 2, "groups": 2},
}


def padded(stream: torch.Tensor, way: Convolution, length: int) -> torch.Tensor:
    """The stream with zeros around it."""
    signals, frames, filters = stream.shape
    room = stream.new_zeros(signals, length + way.reach, filters)
    room[:, way.lead : way.lead + frames] = stream
    return room


@pytest.mark.parametrize("name", CONVS)
@pytest.mark.parametrize("few", [0, 1 << 40])
def test_every_way_equals_the_transposed_convolution(name, few, monkeypatch):
    monkeypatch.setattr(convolution, "MATRIX_PRODUCT_VALUES", few)  # never, or always
    conv = nn.Conv1d(6, 4, 5, **CONVS[name]).double()
    x = torch.randn(3, 6, 41).double()
    y = conv(x)
    way = Convolution(conv, torch.float64)
    torch.testing.assert_close(way.forward(x.transpose(1, 2)).transpose(1, 2), y)

    number = convolution.padding_of(conv)
    expected = F.conv_transpose1d(
        y, conv.weight, padding=number, dilation=conv.dilation, groups=conv.groups
    ).transpose(1, 2)
    stream, length = y.detach().transpose(1, 2), 41
    room = padded(stream, way, length)
    torch.testing.assert_close(way.direct(room, length), expected.detach())
    torch.testing.assert_close(way.general(stream, length), expected.detach())

    filters = torch.tensor([3, 0, 2])
    alone = torch.zeros_like(y)
    rows = torch.arange(3)
    alone[rows, filters] = y.detach()[rows, filters]
    expected = F.conv_transpose1d(
        alone, conv.weight, padding=number, dilation=conv.dilation, groups=conv.groups
    )
    found = way.start(y.detach()[rows, filters], filters, length)
    torch.testing.assert_close(found.transpose(1, 2), expected.detach())


@pytest.mark.parametrize("dilation", [1, 3])
@pytest.mark.parametrize("length", [200, 203])  # 203 leaves part of a block
def test_into_the_waveform(dilation, length):
    conv = nn.Conv1d(1, 4, 11, padding=5, dilation=dilation).double()
    y = conv(torch.randn(2, 1, length).double()).detach()
    way = Convolution(conv, torch.float64)
    found = way.to_one_channel(padded(y.transpose(1, 2), way, 208), length)
    expected = F.conv_transpose1d(y, conv.weight, padding=5, dilation=dilation)
    torch.testing.assert_close(found.transpose(1, 2), expected.detach())


STRIDED = {
    "SoundNet's": (1, 64, 2, 32, 1, 1),
    "CREPE's": (1, 33, 4, 14, 1, 1),
    "odd": (2, 7, 3, 2, 1, 1),
    "stride beyond the kernel": (2, 3, 5, 1, 1, 1),
    "stride of no part of a block": (1, 10, 5, 0, 1, 1),
    "stride beyond a block": (1, 16, 11, 3, 1, 1),
    "dilation": (3, 5, 2, 4, 3, 1),
    "more padding than reach": (2, 3, 1, 4, 1, 1),
    "groups": (4, 5, 2, 1, 1, 2),
}


@pytest.mark.parametrize("name", STRIDED)
@pytest.mark.parametrize("few", [0, 1 << 40])
def test_strided_convolutions_come_back_to_their_length(name, few, monkeypatch):
    monkeypatch.setattr(convolution, "MATRIX_PRODUCT_VALUES", few)  # never, or always
    channels, kernel, stride, padding, dilation, groups = STRIDED[name]
    settings = {"padding": padding, "dilation": dilation, "groups": groups}
    conv = nn.Conv1d(channels, 4, kernel, stride, **settings).double()
    for length in range(90, 90 + 2 * stride):
        y = conv(torch.randn(3, channels, length).double()).detach()
        way = Convolution(conv, torch.float64)
        assert not way.plain
        rows, filters = torch.arange(3), torch.tensor([3, 0, 2])
        alone = torch.zeros_like(y)
        alone[rows, filters] = y[rows, filters]
        for stream, found in (
            (y, way.general(y.transpose(1, 2), length)),
            (alone, way.start(y[rows, filters], filters, length)),
        ):
            x = torch.zeros(3, channels, length).double().requires_grad_()
            (expected,) = torch.autograd.grad(conv(x), x, stream)
            torch.testing.assert_close(found.transpose(1, 2), expected)


def test_new_weights_are_noticed():
    conv = nn.Conv1d(1, 2, 3)
    way = Convolution(conv, torch.float32)
    assert way.current
    with torch.no_grad():
        conv.weight += 1
    assert not way.current
