"""A block's convolution and its transpose, channels last, the fastest way each.

A transposed convolution of stride 1 is a correlation with flipped kernels,

    out[t] = sum over taps j of stream[t + j * dilation - lead] @ kernel[j],

with lead = reach - padding and reach = dilation * (taps - 1). There are several ways to compute it,
the same sums up to rounding: `start` from one filter alone, `to_one_channel` into the waveform,
`direct`, and `by_blocks` in the frequency domain (see `blocks`).
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sonify.models.device import whole_float32
from sonify.sonification.deconvnet import overlap_save as blocks
from sonify.sonification.trace.chain import padding_of

FEW_VALUES = 1 << 16  # see `_few`


class Convolution:
    """`conv` and its transpose in one floating-point type, with the weights arranged for both.

    `forward` is the convolution itself. Its transposes take `padded`, (signal, frame, filter): a
    stream with `lead` zeros before it and zeros behind, at least `length + reach` frames in all.
    They return (signal, frame, filter) of `length` frames. `plain` says that the formula above
    applies: only `start` and `general` serve others.
    """

    def __init__(self, conv: nn.Conv1d, dtype: torch.dtype) -> None:
        self.conv, self.dtype = conv, dtype
        self.taps, self.dilation = conv.kernel_size[0], conv.dilation[0]
        self.reach = self.dilation * (self.taps - 1)
        self.lead = self.reach - padding_of(conv)
        self.plain = conv.stride[0] == 1 and self.lead >= 0
        self._arranged: dict[str, Tensor] = {}
        self._weight, self._version = conv.weight, _version(conv.weight)

    @property
    def current(self) -> bool:
        """Whether the convolution still has the weights that were arranged. Weights that are made
        anew on every access (parametrisations) never count as the same."""
        weight = self.conv.weight
        return weight is self._weight and self._version == _version(weight) is not None

    def prefers_blocks(self, length: int, signals: int) -> bool:
        """Whether `by_blocks` is the fastest way to `length` frames of that many signals."""
        conv = self.conv
        if not self.plain or self.dilation > 1 or conv.groups > 1 or self.taps == 1:
            return False
        if conv.weight.device.type != "cpu":  # GPUs have dense kernels that are faster still
            return False
        filters = min(conv.in_channels, conv.out_channels)
        n_blocks = signals * blocks.count(length, self.taps)
        return filters >= blocks.WORTHWHILE_FILTERS and n_blocks >= blocks.WORTHWHILE_BLOCKS

    def frames_needed(self, at_least: int) -> int:
        """Frames of a padded stream, so that they are whole blocks."""
        return blocks.count(at_least, self.taps) * blocks.hop(self.taps)

    def forward(self, h: Tensor) -> Tensor:
        """The convolution itself, with its bias, of h, (clip, frame, filter)."""
        conv, padding = self.conv, padding_of(self.conv)
        if self._few(h):
            h = F.pad(h, (0, 0, padding, padding))
            out = self._as_product(h, self._weights("up as matrix", _as_matrix), conv.stride[0])
            return out if conv.bias is None else out + conv.bias
        weight = self._weights("up", _channels_last)
        along = ((1, conv.stride[0]), (0, padding), (1, self.dilation))
        with whole_float32():
            out = F.conv2d(h.transpose(1, 2).unsqueeze(2), weight, conv.bias, *along, conv.groups)
        return out.squeeze(2).transpose(1, 2)

    def direct(self, padded: Tensor, length: int) -> Tensor:
        """The transpose as a dense convolution."""
        conv = self.conv
        if self._few(padded):
            out = self._as_product(padded, self._weights("down as matrix", _flipped_as_matrix))
            return out[:, :length]
        weight = self._weights("down", _flipped_channels_last)
        x = padded.transpose(1, 2).unsqueeze(2)
        with whole_float32():
            out = F.conv2d(x, weight, dilation=(1, self.dilation), groups=conv.groups)
        return out.squeeze(2).transpose(1, 2)[:, :length]

    def by_blocks(self, padded: Tensor, out: Tensor) -> None:
        """In the frequency domain, into `out`, (signal, frame, filter), see `blocks.correlate`."""
        weight = self._weights("down in blocks", _flipped_spectra)
        blocks.correlate(padded, weight, self.taps, out)

    def to_one_channel(self, padded: Tensor, length: int) -> Tensor:
        """Into one channel: every frame times every tap, then sums along diagonals, in float32 or
        better."""
        products = padded.flatten(0, 1) @ self._weights("last", _taps_as_columns)
        products = products.to(torch.promote_types(self.dtype, torch.float32))
        frame, tap = products.stride()
        diagonals = products.as_strided(
            (len(padded), length, self.taps),
            (padded.shape[1] * frame, frame, self.dilation * frame + tap),
        )
        return diagonals.sum(-1, keepdim=True)

    def start(self, values: Tensor, filters: Tensor, length: int) -> Tensor:
        """Of streams that are zero but in one filter each: `values`, (signal, frame), without zeros
        around them, of `filters`, (signal,)."""
        conv, n = self.conv, len(values)
        if self.plain:
            behind = length + self.reach - self.lead - values.shape[1]
            framed = F.pad(values, (self.lead, behind)).unfold(1, self.reach + 1, 1)
            weight = self._weights("start", _flipped_taps_first)[filters]
            out = torch.bmm(framed[:, :, :: self.dilation], weight)
        else:
            weight = conv.weight.to(self.dtype)[filters]  # the signals become groups
            out = _transposed(values.unsqueeze(0), weight, conv, n, length)
            out = out.view(n, -1, length).transpose(1, 2)
        if conv.groups == 1:
            return out
        whole = out.new_zeros(n, length, conv.groups, out.shape[2])
        group = filters // (conv.out_channels // conv.groups)
        whole[torch.arange(n, device=out.device), :, group] = out
        return whole.flatten(2)

    def general(self, stream: Tensor, length: int) -> Tensor:
        """With any stride and padding, of a stream without zeros around it."""
        weight = self.conv.weight.to(self.dtype)
        out = _transposed(stream.transpose(1, 2), weight, self.conv, self.conv.groups, length)
        return out.transpose(1, 2)

    def _few(self, stream: Tensor) -> bool:
        """Whether a stream is so small that a matrix product beats the framework's convolution,
        which rearranges its weights on every call."""
        return self.conv.groups == 1 and stream.is_cpu and stream.numel() <= FEW_VALUES

    def _as_product(self, padded: Tensor, weight: Tensor, stride: int = 1) -> Tensor:
        framed = padded.unfold(1, self.reach + 1, stride)[..., :: self.dilation]
        return framed.transpose(2, 3).flatten(2) @ weight

    def _weights(self, use: str, arrange: Callable[[nn.Conv1d], Tensor]) -> Tensor:
        if use not in self._arranged:
            with torch.no_grad():
                self._arranged[use] = arrange(self.conv).to(self.dtype)
        return self._arranged[use]


def _version(weight: Tensor) -> int | None:
    """Counts the changes of a tensor in place; None where nobody counts."""
    return None if weight.is_inference() else weight._version


def _channels_last(conv: nn.Conv1d) -> Tensor:
    return conv.weight.unsqueeze(2).contiguous(memory_format=torch.channels_last)


def _flipped_channels_last(conv: nn.Conv1d) -> Tensor:
    by_group = conv.weight.flip(-1).unflatten(0, (conv.groups, -1))
    flipped = by_group.transpose(1, 2).flatten(0, 1).unsqueeze(2)
    return flipped.contiguous(memory_format=torch.channels_last)


def _flipped_spectra(conv: nn.Conv1d) -> Tensor:
    return blocks.spectra(conv.weight.flip(-1))


def _as_matrix(conv: nn.Conv1d) -> Tensor:
    """(tap and input filter, output filter), of the convolution."""
    return conv.weight.permute(2, 1, 0).flatten(0, 1).contiguous()


def _flipped_as_matrix(conv: nn.Conv1d) -> Tensor:
    """(tap and input filter, output filter), of the transpose."""
    return conv.weight.flip(-1).permute(2, 0, 1).flatten(0, 1).contiguous()


def _flipped_taps_first(conv: nn.Conv1d) -> Tensor:
    return conv.weight.flip(-1).transpose(1, 2).contiguous()


def _taps_as_columns(conv: nn.Conv1d) -> Tensor:
    """(filter, tap), filled up to a multiple of 16 columns, which multiply several times faster."""
    flipped = conv.weight[:, 0].flip(-1)
    return F.pad(flipped, (0, -flipped.shape[1] % 16)).contiguous()


def _transposed(
    stream: Tensor, weight: Tensor, conv: nn.Conv1d, groups: int, length: int
) -> Tensor:
    """The framework's transposed convolution of a stream, (signal, filter, frame)."""
    padding, stride, dilation = padding_of(conv), conv.stride[0], conv.dilation[0]
    natural = (stream.shape[-1] - 1) * stride - 2 * padding + dilation * (conv.kernel_size[0] - 1)
    with whole_float32():
        return F.conv_transpose1d(
            stream,
            weight,
            stride=stride,
            padding=padding,
            output_padding=length - natural - 1,  # what a strided convolution never saw the end of
            groups=groups,
            dilation=dilation,
        )
