"""The way down (Figure B.2): streams from many feature maps, through all blocks, to waveforms.

All sonifications of a batch go down together. They are ordered by falling layer, so that at every
block those that come from above are the first, and those that start there are added behind. Data
are laid out (signal, frame, filter).
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from sonify.sonification.deconvnet.convolution import Convolution
from sonify.sonification.deconvnet.requests import ALL, Requests
from sonify.sonification.trace.chain import Block, single

# A group of streams is unpooled at a time: about what stays in a CPU's cache; elsewhere, memory.
CACHED_BYTES = 4 << 20
DEVICE_BYTES = 1 << 30
WORTH_A_VIEW = 1 << 15  # values of a mask
LITTLE = 0.05  # of the peak, left by all rectifications together
BITS = {2: torch.int16, 4: torch.int32, 8: torch.int64}


@dataclass(frozen=True)
class Forward:
    """What a forward pass recorded. Lists are by layer, first layer first.

    maps: (clip, filter, frame), each block's output after ReLU and pooling. switches: positions of
    the maxima, (clip, filter, frame), or None where the block has no pool. lengths: samples going
    into each block's conv. pooled_lengths: samples going into each block's pool.
    """

    maps: list[Tensor]
    switches: list[Tensor | None]
    lengths: list[int]
    pooled_lengths: list[int]


def sweep(
    blocks: tuple[Block, ...],
    convolutions: list[Convolution],
    record: Forward,
    requests: Requests,
    in_blocks: bool = True,
) -> Tensor:
    """Deconvolutions of the requested maps, (request, time), before any scaling.

    `convolutions` are those of the blocks, in the floating-point type to compute in. `in_blocks`
    allows the frequency domain. That leaves rounding errors where zeros are due, of which scaling
    would make a sound if little else was left; so streams of which rectification, at whatever
    blocks below, leaves next to nothing go down once more, from their start, without. A stream that
    is all zeros stays so, whatever goes down beside it.
    """
    layers, whole = requests.layers.cpu(), (requests.filters == ALL).cpu()
    order = torch.argsort(2 * layers + whole, descending=True, stable=True)
    layers, whole = layers[order], whole[order]
    requests = requests[order.to(requests.layers.device)]
    stream, left = None, torch.ones(len(requests), device=record.maps[0].device)
    rounded = False  # whether some streams have been through the frequency domain
    for at in range(int(layers[0]), 0, -1):
        begun, entire = int((layers > at).sum()), int(((layers == at) & whole).sum())
        continued, total = begun + entire, int((layers >= at).sum())
        step = _Step(blocks[at - 1], convolutions[at - 1], record, at, continued, in_blocks)
        if entire:
            maps = step.whole(requests.clips[begun:continued])
            stream = torch.cat([stream, maps]) if begun else maps
        new = torch.arange(continued, total, device=requests.layers.device)
        rounded |= step.blockwise
        stream = step.down(stream, requests.clips[:continued], requests[new], left, rounded)
    raw = torch.empty_like(stream[..., 0])
    order = order.to(raw.device)
    raw[order] = stream[..., 0]
    again = torch.nonzero((left > 0) & (left < LITTLE)).flatten() if rounded else []
    if len(again):
        raw[order[again]] = sweep(blocks, convolutions, record, requests[again], in_blocks=False)
    return raw


class _Step:
    """One block on the way down: unpool, transposed convolution, and the rectification that comes
    next, unless what comes out is a waveform. (Maps need none, and it commutes with unpooling.)"""

    def __init__(
        self,
        block: Block,
        convolution: Convolution,
        record: Forward,
        at: int,
        continued: int,
        in_blocks: bool,
    ) -> None:
        self.block, self.convolution, self.waveform = block, convolution, at == 1
        self.maps, self.switches = record.maps[at - 1], record.switches[at - 1]
        self.length = record.lengths[at - 1]  # of what comes out, in frames
        self.pooled = record.pooled_lengths[at - 1]  # of what the convolution is given
        pool = block.pool
        self.kernel, self.stride, self.padding = (
            (single(pool.kernel_size), single(pool.stride), single(pool.padding))
            if pool is not None
            else (1, 1, 0)
        )
        self.to_one = convolution.plain and block.conv.in_channels == 1
        self.blockwise = (
            in_blocks and not self.to_one and convolution.prefers_blocks(self.length, continued)
        )
        # A padded stream: zeros, the unpooled stream, zeros. Windows may reach beyond its ends, and
        # must not reach what the neighbours hold there. A stream's last block ends `reach` frames
        # into the next stream. Rounding errors are as large as the loudest in a block, so that
        # those frames are zeros too; then what comes out begins `ahead` frames later.
        self.lead = convolution.lead if convolution.plain else 0
        self.ahead = convolution.reach - self.lead if self.blockwise else 0
        self.lead += self.ahead
        windows = max(self.maps.shape[-1] * self.stride, self.pooled + self.padding)
        ends = self.length + convolution.reach if convolution.plain else self.pooled
        ends += self.ahead
        self.rows = convolution.frames_needed(max(self.lead + windows, ends))

    def whole(self, clips: Tensor) -> Tensor:
        """All maps of the clips, as a stream."""
        return self.maps[clips].transpose(1, 2).to(self.convolution.dtype)

    def down(
        self, stream: Tensor | None, clips: Tensor, new: Requests, left: Tensor, rounded: bool
    ) -> Tensor:
        """The streams given to the block below: of `stream`, whose clips are `clips`, and behind
        them those of the maps that are `new` here. If `rounded`, what rectification leaves of
        them, as a share of the peak, is multiplied into `left`, (request,)."""
        conv, continued, ways = self.block.conv, len(clips), self.convolution
        dtype = torch.promote_types(ways.dtype, torch.float32) if self.waveform else ways.dtype
        rows = self.rows if self.blockwise else self.length
        shape = (continued + len(new), rows, conv.in_channels)
        below = self.maps.new_empty(shape, dtype=dtype)
        inside = slice(self.ahead, self.ahead + self.length)
        if continued:
            for group, padded in self._unpooled(stream, clips):
                if self.blockwise:
                    ways.by_blocks(padded, below[group])
                elif self.to_one:
                    below[group] = ways.to_one_channel(padded, self.length)
                elif ways.plain:
                    below[group] = ways.direct(padded, self.length)
                else:
                    below[group] = ways.general(padded[:, : self.pooled], self.length)
                if rounded and not self.waveform:
                    left[group] *= _left(below[group, inside])
        below = below[:, inside]
        if len(new):
            below[continued:] = self._started(new)
        return below if self.waveform else below.clamp_min_(0)

    def _unpooled(self, stream: Tensor, clips: Tensor) -> Iterator[tuple[slice, Tensor]]:
        """Groups of streams, every value at its switch, zeros elsewhere and around."""
        filters, kernel = stream.shape[2], self.kernel
        nbytes = CACHED_BYTES if stream.device.type == "cpu" else DEVICE_BYTES
        size = max(1, nbytes // (self.rows * filters * stream.element_size()))
        size = min(size, len(stream))
        before, reach = self.padding, self.convolution.reach
        memory = stream.new_zeros((before + size * self.rows + reach, filters))
        padded = memory[before : before + size * self.rows].view(size, self.rows, filters)
        windows = memory[self.lead :].as_strided(
            (size, self.maps.shape[-1], kernel, filters),
            (self.rows * filters, self.stride * filters, filters, 1),
        )
        at_switch = self._at_switch() if self.switches is not None else None
        for first in range(0, len(stream), size):
            group = slice(first, min(first + size, len(stream)))
            n = group.stop - first
            if at_switch is None:
                padded[:n, self.lead : self.lead + self.pooled] = stream[group]
            else:
                bits = stream[group].view(at_switch.dtype).unsqueeze(2)
                self._and(bits, at_switch, clips[group], windows[:n].view(at_switch.dtype))
            yield group, padded[:n]

    def _and(self, bits: Tensor, at_switch: Tensor, clips: Tensor, out: Tensor) -> None:
        """`bits` where `at_switch` of their clips allows."""
        if len(at_switch) == 1:
            torch.bitwise_and(bits, at_switch, out=out)
        elif at_switch[0].numel() < WORTH_A_VIEW or not bits.is_cpu:
            torch.bitwise_and(bits, at_switch[clips], out=out)
        else:  # one by one on views, where indexing would copy
            for i, clip in enumerate(clips.tolist()):
                torch.bitwise_and(bits[i], at_switch[clip], out=out[i])

    def _at_switch(self) -> Tensor:
        """Where a frame of a window is its maximum, (clip, window, frame, filter): whole numbers as
        wide as the stream's, of all ones or all zeros, since `and` is cheaper than a product."""
        n, device = self.switches.shape[-1], self.switches.device
        starts = torch.arange(n, device=device) * self.stride - self.padding
        place = (self.switches.transpose(1, 2) - starts.unsqueeze(1)).to(torch.int16)
        places = torch.arange(self.kernel, device=device, dtype=torch.int16)
        chosen = (place.unsqueeze(2) == places.unsqueeze(1)).view(torch.int8).neg_()
        return chosen.to(BITS[self.convolution.dtype.itemsize])

    def _started(self, new: Requests) -> Tensor:
        """The streams of maps that start here, each alone in its layer."""
        values = self.maps[new.clips, new.filters].to(self.convolution.dtype)
        if new.frames is not None:
            values = torch.zeros_like(values).scatter_(
                1, new.frames.unsqueeze(1), values.gather(1, new.frames.unsqueeze(1))
            )
        if self.switches is not None:
            at = self.switches[new.clips, new.filters]
            values = values.new_zeros((len(at), self.pooled)).scatter_(1, at, values)
        return self.convolution.start(values, new.filters, self.length)


def _left(below: Tensor) -> Tensor:
    """What rectification leaves of each of `below`, (signal, frame, filter), as a share of its
    largest magnitude, (signal,); 0 for silence."""
    high, low = below.amax((1, 2)).float().clamp_min(0), below.amin((1, 2)).float()
    largest = torch.maximum(high, -low)
    return torch.where(largest > 0, high / largest, 0.0)
