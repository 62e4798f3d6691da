"""Sonification (section 3.2): feature maps mapped back to waveforms by a deconvolutional network.

For a block, from the last to the first (pseudo-code of Figure B.2):

    map (after pooling)  --unpool at the switches-->  --ReLU-->  --transposed conv-->  block input

The transposed convolution has the block's own weights and no bias; nothing is trained. What comes
out is scaled to unit peak and multiplied by max|x|.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sonify.runtime.errors import SonifyError
from sonify.sonification.activity import strongest
from sonify.sonification.deconvnet.back_projection import Forward, sweep
from sonify.sonification.deconvnet.convolution import Convolution
from sonify.sonification.deconvnet.requests import (
    ALL,
    Requests,
    check_frames,
    check_layer,
    check_waveforms,
    requests,
)
from sonify.sonification.trace.chain import Block, find_blocks, single

PRECISIONS = ("exact", "fast")
# A CPU runs about ten seconds at a time, which stays in its cache; and no more streams go down at
# once than fit in this, their widest point.
CACHED_SAMPLES = 80_000
STREAM_BYTES = 256 << 20
DEVICE_STREAM_BYTES = 4 << 30  # on GPUs


@dataclass(frozen=True)
class Sonifications:
    """Sonifications with what is needed to undo their scaling and to count the dead.

    Leading axes are (layer, clip) after `most_active`, (request,) after `render`, (clip,) after
    `whole_layer`.

    signals: (..., time), in [-max|x|, max|x|]. filters: which feature map was sonified, -1 for all
    at once. scales: factor from the raw deconvolution to `signals`, 0 where that is silence. dead:
    the feature map is zero at every frame; the signal is then silence, never NaN.
    """

    signals: Tensor
    filters: Tensor
    scales: Tensor
    dead: Tensor

    def residuals(self, x: Tensor) -> Tensor:
        """What the clips are without their sonifications, (..., time): x - s (section 4.1).

        x has the clips of `signals`, (clip, time), or (request, time) after `render`.
        """
        return x - self.signals


class Sonifier:
    """Sonifies any chain Conv1d -> ReLU -> optional MaxPool1d; layers are numbered from 1.

    Takes any model whose operations form such a chain, however it is written (`chain.find_blocks`).
    The model is read, never changed: no hooks, no gradients. `precision` is "exact", which computes
    in the type of the waveforms, or "fast", which takes float32 waveforms down in bfloat16 (the
    forward pass stays in float32, so that the maps and switches are the same). Strided
    convolutions, whose sonifications carry images, must be asked for by `allow_strided`. Raises
    SonifyError for what cannot be inverted.
    """

    def __init__(
        self,
        model: nn.Module | Sequence[Block],
        precision: str = "exact",
        allow_strided: bool = False,
    ) -> None:
        if precision not in PRECISIONS:
            raise SonifyError(f"precision is {precision!r}: it must be {' or '.join(PRECISIONS)}")
        self.blocks = find_blocks(model, allow_strided)
        self.precision = precision
        self._convolutions: dict[tuple[int, torch.dtype], Convolution] = {}

    @property
    def n_layers(self) -> int:
        """Number of blocks."""
        return len(self.blocks)

    @torch.no_grad()
    def forward(self, x: Tensor, layers: int | None = None) -> Forward:
        """Run waveforms (clip, time) through the first `layers` blocks (all), keeping switches."""
        check_waveforms(x, self.blocks[:layers])
        return self._recorded(x, layers)

    def _recorded(self, x: Tensor, layers: int | None = None) -> Forward:
        """As `forward`, of waveforms that are checked already."""
        record = Forward([], [], [], [])
        for maps, switches, length, pooled_length in self._up(x, self.blocks[:layers]):
            record.maps.append(maps)
            record.switches.append(switches)
            record.lengths.append(length)
            record.pooled_lengths.append(pooled_length)
        return record

    @torch.no_grad()
    def maps(self, x: Tensor) -> Iterator[Tensor]:
        """The feature maps of waveforms (clip, time), layer after layer, without keeping them:
        (clip, filter, frame), the same as `forward` records."""
        check_waveforms(x, self.blocks)
        for maps, *_ in self._up(x, self.blocks):
            yield maps

    @torch.no_grad()
    def sonify(self, x: Tensor, layer: int, filters: int | Sequence[int] | Tensor) -> Tensor:
        """Sonifications, (clip, time), of one filter of `layer` per clip of x, (clip, time).

        `filters` is one 0-based index for all clips or one per clip. Dead maps give silence.
        """
        filters = torch.as_tensor(filters, device=x.device)
        filters = filters.expand(len(x)) if filters.ndim == 0 else filters
        if len(filters) != len(x):
            raise SonifyError(f"{len(filters)} filters for {len(x)} clips: give one, or one each")
        return self.render(x, layer, torch.arange(len(x), device=x.device), filters).signals

    @torch.no_grad()
    def render(
        self, x: Tensor, layers: int | Tensor, clips: Tensor, filters: Tensor
    ) -> Sonifications:
        """Sonify many feature maps: `layers` (one for all, or one each), `clips` and `filters`,
        (request,), say which.

        x is (clip, time). Each clip that is asked for runs forward once.
        """
        return self._in_batches(x, requests(x, self.blocks, layers, clips, filters))

    @torch.no_grad()
    def render_from(
        self,
        record: Forward,
        x: Tensor,
        layers: int | Tensor,
        clips: Tensor,
        filters: Tensor,
        frames: Tensor | None = None,
    ) -> Sonifications:
        """As `render`, with a forward pass of x recorded before (of as many layers).

        `frames`, (request,), keeps a single frame of each map: one neuron rather than a filter.
        """
        asked = requests(x, self.blocks[: len(record.maps)], layers, clips, filters, frames)
        check_frames(asked, record.maps)
        return self._render(record, x, asked)

    @torch.no_grad()
    def most_active(self, x: Tensor, rule: str = "max") -> Sonifications:
        """Sonify the most active feature map of every layer out of one forward pass.

        Results have axes (layer, clip). `rule` ranks a layer's maps by their largest value over
        time ("max"), their mean or their energy (sum of squares); the paper does not say which.
        """
        check_waveforms(x, self.blocks)
        layers = torch.arange(1, self.n_layers + 1, device=x.device)
        made = []
        for some in batches(x):
            record, n = self._recorded(x[some]), len(x[some])
            filters = torch.stack([strongest(maps, rule) for maps in record.maps])
            clips = torch.arange(n, device=x.device).repeat(self.n_layers)
            asked = Requests(layers.repeat_interleave(n), clips, filters.flatten())
            found = self._render(record, x[some], asked)
            values = (found.signals, found.filters, found.scales, found.dead)
            made.append([v.unflatten(0, (self.n_layers, n)) for v in values])
        return Sonifications(*(torch.cat(values, dim=1) for values in zip(*made, strict=True)))

    @torch.no_grad()
    def whole_layer(self, x: Tensor, layer: int) -> Sonifications:
        """Sonify all feature maps of a layer at once, which the paper names as future work
        (section 5). Results have the axis (clip,), filters are -1.
        """
        check_layer(layer, self.blocks)
        clips = torch.arange(len(x), device=x.device)
        layers, filters = torch.full_like(clips, layer), torch.full_like(clips, ALL)
        return self._in_batches(x, Requests(layers, clips, filters))

    def _up(self, x: Tensor, blocks: Sequence[Block]) -> Iterator[tuple]:
        """What `Forward` lists, block after block."""
        h = x.unsqueeze(2)  # (clip, frame, filter)
        for layer, block in enumerate(blocks, start=1):
            length, switches = h.shape[1], None
            h = self._convolution(layer, x.dtype).forward(h).relu_()
            pooled_length = h.shape[1]
            if block.pool is not None:
                h, switches = _pooled(h, block.pool)
            yield h.transpose(1, 2), switches, length, pooled_length

    def _in_batches(self, x: Tensor, asked: Requests) -> Sonifications:
        """Run forward and down the clips that the requests name, as many together as is fast."""
        deepest = int(asked.layers.max()) if len(asked) else 1
        check_waveforms(x, self.blocks[:deepest])
        found = _room(x, asked)
        for some in batches(x):
            among = (asked.clips >= some.start) & (asked.clips < some.stop)
            chosen = torch.nonzero(among).flatten()
            if len(chosen):
                part = asked[chosen]
                part = replace(part, clips=part.clips - some.start)
                made = self._render(self._recorded(x[some], deepest), x[some], part)
                found.signals[chosen], found.scales[chosen] = made.signals, made.scales
                found.dead[chosen] = made.dead
        return found

    def _render(self, record: Forward, x: Tensor, asked: Requests) -> Sonifications:
        """Take down what is asked, as many streams at once as memory is meant to hold."""
        found = _room(x, asked)
        if not len(asked):
            return found
        found.dead.copy_(_dead(record, asked))
        found.signals[found.dead], found.scales[found.dead] = 0, 0  # nothing to take down
        dtype = x.dtype
        if self.precision == "fast" and dtype == torch.float32:
            dtype = torch.bfloat16
        recorded = range(1, len(record.maps) + 1)
        convolutions = [self._convolution(layer, dtype) for layer in recorded]
        widest = max(maps[0].numel() for maps in record.maps) * x.element_size()
        at_once = max(1, (STREAM_BYTES if x.is_cpu else DEVICE_STREAM_BYTES) // widest)
        living = torch.nonzero(~found.dead).flatten()
        # Deepest first: streams of one layer share what is read of its weights.
        order = torch.argsort(asked.layers[living], descending=True, stable=True)
        for some in living[order].split(at_once) if len(living) else ():
            part = asked[some]
            raw = sweep(self.blocks, convolutions, record, part).to(x.dtype)
            peaks = x[part.clips].abs().amax(-1)
            found.signals[some], found.scales[some] = _rescale(raw, peaks)
        return found

    def _convolution(self, layer: int, dtype: torch.dtype) -> Convolution:
        """The layer's convolution with its weights arranged; anew if they have changed."""
        found = self._convolutions.get((layer, dtype))
        if found is None or not found.current:
            found = self._convolutions[layer, dtype] = Convolution(
                self.blocks[layer - 1].conv, dtype
            )
        return found


