"""Back-projection (Figure B.2): from many feature maps at once, block by block, to waveforms.

A stream is one feature map on its way to a waveform. All streams of a batch are back-projected
together, ordered by descending layer: at every block the streams from the blocks above come first,
and those that start there are appended. Data are laid out (stream, frame, filter).
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from sonify.sonification.deconvnet.convolution import Convolution
from sonify.sonification.requests import ALL, Requests
from sonify.sonification.trace.chain import Block, single

# Streams are unpooled in groups: about what stays in a CPU's cache; elsewhere, a memory budget.
CACHED_BYTES = 4 << 20
DEVICE_BYTES = 1 << 30
MIN_VALUES_FOR_VIEWS = 1 << 15  # of a clip's mask; indexing copies smaller ones faster
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

    `convolutions` are those of the blocks, in the floating-point type to compute in.
    """
    layers, whole = requests.layers.cpu(), (requests.filters == ALL).cpu()
    order = torch.argsort(2 * layers + whole, descending=True, stable=True)
    layers, whole = layers[order], whole[order]
    requests = requests[order.to(requests.layers.device)]
    stream = record.maps[0].new_empty(0)  # nothing has begun
    for at in range(int(layers[0]), 0, -1):
        begun, entire = int((layers > at).sum()), int(((layers == at) & whole).sum())
        continued, total = begun + entire, int((layers >= at).sum())
        step = _Step(blocks[at - 1], convolutions[at - 1], record, at)
        if entire:
            maps = step.whole(requests.clips[begun:continued])
            stream = torch.cat([stream, maps]) if begun else maps
        new = torch.arange(continued, total, device=requests.layers.device)
        stream = step.apply(stream, requests.clips[:continued], requests[new])
    raw = torch.empty_like(stream[..., 0])
    raw[order.to(raw.device)] = stream[..., 0]
    return raw


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
        # A padded stream: zeros, the unpooled stream, zeros. Windows may reach beyond its ends, but
        # must not touch what the neighbouring streams hold there.
        self.lead = convolution.lead if convolution.plain else 0
        windows = max(self.maps.shape[-1] * self.stride, self.pooled + self.padding)
        ends = self.length + convolution.reach if convolution.plain else self.pooled
        self.rows = max(self.lead + windows, ends)

    def whole(self, clips: Tensor) -> Tensor:
        """Return all maps of the clips as one stream each."""
        return self.maps[clips].transpose(1, 2).to(self.convolution.dtype)

    def apply(self, stream: Tensor, clips: Tensor, new: Requests) -> Tensor:
        """Return the streams that enter the block below, (stream, frame, filter).

        First `stream`, whose clips are `clips`, taken through this block; then the maps that are
        `new` here.
        """
        conv, continued, convolution = self.block.conv, len(clips), self.convolution
        dtype = convolution.dtype
        if self.waveform:
            dtype = torch.promote_types(dtype, torch.float32)
        shape = (continued + len(new), self.length, conv.in_channels)
        below = self.maps.new_empty(shape, dtype=dtype)
        if continued:
            for group, padded in self._unpooled(stream, clips):
                if self.to_one:
                    below[group] = convolution.to_one_channel(padded, self.length)
                elif convolution.plain:
                    below[group] = convolution.direct(padded, self.length)
                else:
                    below[group] = convolution.general(padded[:, : self.pooled], self.length)
        if len(new):
            below[continued:] = self._started(new)
        return below if self.waveform else below.clamp_min_(0)

    def _unpooled(self, stream: Tensor, clips: Tensor) -> Iterator[tuple[slice, Tensor]]:
        """Yield groups of padded streams with every value at its switch and zeros elsewhere."""
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
        at_switch = self._at_switch(self.switches) if self.switches is not None else None
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
        """Write `bits` to `out` where the mask of their clip, `at_switch`, is set, else zeros."""
        if len(at_switch) == 1:
            torch.bitwise_and(bits, at_switch, out=out)
        elif at_switch[0].numel() < MIN_VALUES_FOR_VIEWS or not bits.is_cpu:
            torch.bitwise_and(bits, at_switch[clips], out=out)
        else:  # one by one on views, because indexing would copy
            for i, clip in enumerate(clips.tolist()):
                torch.bitwise_and(bits[i], at_switch[clip], out=out[i])

    def _at_switch(self, switches: Tensor) -> Tensor:
        """Return bit masks of the frames that are their window's maximum.

        (clip, window, frame, filter), integers as wide as the stream's values, all ones or all
        zeros, because a bitwise `and` is cheaper than a product.
        """
        n, device = switches.shape[-1], switches.device
        starts = torch.arange(n, device=device) * self.stride - self.padding
        place = (switches.transpose(1, 2) - starts.unsqueeze(1)).to(torch.int16)
        places = torch.arange(self.kernel, device=device, dtype=torch.int16)
        chosen = (place.unsqueeze(2) == places.unsqueeze(1)).view(torch.int8).neg_()
        return chosen.to(BITS[self.convolution.dtype.itemsize])

    def _started(self, new: Requests) -> Tensor:
        """Return the streams of maps that start here, each alone in its layer, after this block."""
        values = self.maps[new.clips, new.filters].to(self.convolution.dtype)
        if new.frames is not None:
            values = torch.zeros_like(values).scatter_(
                1, new.frames.unsqueeze(1), values.gather(1, new.frames.unsqueeze(1))
            )
        if self.switches is not None:
            at = self.switches[new.clips, new.filters]
            values = values.new_zeros((len(at), self.pooled)).scatter_(1, at, values)
        return self.convolution.start(values, new.filters, self.length)
