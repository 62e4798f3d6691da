"""A chain of blocks as it is written down, operation after operation."""

from dataclasses import dataclass, field

import torch
from torch import Tensor, fx, nn

from sonify.runtime.errors import SonifyError
from sonify.sonification.trace.folded_conv import FoldedConv1d
from sonify.sonification.trace.operations import Convolution


class CannotFoldError(SonifyError):
    """Something that no chain can compute; the sentence names it."""


@dataclass
class _Block:
    weight: Tensor
    bias: Tensor
    shift: Tensor | None  # (filter, tap), see FoldedConv1d
    window: tuple[int, int, int, int]
    idle: tuple[int, int]
    pool: nn.MaxPool1d | None = None
    rectifier: fx.Node | None = None


@dataclass
class Written:
    """The blocks so far, and what waits for the next convolution.

    gain: the factor on the waveform. zeros: padding, before and after. affine: factor and offset
    per channel, of what the last block returns.
    """

    gain: float = 1.0
    blocks: list[_Block] = field(default_factory=list)
    zeros: tuple[int, int] = (0, 0)
    affine: tuple[Tensor, Tensor] | None = None

    @property
    def blocks_begun(self) -> bool:
        """True after the first convolution."""
        return bool(self.blocks)

    @property
    def padded(self) -> bool:
        """True where padding waits for a convolution."""
        return self.zeros != (0, 0)

    def convolve(self, label: str, conv: Convolution) -> None:
        """Begin a block, with all that waits folded into its convolution."""
        self._check_rectified(label)
        weight = conv.weight.clone()
        bias = weight.new_zeros(len(weight)) if conv.bias is None else conv.bias.clone()
        shift = None
        if not self.blocks:
            weight *= self.gain
        if self.affine is not None:
            factor, offset = (self._by_filter(v, weight, conv.groups) for v in self.affine)
            shift = (weight * offset).sum(1)
            weight = weight * factor
        reach = conv.dilation[0] * (weight.shape[2] - 1)
        before, after = self._zeros(conv.padding, reach)
        if shift is not None and before == after == 0:
            bias, shift = bias + shift.sum(1), None
        dilation, idle = conv.dilation[0], (0, 0)
        if (before - after) % dilation:  # the taps between are needed to make up for the difference
            weight, shift = (
                _dense(weight, dilation),
                None if shift is None else _dense(shift, dilation),
            )
            dilation = 1
        if before != after:
            more = abs(after - before) // dilation
            idle = (more, 0) if after > before else (0, more)
            weight = nn.functional.pad(weight, idle)
            shift = None if shift is None else nn.functional.pad(shift, idle)
        window = conv.stride[0], max(before, after), dilation, conv.groups
        self.blocks.append(_Block(weight, bias, shift, window, idle))
        self.zeros, self.affine = (0, 0), None

    def rectify(self, label: str, node: fx.Node) -> None:
        """Rectify what the block's convolution returns."""
        if not self.blocks or self.affine is not None or self.padded:
            raise SonifyError(f"{label} rectifies what no convolution returned")
        if self.blocks[-1].rectifier is None:
            self.blocks[-1].rectifier = node

    def normalise(self, label: str, factor: Tensor, offset: Tensor) -> None:
        """Multiply channels by a factor and add an offset."""
        block = self.blocks[-1]
        if self.padded:
            raise CannotFoldError(f"{label} normalises padded maps: pad after it")
        if block.rectifier is None:
            block.weight = block.weight * factor[:, None, None]
            block.bias = block.bias * factor + offset
            block.shift = None if block.shift is None else block.shift * factor[:, None]
            return
        if self.affine is None:
            self.affine = factor, offset
        else:
            self.affine = self.affine[0] * factor, self.affine[1] * factor + offset

    def pool(self, label: str, pool: nn.MaxPool1d) -> None:
        """Pool what the block returns."""
        if not self.blocks or self.blocks[-1].pool is not None or self.padded:
            raise SonifyError(f"{label} pools what no block returned")
        if self.blocks[-1].rectifier is None:
            # To rectify first gives the same maps, but other switches where none is positive.
            raise SonifyError(f"{label} comes before the ReLU: put it after the ReLU")
        if self.affine is not None and (negative := int((self.affine[0] < 0).sum())):
            raise CannotFoldError(
                f"{label} follows a batch norm that flips the sign of {negative} of "
                f"{len(self.affine[0])} maps, and so takes their minima: sonify it by autograd"
            )
        self.blocks[-1].pool = pool

    def pad(self, label: str, before: int, after: int) -> bool:
        """Pad with zeros what goes into the next convolution."""
        if self.blocks:
            self._check_rectified(label)
        self.zeros = self.zeros[0] + before, self.zeros[1] + after
        return True

    def end(self) -> None:
        """Leave out a head: a convolution that nothing rectifies."""
        while self.blocks and self.blocks[-1].rectifier is None:
            self.blocks.pop()
        if not self.blocks:
            raise SonifyError("the model has no convolution followed by a ReLU")

    def chain(self) -> nn.Sequential:
        """Return the chain, in evaluation mode: conv1, relu1, pool1, conv2, and so on."""
        chain = nn.Sequential()
        for number, block in enumerate(self.blocks, start=1):
            settings = block.window, block.idle, block.shift
            chain.add_module(f"conv{number}", FoldedConv1d(block.weight, block.bias, *settings))
            chain.add_module(f"relu{number}", nn.ReLU())
            if block.pool is not None:
                chain.add_module(f"pool{number}", block.pool)
        return chain.eval()

    @property
    def rectified(self) -> dict[str, fx.Node]:
        """The module of the chain after which each rectifier's output is there."""
        return {
            f"relu{number}": block.rectifier
            for number, block in enumerate(self.blocks, start=1)
            if block.rectifier is not None
        }

    def _check_rectified(self, label: str) -> None:
        if self.blocks and self.blocks[-1].rectifier is None:
            raise SonifyError(f"{label} comes before a ReLU has rectified the last convolution")

    def _zeros(self, padding: tuple[int, ...] | str, reach: int) -> tuple[int, int]:
        if padding == "same":
            own = reach // 2, reach - reach // 2
        else:
            own = (0, 0) if isinstance(padding, str) else (padding[0], padding[0])
        return self.zeros[0] + own[0], self.zeros[1] + own[1]

    @staticmethod
    def _by_filter(of_channel: Tensor, weight: Tensor, groups: int) -> Tensor:
        """Return the values of the channels that each filter sees, (filter, channel, 1)."""
        by_group = of_channel.view(groups, -1).to(weight)
        return by_group.repeat_interleave(len(weight) // groups, dim=0).unsqueeze(2)


def _dense(kernel: Tensor, dilation: int) -> Tensor:
    """Return a dilated kernel with its gaps as taps of 0."""
    taps = kernel.shape[-1]
    out = kernel.new_zeros((*kernel.shape[:-1], dilation * (taps - 1) + 1))
    out[..., torch.arange(taps) * dilation] = kernel
    return out
