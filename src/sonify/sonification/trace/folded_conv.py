"""A convolution into which more was folded than a kernel and a bias can hold."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class FoldedConv1d(nn.Conv1d):
    """An nn.Conv1d whose input, shifted by a constant per channel, was zero-padded after the shift.

    idle: taps at the start and at the end of its kernel that are 0, because its padding was uneven.
    shift: (filter, tap), the kernel's response to the constants, None for none. A bias cannot hold
    it: at the edges of a clip the kernel reaches zeros instead.
    """

    shift: Tensor | None

    def __init__(
        self,
        weight: Tensor,
        bias: Tensor,
        window: tuple[int, int, int, int],
        idle: tuple[int, int],
        shift: Tensor | None,
    ) -> None:
        """`window` is stride, padding, dilation and groups; weight is (filter, channel, tap)."""
        stride, padding, dilation, groups = window
        filters, channels, taps = weight.shape
        super().__init__(
            channels * groups, filters, taps, stride, padding, dilation, groups, device="meta"
        )
        self.weight, self.bias = nn.Parameter(weight), nn.Parameter(bias)
        self.idle = idle
        self.register_buffer("shift", shift)

    def shifted(self, frames: int) -> Tensor:
        """Return what the constants add to the output for `frames` frames, (filter, frame)."""
        assert self.shift is not None and not isinstance(self.padding, str)
        ones = self.shift.new_ones((1, 1, frames))
        kernels = self.shift.unsqueeze(1)
        return F.conv1d(ones, kernels, None, self.stride, self.padding, self.dilation)[0]

    def forward(self, x: Tensor) -> Tensor:
        """Convolve x, (clip, channel, frame)."""
        out = super().forward(x)
        return out if self.shift is None else out + self.shifted(x.shape[-1])


def idle_taps(conv: nn.Conv1d) -> tuple[int, int]:
    """Return how many taps at the start and at the end of a kernel only make up for padding."""
    return conv.idle if isinstance(conv, FoldedConv1d) else (0, 0)


def shift_of(conv: nn.Conv1d, frames: int) -> Tensor | None:
    """Return what is to be added to a convolution's output, (filter, frame), None for nothing."""
    if not isinstance(conv, FoldedConv1d) or conv.shift is None:
        return None
    with torch.no_grad():
        return conv.shifted(frames)
