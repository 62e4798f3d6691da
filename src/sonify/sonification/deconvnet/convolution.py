"""A block's convolution and its transpose, channels last, each by the fastest of several ways.

A transposed convolution of stride 1 is a correlation with flipped kernels,

    out[t] = sum over taps j of stream[t + j * dilation - lead] @ kernel[j],

with lead = reach - padding and reach = dilation * (taps - 1). Several methods compute it, all equal
up to rounding: `start` from one filter alone, `to_one_channel` into the waveform, and `direct`.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sonify.models.device import disable_tf32
from sonify.sonification.deconvnet.strided import Blocks
from sonify.sonification.trace.chain import padding_of
from sonify.sonification.trace.folded_conv import shift_of

# Up to so many values, a matrix product beats the framework's convolution, which rearranges its
# weights on every call.
MATRIX_PRODUCT_VALUES = 1 << 16
BLOCK = 8  # samples of the waveform that are computed together


class Convolution:
    """A convolution and its transpose in one floating-point type, with weights arranged for both.

    `forward` is the convolution itself. Its transposes take `padded`, (stream, frame, filter):
    streams with `lead` zeros before and zeros behind, at least `length + reach` frames in all. They
    return (stream, frame, filter) of `length` frames. `plain` says that the formula above applies;
    otherwise only `start` and `general` may be called.
    """

    def __init__(self, conv: nn.Conv1d, dtype: torch.dtype) -> None:
        self.conv, self.dtype = conv, dtype
        self.taps, self.dilation = conv.kernel_size[0], conv.dilation[0]
        self.reach = self.dilation * (self.taps - 1)
        self.lead = self.reach - padding_of(conv)
        self.plain = conv.stride[0] == 1 and self.lead >= 0
        self.blocks = Blocks(conv, BLOCK if conv.in_channels == 1 else 1)
        self._arranged: dict[str, Tensor] = {}
        self._settings, self._weight = _settings(conv), conv.weight.detach().clone()

    @property
    def current(self) -> bool:
        """True while the convolution still has the weights and settings that were arranged.

        Compared by value: PyTorch does not count every change of a tensor (`weight.data.copy_`),
        and parametrised weights are new tensors on every access.
        """
        weight, held = self.conv.weight, self._weight
        return (
            self._settings == _settings(self.conv)
            and (weight.dtype, weight.device) == (held.dtype, held.device)
            and torch.equal(weight, held)
        )

    def forward(self, h: Tensor) -> Tensor:
        """Convolve h, (clip, frame, filter), and add the bias."""
        conv, padding, frames = self.conv, padding_of(self.conv), h.shape[1]
        if self._prefers_matrix_product(h):
            h = F.pad(h, (0, 0, padding, padding))
            out = self._as_product(
                h, self._weights("forward as matrix", _as_matrix), conv.stride[0]
            )
            return self._shifted(out if conv.bias is None else out + conv.bias, frames)
        weight = self._weights("forward", _channels_last)
        along = ((1, conv.stride[0]), (0, padding), (1, self.dilation))
        with disable_tf32():
            out = F.conv2d(h.transpose(1, 2).unsqueeze(2), weight, conv.bias, *along, conv.groups)
        return self._shifted(out.squeeze(2).transpose(1, 2), frames)

    def _shifted(self, out: Tensor, frames: int) -> Tensor:
        shift = shift_of(self.conv, frames)
        return out if shift is None else out + shift.T

    def direct(self, padded: Tensor, length: int) -> Tensor:
        """Compute the transpose as a dense convolution."""
        conv = self.conv
        if self._prefers_matrix_product(padded):
            out = self._as_product(padded, self._weights("transpose as matrix", _flipped_as_matrix))
            return out[:, :length]
        weight = self._weights("transpose", _flipped_channels_last)
        x = padded.transpose(1, 2).unsqueeze(2)
        with disable_tf32():
            out = F.conv2d(x, weight, dilation=(1, self.dilation), groups=conv.groups)
        return out.squeeze(2).transpose(1, 2)[:, :length]

    def to_one_channel(self, padded: Tensor, length: int) -> Tensor:
        """Compute the transpose into one channel, from whole blocks of BLOCK frames.

        A block is one frame of BLOCK channels, so that it is a strided convolution.
        """
        x, weight = padded.transpose(1, 2).unsqueeze(2), self._weights("last", _blocks)
        with disable_tf32():
            out = F.conv2d(x, weight, stride=(1, BLOCK))
        return out.squeeze(2).transpose(1, 2).flatten(1)[:, :length].unsqueeze(2)

    def start(self, values: Tensor, filters: Tensor, length: int) -> Tensor:
        """Compute the transpose of streams that are zero in all filters but one each.

        `values`, (stream, frame), without padding, are the maps of `filters`, (stream,).
        """
        conv, n = self.conv, len(values)
        if self.plain:
            behind = length + self.reach - self.lead - values.shape[1]
            framed = F.pad(values, (self.lead, behind)).unfold(1, self.reach + 1, 1)
            weight = self._weights("start", _flipped_taps_first)[filters]
            out = torch.bmm(framed[:, :, :: self.dilation], weight)
        else:
            weight = self._weights("strided start", self.blocks.single)[filters]
            out = self.blocks.started(values, weight, length)
        if conv.groups == 1:
            return out
        whole = out.new_zeros(n, length, conv.groups, out.shape[2])
        group = filters // (conv.out_channels // conv.groups)
        whole[torch.arange(n, device=out.device), :, group] = out
        return whole.flatten(2)

    def general(self, stream: Tensor, length: int) -> Tensor:
        """Compute the transpose of unpadded streams, for any stride, padding and dilation."""
        if self._prefers_matrix_product(stream):
            weight = self._weights("strided as matrix", self.blocks.matrix)
            return self.blocks.multiplied(stream, weight, length)
        if self.conv.groups == 1:
            weight = self._weights("strided", self.blocks.image)
            return self.blocks.convolved(stream, weight, length)
        weight = self.conv.weight.to(self.dtype)
        return _transposed(stream.transpose(1, 2), weight, self.conv, length).transpose(1, 2)

    def _prefers_matrix_product(self, stream: Tensor) -> bool:
        """True for streams so small that `_as_product` is the faster dense convolution."""
        return self.conv.groups == 1 and stream.is_cpu and stream.numel() <= MATRIX_PRODUCT_VALUES

    def _as_product(self, padded: Tensor, weight: Tensor, stride: int = 1) -> Tensor:
        framed = padded.unfold(1, self.reach + 1, stride)[..., :: self.dilation]
        return framed.transpose(2, 3).flatten(2) @ weight

    def _weights(self, use: str, arrange: Callable[[nn.Conv1d], Tensor]) -> Tensor:
        if use not in self._arranged:
            with torch.no_grad():
                self._arranged[use] = arrange(self.conv).to(self.dtype)
        return self._arranged[use]


def _settings(conv: nn.Conv1d) -> tuple:
    return conv.kernel_size, conv.stride, conv.padding, conv.dilation, conv.groups


def _channels_last(conv: nn.Conv1d) -> Tensor:
    return conv.weight.unsqueeze(2).contiguous(memory_format=torch.channels_last)


def _flipped_channels_last(conv: nn.Conv1d) -> Tensor:
    by_group = conv.weight.flip(-1).unflatten(0, (conv.groups, -1))
    flipped = by_group.transpose(1, 2).flatten(0, 1).unsqueeze(2)
    return flipped.contiguous(memory_format=torch.channels_last)


def _as_matrix(conv: nn.Conv1d) -> Tensor:
    """Weights of the convolution as a matrix, (tap and input filter, output filter)."""
    return conv.weight.permute(2, 1, 0).flatten(0, 1).contiguous()


def _flipped_as_matrix(conv: nn.Conv1d) -> Tensor:
    """Weights of the transpose as a matrix, (tap and input filter, output filter)."""
    return conv.weight.flip(-1).permute(2, 0, 1).flatten(0, 1).contiguous()


def _flipped_taps_first(conv: nn.Conv1d) -> Tensor:
    return conv.weight.flip(-1).transpose(1, 2).contiguous()


def _blocks(conv: nn.Conv1d) -> Tensor:
    """Weights of the transpose into one channel, (sample of a block, filter, 1, frame)."""
    taps, dilation = conv.weight[:, 0].flip(-1), conv.dilation[0]
    reach = dilation * (taps.shape[1] - 1)
    weight = taps.new_zeros(BLOCK, taps.shape[0], 1, BLOCK + reach)
    for sample in range(BLOCK):
        weight[sample, :, 0, sample : sample + reach + 1 : dilation] = taps
    return weight.contiguous(memory_format=torch.channels_last)


def _transposed(stream: Tensor, weight: Tensor, conv: nn.Conv1d, length: int) -> Tensor:
    """PyTorch's transposed convolution of streams, (stream, filter, frame)."""
    padding, stride, dilation = padding_of(conv), conv.stride[0], conv.dilation[0]
    natural = (stream.shape[-1] - 1) * stride - 2 * padding + dilation * (conv.kernel_size[0] - 1)
    with disable_tf32():
        return F.conv_transpose1d(
            stream,
            weight,
            stride=stride,
            padding=padding,
            output_padding=length - natural - 1,  # frames at the end that a stride skipped
            groups=conv.groups,
            dilation=dilation,
        )