def _pooled(h: Tensor, pool: nn.MaxPool1d) -> tuple[Tensor, Tensor]:
    """Maxima, (clip, frame, filter), and where they stood, (clip, filter, frame)."""
    along = [(1, single(pool.kernel_size)), (1, single(pool.stride)), (0, single(pool.padding))]
    image = h.transpose(1, 2).unsqueeze(2)  # pooling images is the one that is fast channels last
    found, switches = F.max_pool2d(image, *along, 1, pool.ceil_mode, return_indices=True)
    return found.squeeze(2).transpose(1, 2), switches.squeeze(2)


def batches(x: Tensor) -> list[slice]:
    """Clips that run together: all of them on a GPU, as many as stay in its cache on a CPU."""
    size = max(1, CACHED_SAMPLES // x.shape[1]) if x.device.type == "cpu" else len(x)
    return [slice(i, min(i + size, len(x))) for i in range(0, len(x), size)]


def _room(x: Tensor, asked: Requests) -> Sonifications:
    """Where the sonifications of what is asked go; the filters are known."""
    n = len(asked)
    dead = torch.empty_like(asked.filters, dtype=torch.bool)
    return Sonifications(x.new_empty((n, x.shape[1])), asked.filters, x.new_empty(n), dead)


def _dead(record: Forward, requests: Requests) -> Tensor:
    """Which of the requested maps are zero at every frame, (request,)."""
    dead = torch.empty_like(requests.clips).bool()
    for layer in requests.layers.unique().tolist():
        at = requests.layers == layer
        maps, clips, filters = record.maps[layer - 1], requests.clips[at], requests.filters[at]
        if (filters == ALL).any():
            dead[at] = ~maps[clips].flatten(1).any(-1)
        else:
            dead[at] = ~maps[clips, filters].any(-1)
    return dead


def _rescale(raw: Tensor, peaks: Tensor) -> tuple[Tensor, Tensor]:
    """`raw`, (..., time), scaled to `peaks`, (...,), and the factors; silence stays silence."""
    largest = raw.abs().amax(-1)
    scales = torch.where(largest > 0, peaks / largest.clamp_min(torch.finfo(raw.dtype).tiny), 0.0)
    return raw * scales.unsqueeze(-1), scales
