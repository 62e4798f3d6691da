"""Back-projection (Figure B.2): from many feature maps at once, block by block, to waveforms.

A stream is one feature map on its way to a waveform. All streams of a batch are back-projected
together, ordered by descending layer: at every block the streams from the blocks above come first,
and those that start there are appended. Data are laid out (stream, frame, filter).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from sonify.sonification.deconvnet.convolution import BLOCK, Convolution
from sonify.sonification.requests import ALL, Requests
from sonify.sonification.trace.chain import Block, single

# Streams are unpooled in groups: about what stays in a CPU's cache; elsewhere, a memory budget.
CACHED_BYTES = 4 << 20
DEVICE_BYTES = 1 << 30
BITS = {2: torch.int16, 4: torch.int32, 8: torch.int64}


@dataclass(frozen=True)
class Forward:
    """The record of a forward pass. Lists are by layer, first layer first.

    maps: (clip, filter, frame), each block's output after ReLU and pooling. switches: switch
    indices, the positions of the maxima, (clip, filter, frame); None where the block has no pool.
    lengths: frames that enter each block's convolution. pooled_lengths: frames that enter each
    block's pool.
    """

    maps: list[Tensor]
    switches: list[Tensor | None]
    lengths: list[int]
    pooled_lengths: list[int]


def back_project(
    blocks: tuple[Block, ...],
    convolutions: list[Convolution],
    record: Forward,
    requests: Requests,
) -> Tensor:
    """Back-project the requested maps to waveforms, (request, time), without any scaling.

    Requests are ordered by descending layer; all are for single filters or all for whole layers.
    `convolutions` are those of the blocks, in the floating-point type to compute in.
    """
    layers, whole = requests.layers.cpu(), bool((requests.filters == ALL).all())
    streams: list[Tensor] = []
    for at in range(int(layers[0]), 0, -1):
        begun, total = int((layers > at).sum()), int((layers >= at).sum())
        step = _Step(blocks[at - 1], convolutions[at - 1], record, at)
        if whole and total > begun:
            streams.append(step.whole(requests.clips[begun:total]))
            begun = total
        new = torch.arange(begun, total, device=requests.layers.device)
        streams = step.apply(streams, requests.clips[:begun], requests[new])
    return torch.cat(streams)[..., 0]


class _Step:
    """One block: unpooling, transposed convolution, and the rectification of the block below.

    A waveform is not rectified. Recorded maps need no rectification, and it commutes with
    unpooling.
    """

    def __init__(self, block: Block, convolution: Convolution, record: Forward, at: int) -> None:
        self.block, self.convolution, self.waveform = block, convolution, at == 1
        self.maps, self.switches = record.maps[at - 1], record.switches[at - 1]
        self.length = record.lengths[at - 1]  # frames of the result
        self.pooled = record.pooled_lengths[at - 1]  # frames of the unpooled stream
        pool = block.pool
        self.kernel, self.stride, self.padding = (
            (single(pool.kernel_size), single(pool.stride), single(pool.padding))
            if pool is not None
            else (1, 1, 0)
        )
        self.to_one = convolution.plain and block.conv.in_channels == 1
        samples = -(-self.length // BLOCK) * BLOCK if self.to_one else self.length
        # A padded stream: zeros, the unpooled stream, zeros. Windows may reach beyond its ends, but
        # must not touch what the neighbouring streams hold there.
        self.lead = convolution.lead if convolution.plain else 0
        windows = max(self.maps.shape[-1] * self.stride, self.pooled + self.padding)
        ends = samples + convolution.reach if convolution.plain else self.pooled
        self.rows = max(self.lead + windows, ends)

    def whole(self, clips: Tensor) -> Tensor:
        """Return all maps of the clips as one stream each."""
        return self.maps[clips].transpose(1, 2).to(self.convolution.dtype)

    def apply(self, streams: list[Tensor], clips: Tensor, new: Requests) -> list[Tensor]:
        """Return the streams that enter the block below, (stream, frame, filter), in several parts.

        First `streams`, whose clips are `clips`, passed through this block; then the maps that
        start here, `new`.
        """
        below = [self._transposed(padded) for padded in self._unpooled(streams, clips)]
        if len(new):
            below.append(self._rectified(self._started(new)))
        return below

    def _transposed(self, padded: Tensor) -> Tensor:
        if self.to_one:
            return self._rectified(self.convolution.to_one_channel(padded, self.length))
        if self.convolution.plain:
            return self._rectified(self.convolution.direct(padded, self.length))
        return self._rectified(self.convolution.general(padded[:, : self.pooled], self.length))

    def _rectified(self, below: Tensor) -> Tensor:
        if not self.waveform:
            return below.clamp_min_(0)
        return below.to(torch.promote_types(below.dtype, torch.float32))

    def _unpooled(self, streams: list[Tensor], clips: Tensor) -> Iterator[Tensor]:
        """Yield groups of padded streams with every value at its switch and zeros elsewhere.

        Each group reuses the memory of the one before.
        """
        if not len(clips):
            return
        filters, itemsize = streams[0].shape[2], streams[0].element_size()
        nbytes = CACHED_BYTES if streams[0].is_cpu else DEVICE_BYTES
        groups = -(-len(clips) // max(1, nbytes // (self.rows * filters * itemsize)))
        size = -(-len(clips) // groups)
        before, reach = self.padding, self.convolution.reach
        memory = streams[0].new_empty((before + size * self.rows + reach, filters))
        padded = memory[before : before + size * self.rows].view(size, self.rows, filters)
        windows = memory[self.lead :].as_strided(
            (size, self.maps.shape[-1], self.kernel, filters),
            (self.rows * filters, self.stride * filters, filters, 1),
        )
        if self.kernel == self.stride and not before:  # windows fill all but the margins
            padded[:, : self.lead] = 0
            padded[:, self.lead + self.maps.shape[-1] * self.stride :] = 0
        else:
            memory.zero_()
        masks = self._masks(self.switches) if self.switches is not None else None
        filled = 0
        for part, of in _parts(streams, clips, size):
            there = slice(filled, filled + len(part))
            if masks is None:
                padded[there, self.lead : self.lead + self.pooled] = part
            else:
                _place(part.view(masks.dtype), masks, of, windows[there].view(masks.dtype))
            filled = there.stop
            if filled == size:
                yield padded
                filled = 0
        if filled:
            yield padded[:filled]

    def _masks(self, switches: Tensor) -> Tensor:
        """Return bit masks of the windows whose maximum is their first frame, second, and so on.

        (place, clip, window, filter), integers as wide as the stream's values, all ones or all
        zeros, because a bitwise `and` is cheaper than a product.
        """
        n, device = switches.shape[-1], switches.device
        starts = torch.arange(n, device=device) * self.stride - self.padding
        switches, dtype = switches.transpose(1, 2), BITS[self.convolution.dtype.itemsize]
        masks = torch.empty((self.kernel, *switches.shape), dtype=dtype, device=device)
        masks[-1] = -1  # the last place takes what the others leave
        for place, mask in enumerate(masks[:-1]):
            chosen = switches == (starts + place).unsqueeze(1)
            masks[-1] ^= mask.copy_(chosen.view(torch.int8).neg_())
        return masks

    def _started(self, new: Requests) -> Tensor:
        """Return the streams that start here, each a single map: all others of the layer are zero.

        They are unpooled, and leave through the transposed convolution.
        """
        values = self.maps[new.clips, new.filters].to(self.convolution.dtype)
        if new.frames is not None:
            values = torch.zeros_like(values).scatter_(
                1, new.frames.unsqueeze(1), values.gather(1, new.frames.unsqueeze(1))
            )
        if self.switches is not None:
            at = self.switches[new.clips, new.filters]
            values = values.new_zeros((len(at), self.pooled)).scatter_(1, at, values)
        return self.convolution.start(values, new.filters, self.length)


def _parts(streams: list[Tensor], clips: Tensor, size: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Cut the streams and their clips where groups of `size` end."""
    first = 0
    for some in streams:
        while len(some):
            n = min(len(some), size - first % size)
            yield some[:n], clips[first : first + n]
            some, first = some[n:], first + n


def _place(bits: Tensor, masks: Tensor, clips: Tensor, windows: Tensor) -> None:
    """Write `bits` to each place of their windows where the mask of their clip is set, else zeros.

    bits is (stream, window, filter), windows (stream, window, place, filter). One place at a time:
    writing all together is 5 times slower for 8 filters.
    """
    for place, mask in enumerate(masks):
        if bits.is_cpu:
            for some, of in _runs(clips.tolist()):  # on views, because indexing would copy
                torch.bitwise_and(bits[some], mask[of], out=windows[some, :, place])
        else:
            torch.bitwise_and(bits, mask[clips], out=windows[:, :, place])


def _runs(clips: list[int]) -> Iterator[tuple[slice, slice]]:
    """Slices of streams of one clip or of consecutive clips, and the slices of those clips."""
    first, step = 0, -1
    for i, ahead in enumerate([b - a for a, b in pairwise(clips)] + [2], start=1):
        if ahead not in (0, 1) or step not in (-1, ahead):
            yield slice(first, i), slice(clips[first], clips[i - 1] + 1)
            first, ahead = i, -1
        step = ahead
