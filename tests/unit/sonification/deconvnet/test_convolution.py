"""Every way of transposing a convolution, against the framework's own transposed convolution."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from sonify.sonification.deconvnet import convolution, overlap_save
from sonify.sonification.deconvnet.convolution import Convolution


def relative(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    ours, theirs = ours.detach(), theirs.detach()
    return float((ours - theirs).norm() / theirs.norm().clamp_min(1e-300))


@given(st.integers(2, 70), st.integers(1, 3), st.integers(1, 5), st.data())
def test_correlation_by_overlap_save(taps, signals, n_segments, data):
    """Against a plain convolution, float64; frames that reach into the next signal left out."""
    filters, out_filters = data.draw(st.integers(1, 6)), data.draw(st.integers(1, 6))
    torch.manual_seed(taps)
    frames = n_segments * overlap_save.hop(taps)
    memory = torch.randn((signals * frames + taps - 1) * filters).double()
    x = memory[: signals * frames * filters].view(signals, frames, filters)
    kernel = torch.randn(filters, out_filters, taps).double()
    out = torch.full((signals, frames, out_filters), torch.nan).double()
    overlap_save.correlate(x, overlap_save.spectra(kernel), taps, out)
    dense = F.conv1d(x.transpose(1, 2), kernel.transpose(0, 1)).transpose(1, 2)
    assert relative(out[:, : dense.shape[1]], dense) < 1e-12 or not dense.numel()
    assert out.isfinite().all()


def test_overlap_save_keeps_the_precision_of_float32():
    x, kernel = torch.randn(1, 4 * overlap_save.hop(11), 64), torch.randn(64, 64, 11)
    memory = torch.cat([x.flatten(), torch.zeros(10 * 64)])
    x = memory[: x.numel()].view_as(x)
    out = torch.empty_like(x)
    overlap_save.correlate(x, overlap_save.spectra(kernel), 11, out)
    exact = F.conv1d(x.double().transpose(1, 2), kernel.double().transpose(0, 1)).transpose(1, 2)
    assert relative(out[:, : exact.shape[1]].double(), exact) < 2e-6


def test_the_size_of_the_pieces_does_not_show(monkeypatch):
    x, kernel = torch.randn(2, 5 * overlap_save.hop(7), 4).double(), torch.randn(4, 3, 7).double()
    memory = torch.cat([x.flatten(), torch.zeros(6 * 4).double()])
    x, found = memory[: x.numel()].view_as(x), []
    for cached in (1, 1 << 30):
        monkeypatch.setattr(overlap_save, "CACHED_BYTES", cached)
        found.append(torch.empty(2, x.shape[1], 3).double())
        overlap_save.correlate(x, overlap_save.spectra(kernel), 7, found[-1])
    torch.testing.assert_close(*found, rtol=0, atol=1e-12)


CONVS = {
    "plain": {"padding": 2},
    "valid": {"padding": "valid"},
    "same": {"padding": "same"},
    "as much padding as reach": {"padding": 4},
    "dilation": {"padding": 3, "dilation": 2},
    "groups": {"padding": 2, "groups": 2},
}


def padded(stream: torch.Tensor, way: Convolution, length: int) -> torch.Tensor:
    """The stream with zeros around it, in whole segments, and more zeros behind in memory."""
    rows = way.frames_needed(length + way.reach)
    signals, frames, filters = stream.shape
    memory = stream.new_zeros((signals * rows + way.reach) * filters)
    room = memory[: signals * rows * filters].view(signals, rows, filters)
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
    if conv.groups == 1 and conv.dilation[0] == 1:
        out = torch.empty(3, room.shape[1], 6).double()
        way.by_overlap_save(room, out)
        torch.testing.assert_close(out[:, :length], expected.detach())

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
def test_into_the_waveform(dilation):
    conv = nn.Conv1d(1, 4, 11, padding=5, dilation=dilation).double()
    y = conv(torch.randn(2, 1, 200).double()).detach()
    way = Convolution(conv, torch.float64)
    found = way.to_one_channel(padded(y.transpose(1, 2), way, 200), 200)
    expected = F.conv_transpose1d(y, conv.weight, padding=5, dilation=dilation)
    torch.testing.assert_close(found.transpose(1, 2), expected.detach())


def test_strided_convolutions_come_back_to_their_length():
    conv = nn.Conv1d(2, 4, 7, stride=3, padding=2).double()
    for length in (50, 51, 52):
        y = conv(torch.randn(2, 2, length).double()).detach()
        way = Convolution(conv, torch.float64)
        assert not way.plain
        found = way.general(y.transpose(1, 2), length)
        extra = length - ((y.shape[2] - 1) * 3 - 2 * 2 + 7)
        expected = F.conv_transpose1d(y, conv.weight, None, 3, 2, output_padding=extra)
        torch.testing.assert_close(found.transpose(1, 2), expected.detach())


def test_new_weights_are_noticed():
    conv = nn.Conv1d(1, 2, 3)
    way = Convolution(conv, torch.float32)
    assert way.current
    with torch.no_grad():
        conv.weight += 1
    assert not way.current
