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

from sonify.sonification.chain import find_blocks, single

RULES = ("max", "mean", "energy")
CACHED_SAMPLES = 64_000


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
        """Run waveforms (clip, time) through the first `layers` blocks (all), keeping switches."""
        self._check_waveforms(x)
        record = Forward([], [], [], [])
        h = x.unsqueeze(1)
        for block in self.blocks[:layers]:
            record.lengths.append(h.shape[-1])
            h = F.relu(block.conv(h))
            record.pooled_lengths.append(h.shape[-1])
            switches = None
            if block.pool is not None:
                if h.shape[-1] < single(block.pool.kernel_size):
                    raise ValueError(
                        f"clips of {x.shape[-1]} samples are too short for layer "
                        f"{len(record.maps) + 1}: they leave no frame to pool"
                    )
                p = block.pool
                window = (p.kernel_size, p.stride, p.padding, p.dilation, p.ceil_mode)
                h, switches = F.max_pool1d(h, *window, return_indices=True)
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
            raise ValueError(f"{len(filters)} filters for {len(x)} clips: give one, or one each")
        return self.render(x, layer, torch.arange(len(x), device=x.device), filters).signals

    @torch.no_grad()
    def render(self, x: Tensor, layer: int, clips: Tensor, filters: Tensor) -> Sonifications:
        """Sonify many (clip, filter) pairs of one layer out of one forward pass.

        x is (clip, time); `clips` and `filters`, (request,), say which clip and which filter.
        """
        self.check_layer(layer)
        return self.render_from(self.forward(x, layer), x, layer, clips, filters)

    @torch.no_grad()
    def render_from(
        self, record: Forward, x: Tensor, layer: int, clips: Tensor, filters: Tensor
    ) -> Sonifications:
        """As `render`, with a forward pass of x recorded before (of at least `layer` layers)."""
        self.check_layer(layer)
        self._check_filters(layer, filters)
        # Few signals at a time stay in a CPU's cache, which is worth a factor of two to three.
        size = max(1, CACHED_SAMPLES // x.shape[1]) if x.device.type == "cpu" else len(clips)
        parts = [
            self._raw(record, layer, some, wanted)
            for some, wanted in zip(clips.split(size), filters.split(size), strict=True)
        ]
        raw = torch.cat([signal for signal, _ in parts])
        dead = torch.cat([flag for _, flag in parts])
        signals, scales = _rescale(raw, x[clips].abs().amax(-1))
        return Sonifications(signals, filters, scales, dead)

    @torch.no_grad()
    def most_active(self, x: Tensor, rule: str = "max") -> Sonifications:
        """Sonify the most active feature map of every layer out of one forward pass.

        Results have axes (layer, clip). `rule` ranks a layer's maps by their largest value over
        time ("max"), their mean or their energy (sum of squares); the paper does not say which.
        """
        record = self.forward(x)
        clips = torch.arange(len(x), device=x.device)
        layers = [
            self.render_from(record, x, layer, clips, strongest(maps, rule))
            for layer, maps in enumerate(record.maps, start=1)
        ]
        return Sonifications(
            torch.stack([found.signals for found in layers]),
            torch.stack([found.filters for found in layers]),
            torch.stack([found.scales for found in layers]),
            torch.stack([found.dead for found in layers]),
        )

    def _raw(
        self, record: Forward, layer: int, clips: Tensor, filters: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Deconvolutions before scaling, (request, time), and which of the maps are dead."""
        # All channels but one are zero at the start, so only that one is computed with.
        stream = record.maps[layer - 1][clips, filters].unsqueeze(1)
        dead = ~stream.any(dim=-1).squeeze(1)
        switches = record.switches[layer - 1]
        if switches is not None:
            switches = switches[clips, filters].unsqueeze(1)
        stream = self._unpool(stream, switches, record.pooled_lengths[layer - 1])
        conv, length = self.blocks[layer - 1].conv, record.lengths[layer - 1]
        stream = _transposed_one(F.relu(stream), conv, filters, length)
        for at in range(layer - 1, 0, -1):
            switches = record.switches[at - 1]
            switches = None if switches is None else switches[clips]
            stream = self._unpool(stream, switches, record.pooled_lengths[at - 1])
            stream = _transposed(F.relu(stream), self.blocks[at - 1].conv, record.lengths[at - 1])
        return stream.squeeze(1), dead

    @staticmethod
    def _unpool(stream: Tensor, switches: Tensor | None, length: int) -> Tensor:
        """The stream with every value back at its switch and zeros elsewhere."""
        if switches is None:
            return stream
        return stream.new_zeros(*stream.shape[:2], length).scatter_(-1, switches, stream)

    def _check_waveforms(self, x: Tensor) -> None:
        if x.ndim != 2 or not x.numel():
            raise ValueError(f"waveforms have shape {tuple(x.shape)}: expected (clip, time)")

    def check_layer(self, layer: int) -> None:
        """Raise ValueError unless the model has the layer."""
        if not 1 <= layer <= self.n_layers:
            raise ValueError(f"layer is {layer}: the model has layers 1 to {self.n_layers}")

    def _check_filters(self, layer: int, filters: Tensor) -> None:
        n = self.blocks[layer - 1].conv.out_channels
        if len(filters) and not 0 <= int(filters.min()) <= int(filters.max()) < n:
            raise ValueError(f"layer {layer} has filters 0 to {n - 1}, not {filters.tolist()}")


def strongest(maps: Tensor, rule: str = "max") -> Tensor:
    """Index of the most active map, (clip,), of maps, (clip, filter, frame); ties to the lower."""
    return activity(maps, rule).argmax(-1)


def activity(maps: Tensor, rule: str = "max") -> Tensor:
    """How active each map is, (clip, filter), of maps, (clip, filter, frame).

    Its largest value over time ("max"), its mean ("mean") or its sum of squares ("energy"). Raises
    ValueError for another rule.
    """
    if rule == "max":
        return maps.amax(-1)
    if rule == "mean":
        return maps.mean(-1)
    if rule == "energy":
        return maps.square().sum(-1)
    raise ValueError(f"rule is {rule!r}: it must be one of {', '.join(RULES)}")


def _transposed(stream: Tensor, conv: nn.Conv1d, length: int) -> Tensor:
    """Transposed convolution with the weights of `conv`, back to the `length` it was given."""
    return _transposed_with(stream, conv.weight, conv, conv.groups, length)


def _transposed_one(stream: Tensor, conv: nn.Conv1d, filters: Tensor, length: int) -> Tensor:
    """As `_transposed`, of streams with one channel each, (request, 1, time): that of `filters`."""
    n = len(stream)
    weight = conv.weight[filters]  # (request, channels of the group, kernel)
    out = _transposed_with(stream.transpose(0, 1), weight, conv, n, length).view(n, -1, length)
    if conv.groups == 1:
        return out
    whole = out.new_zeros(n, conv.groups, out.shape[1], length)
    group = filters // (conv.out_channels // conv.groups)
    whole[torch.arange(n, device=out.device), group] = out
    return whole.flatten(1, 2)


def _transposed_with(
    stream: Tensor, weight: Tensor, conv: nn.Conv1d, groups: int, length: int
) -> Tensor:
    padding = _padding(conv)
    stride, dilation, kernel = conv.stride[0], conv.dilation[0], conv.kernel_size[0]
    reach = dilation * (kernel - 1)
    if stride == 1 and padding <= reach:
        # The same sums as a plain convolution with flipped kernels, which CPUs have fast code for.
        flipped = weight.flip(-1).unflatten(0, (groups, -1)).transpose(1, 2).flatten(0, 1)
        return F.conv1d(stream, flipped, padding=reach - padding, dilation=dilation, groups=groups)
    natural = (stream.shape[-1] - 1) * stride - 2 * padding + reach + 1
    return F.conv_transpose1d(
        stream,
        weight,
        stride=stride,
        padding=padding,
        output_padding=length - natural,  # samples a strided convolution never saw the end of
        groups=groups,
        dilation=dilation,
    )


def _padding(conv: nn.Conv1d) -> int:
    if conv.padding == "valid":
        return 0
    if conv.padding == "same":
        return conv.dilation[0] * (conv.kernel_size[0] - 1) // 2
    return conv.padding[0]


def _rescale(raw: Tensor, peaks: Tensor) -> tuple[Tensor, Tensor]:
    """`raw`, (..., time), scaled to `peaks`, (...,), and the factors; silence stays silence."""
    largest = raw.abs().amax(-1)
    scales = torch.where(largest > 0, peaks / largest.clamp_min(torch.finfo(raw.dtype).tiny), 0.0)
    return raw * scales.unsqueeze(-1), scales
