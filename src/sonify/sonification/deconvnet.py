"""Sonification (section 3.2): feature maps mapped back to waveforms by a deconvolutional network.

For a block, from the last to the first (pseudo-code of Figure B.2):

    map (after pooling)  --unpool at the switches-->  --ReLU-->  --transposed conv-->  block input

The transposed convolution has the block's own weights and no bias; nothing is trained. What comes
out is scaled to unit peak and multiplied by max|x|.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sonify.sonification.chain import Block, find_blocks

RULES = ("max", "mean", "energy")


@dataclass(frozen=True)
class Sonifications:
    """Sonifications with what is needed to undo their scaling and to count the dead.

    Leading axes are (layer, clip) after `most_active`, (request,) after `render`.

    signals: (..., time), in [-max|x|, max|x|]. filters: which feature map was sonified. scales:
    factor from the raw deconvolution to `signals`, 0 where that is silence. dead: the feature map
    is zero at every frame; the signal is then silence, never NaN.
    """

    signals: Tensor
    filters: Tensor
    scales: Tensor
    dead: Tensor


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


class Sonifier:
    """Sonifies any chain Conv1d -> ReLU -> optional MaxPool1d; layers are numbered from 1.

    Takes an nn.Sequential, or a model that has one as `trunk` (itself or its `encoder`). The model
    is read, never changed: no hooks, no gradients. Raises ValueError for what cannot be inverted.
    """

    def __init__(self, model: nn.Module) -> None:
        self.blocks = find_blocks(model)

    @property
    def n_layers(self) -> int:
        """Number of blocks."""
        return len(self.blocks)

    @torch.no_grad()
    def forward(self, x: Tensor, layers: int | None = None) -> Forward:
        """Run waveforms (clip, time) through the first `layers` blocks (all), keeping the switches."""
        self._check_waveforms(x)
        record = Forward([], [], [], [])
        h = x.unsqueeze(1)
        for block in self.blocks[:layers]:
            record.lengths.append(h.shape[-1])
            h = F.relu(block.conv(h))
            record.pooled_lengths.append(h.shape[-1])
            switches = None
            if block.pool is not None:
                if h.shape[-1] < _first(block.pool.kernel_size):
                    raise ValueError(
                        f"clips of {x.shape[-1]} samples are too short for layer "
                        f"{len(record.maps) + 1}: they leave no frame to pool"
                    )
                p = block.pool
                h, switches = F.max_pool1d(
                    h, p.kernel_size, p.stride, p.padding, ceil_mode=p.ceil_mode, return_indices=True
                )
            record.maps.append(h)
            record.switches.append(switches)
        return record

    @torch.no_grad()
    def sonify(self, x: Tensor, layer: int, filters: int | Sequence[int] | Tensor) -> Tensor:
        """Sonifications, (clip, time), of one filter of `layer` per clip of x, (clip, time).

        `filters` is one 0-based index for all clips or one per clip. Dead maps give silence.
        """
        filters = torch.as_tensor(filters, device=x.device)
        filters = filters.expand(len(x)) if filters.ndim == 0 else filters
        if len(filters) != len(x):
            raise ValueError(f"{len(filters)} filters for {len(x)} clips: give one, or one per clip")
        return self.render(x, layer, torch.arange(len(x), device=x.device), filters).signals

    @torch.no_grad()
    def render(self, x: Tensor, layer: int, clips: Tensor, filters: Tensor) -> Sonifications:
        """Sonify many (clip, filter) pairs of one layer out of one forward pass.

        x is (clip, time); `clips` and `filters`, (request,), say which clip and which filter.
        """
        self._check_layer(layer)
        return self.render_from(self.forward(x, layer), x, layer, clips, filters)

    @torch.no_grad()
    def render_from(
        self, record: Forward, x: Tensor, layer: int, clips: Tensor, filters: Tensor
    ) -> Sonifications:
        """As `render`, with a forward pass of x recorded before (of at least `layer` layers)."""
        self._check_layer(layer)
        self._check_filters(layer, filters)
        start = _one_channel(record.maps[layer - 1][clips], filters)
        dead = ~start.any(dim=-1).any(dim=-1)
        stream = start
        for at in range(layer, 0, -1):
            switches = record.switches[at - 1]
            stream = self._invert(at, stream, None if switches is None else switches[clips], record)
        raw = stream.squeeze(1)
        signals, scales = _rescale(raw, x[clips].abs().amax(-1))
        return Sonifications(signals, filters, scales, dead)

    @torch.no_grad()
    def most_active(self, x: Tensor, rule: str = "max") -> Sonifications:
        """Sonify the most active feature map of every layer in one sweep from the top layer down.

        Results have axes (layer, clip). `rule` ranks a layer's maps by their largest value over
        time ("max"), their mean or their energy (sum of squares); the paper does not say which.
        """
        record = self.forward(x)
        filters = [strongest(maps, rule) for maps in record.maps]
        n, deep = len(x), self.n_layers
        dead, streams = [], None
        for layer in range(deep, 0, -1):
            start = _one_channel(record.maps[layer - 1], filters[layer - 1])
            dead.insert(0, ~start.any(dim=-1).any(dim=-1))
            # All deeper layers' streams pass this block together, behind the layer's own start.
            streams = start if streams is None else torch.cat([start, streams])
            switches = record.switches[layer - 1]
            if switches is not None:
                switches = switches.repeat(deep - layer + 1, 1, 1)
            streams = self._invert(layer, streams, switches, record)
        raw = streams.reshape(deep, n, -1)
        signals, scales = _rescale(raw, x.abs().amax(-1).expand(deep, n))
        return Sonifications(signals, torch.stack(filters), scales, torch.stack(dead))

    def _invert(self, layer: int, stream: Tensor, switches: Tensor | None, record: Forward) -> Tensor:
        """One step of Figure B.2: unpool, rectify, transposed convolution of block `layer`."""
        block: Block = self.blocks[layer - 1]
        if switches is not None:
            length = record.pooled_lengths[layer - 1]
            unpooled = stream.new_zeros(*stream.shape[:2], length)
            stream = unpooled.scatter_(-1, switches, stream)
        return _transposed(F.relu(stream), block.conv, record.lengths[layer - 1])

    def _check_waveforms(self, x: Tensor) -> None:
        if x.ndim != 2 or not x.numel():
            raise ValueError(f"waveforms have shape {tuple(x.shape)}: expected (clip, time)")

    def _check_layer(self, layer: int) -> None:
        if not 1 <= layer <= self.n_layers:
            raise ValueError(f"layer is {layer}: the model has layers 1 to {self.n_layers}")

    def _check_filters(self, layer: int, filters: Tensor) -> None:
        n = self.blocks[layer - 1].conv.out_channels
        if len(filters) and not 0 <= int(filters.min()) <= int(filters.max()) < n:
            raise ValueError(f"layer {layer} has filters 0 to {n - 1}: asked for {filters.tolist()}")


def strongest(maps: Tensor, rule: str = "max") -> Tensor:
    """Index of the most active map, (clip,), among maps, (clip, filter, frame); ties to the lower."""
    if rule == "max":
        score = maps.amax(-1)
    elif rule == "mean":
        score = maps.mean(-1)
    elif rule == "energy":
        score = maps.square().sum(-1)
    else:
        raise ValueError(f"rule is {rule!r}: it must be one of {', '.join(RULES)}")
    return score.argmax(-1)


def _one_channel(maps: Tensor, filters: Tensor) -> Tensor:
    """The maps with all channels but one zeroed; maps is (clip, filter, frame), filters (clip,)."""
    index = filters.view(-1, 1, 1).expand(-1, 1, maps.shape[-1])
    return torch.zeros_like(maps).scatter_(1, index, maps.gather(1, index))


def _transposed(stream: Tensor, conv: nn.Conv1d, length: int) -> Tensor:
    """Transposed convolution with the weights of `conv`, back to the `length` it was given."""
    padding = _padding(conv)
    stride, dilation, kernel = conv.stride[0], conv.dilation[0], conv.kernel_size[0]
    natural = (stream.shape[-1] - 1) * stride - 2 * padding + dilation * (kernel - 1) + 1
    return F.conv_transpose1d(
        stream,
        conv.weight,
        stride=stride,
        padding=padding,
        output_padding=length - natural,  # samples a strided convolution never saw the end of
        groups=conv.groups,
        dilation=dilation,
    )


def _padding(conv: nn.Conv1d) -> int:
    if conv.padding == "valid":
        return 0
    if conv.padding == "same":
        return conv.dilation[0] * (conv.kernel_size[0] - 1) // 2
    return conv.padding[0]


def _rescale(raw: Tensor, peaks: Tensor) -> tuple[Tensor, Tensor]:
    """`raw`, (..., time), scaled to unit peak times `peaks`, (...,), and the factors; silence stays."""
    largest = raw.abs().amax(-1)
    scales = torch.where(largest > 0, peaks / largest.clamp_min(torch.finfo(raw.dtype).tiny), 0.0)
    return raw * scales.unsqueeze(-1), scales


def _first(value: int | tuple[int, ...]) -> int:
    return value[0] if isinstance(value, tuple) else value
