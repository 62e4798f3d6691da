"""The transpose of a strided convolution as a dense convolution, block of samples by block.

With stride s, dilation d and padding p,

    out[t] = sum over frames i and taps k with i s + k d = t + p of stream[i] @ kernel[k].

`size` samples in a row, a multiple of s, depend on the same few frames. They are the channels of
one frame of a convolution that moves on by size / s frames.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sonify.models.device import disable_tf32
from sonify.sonification.trace.chain import padding_of


class Blocks:
    """The blocks of one convolution: `size` samples, from `frames` frames, `before` of them early.

    `at_least` is the minimum size, for blocks of more than one stride.
    """

    def __init__(self, conv: nn.Conv1d, at_least: int) -> None:
        self.stride, self.padding = conv.stride[0], padding_of(conv)
        self.size = self.stride * max(1, at_least // self.stride)
        reach = conv.dilation[0] * (conv.kernel_size[0] - 1)
        self.step, self.before = self.size // self.stride, -(-reach // self.stride)
        self.frames = self.before + self.step

    def kernels(self, conv: nn.Conv1d) -> Tensor:
        """Arrange the weights: (sample of a block, channel, filter, frame)."""
        weight, dilation = conv.weight, conv.dilation[0]
        arranged = weight.new_zeros(self.size, weight.shape[1], len(weight), self.frames)
        taps = torch.arange(weight.shape[2], device=weight.device)
        offset = torch.arange(self.size, device=weight.device)[:, None] - taps * dilation
        sample, tap = (offset % self.stride == 0).nonzero(as_tuple=True)
        frame = self.before + offset[sample, tap] // self.stride
        arranged[sample, :, :, frame] = weight[:, :, tap].permute(2, 1, 0)
        return arranged

    def image(self, conv: nn.Conv1d) -> Tensor:
        """Return the weights of `convolved`, (sample and channel, filter, 1, frame)."""
        weight = self.kernels(conv).flatten(0, 1).unsqueeze(2)
        return weight.contiguous(memory_format=torch.channels_last)

    def matrix(self, conv: nn.Conv1d) -> Tensor:
        """Return the weights of `multiplied`, (frame and filter, sample and channel)."""
        return self.kernels(conv).permute(3, 2, 0, 1).flatten(2).flatten(0, 1).contiguous()

    def single(self, conv: nn.Conv1d) -> Tensor:
        """Return the weights of `started`, (filter, frame, sample and channel)."""
        return self.kernels(conv).permute(2, 3, 0, 1).flatten(2).contiguous()

    def convolved(self, stream: Tensor, weight: Tensor, length: int) -> Tensor:
        """Transpose streams, (stream, frame, filter), to `length` samples."""
        x = self._padded(stream, length).transpose(1, 2).unsqueeze(2)
        with disable_tf32():
            out = F.conv2d(x, weight, stride=(1, self.step))
        return self._samples(out.squeeze(2).transpose(1, 2), length)

    def multiplied(self, stream: Tensor, weight: Tensor, length: int) -> Tensor:
        """Compute the same as one matrix product, which is faster for small streams."""
        framed = self._padded(stream, length).unfold(1, self.frames, self.step)
        return self._samples(framed.transpose(2, 3).flatten(2) @ weight, length)

    def started(self, values: Tensor, weight: Tensor, length: int) -> Tensor:
        """Transpose single maps, (stream, frame), with the weights of their filters."""
        framed = self._padded(values.unsqueeze(2), length)[..., 0].unfold(1, self.frames, self.step)
        return self._samples(torch.bmm(framed, weight), length)

    def _padded(self, stream: Tensor, length: int) -> Tensor:
        blocks = -(-(self.padding + length) // self.size)
        after = (blocks - 1) * self.step + self.frames - self.before - stream.shape[1]
        return F.pad(stream, (0, 0, self.before, after))  # frames of no sample are cut off

    def _samples(self, out: Tensor, length: int) -> Tensor:
        """Split blocks, (stream, block, sample and channel), into (stream, sample, channel)."""
        samples = out.reshape(len(out), out.shape[1] * self.size, -1)
        return samples[:, self.padding : self.padding + length]
