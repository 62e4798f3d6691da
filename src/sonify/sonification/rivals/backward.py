"""The backward pass from maps to waveforms, block by block, for methods with their own steps.

All begin as the deconvnet does, with the map as recorded and zeros elsewhere: the gradient of half
the squared map. They differ in how they go through a block.
"""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from sonify.sonification.deconvnet.back_projection import Forward
from sonify.sonification.deconvnet.convolution import Convolution
from sonify.sonification.deconvnet.sonifier import Sonifier
from sonify.sonification.requests import ALL, Requests
from sonify.sonification.trace.chain import Block


@dataclass(frozen=True)
class Place:
    """A block on the way back, numbered `number` from 1, for some streams of its `clips`.

    Values of streams are (stream, frame, filter), with only their own `filters` where streams
    start, else (`filters` None) with all. maps: the block's output. switches: those of its pool,
    None without one. below: the block's input, (clip, channel, frame), of all clips of the record.
    length, pooled_length: frames of the block's input, and of what its pool is given.
    """

    number: int
    block: Block
    convolution: Convolution
    maps: Tensor
    switches: Tensor | None
    below: Tensor
    length: int
    pooled_length: int
    clips: Tensor
    filters: Tensor | None

    def unpooled(self, stream: Tensor) -> Tensor:
        """Return the stream with every value at its switch, and zeros elsewhere."""
        if self.switches is None:
            return stream
        wide = stream.new_zeros((len(stream), self.pooled_length, stream.shape[2]))
        return wide.scatter_(1, self.switches, stream)

    def transposed(self, stream: Tensor, convolution: Convolution | None = None) -> Tensor:
        """Return the unpooled stream after a transposed convolution, by default the block's own."""
        convolution = convolution or self.convolution
        if self.filters is not None:
            return convolution.start(stream.squeeze(2), self.filters, self.length)
        return convolution.general(stream, self.length)


class Rival(Sonifier):
    """A method that differs from the deconvnet in one step, `through`; it computes exactly."""

    def __init__(self, model: Sequence[Block]) -> None:
        super().__init__(model)

    @abstractmethod
    def through(self, stream: Tensor, place: Place) -> Tensor:
        """Return the stream that enters the block below, (stream, frame, filter)."""

    def _back(
        self, record: Forward, x: Tensor, asked: Requests, convolutions: list[Convolution]
    ) -> Tensor:
        raw = torch.empty_like(x[asked.clips])
        whole = bool((asked.filters == ALL).all())
        for layer in asked.layers.unique().tolist():
            at = torch.nonzero(asked.layers == layer).flatten()
            clips = asked.clips[at]
            filters = None if whole else asked.filters[at]
            stream = of_streams(record.maps[layer - 1], clips, filters)
            if asked.frames is not None:
                kept = asked.frames[at, None, None]
                stream = torch.zeros_like(stream).scatter_(1, kept, stream.gather(1, kept))
            for n in range(layer, 0, -1):
                place = self._place(n, record, x, clips, filters, convolutions[n - 1])
                stream, filters = self.through(stream, place), None
            raw[at] = stream[..., 0]
        return raw

    def _place(
        self,
        number: int,
        record: Forward,
        x: Tensor,
        clips: Tensor,
        filters: Tensor | None,
        convolution: Convolution,
    ) -> Place:
        switches = record.switches[number - 1]
        return Place(
            number,
            self.blocks[number - 1],
            convolution,
            of_streams(record.maps[number - 1], clips, filters),
            None if switches is None else of_streams(switches, clips, filters),
            record.maps[number - 2] if number > 1 else self.gain * x.unsqueeze(1),
            record.lengths[number - 1],
            record.pooled_lengths[number - 1],
            clips,
            filters,
        )


def of_streams(values: Tensor, clips: Tensor, filters: Tensor | None) -> Tensor:
    """Return values, (clip, filter, frame), for streams of clips: (stream, frame, filter).

    `filters`, (stream,), selects one filter of each stream.
    """
    if filters is None:
        return values[clips].transpose(1, 2)
    return values[clips, filters].unsqueeze(2)
