"""Sonification (section 3.2): feature maps mapped back to waveforms by a deconvolutional network.

For a block, from the last to the first (pseudo-code of Figure B.2):

    map (after pooling)  --unpool at the switches-->  --ReLU-->  --transposed conv-->  block input

The transposed convolution has the block's own weights and no bias; nothing is trained. The result
is scaled to unit peak and multiplied by max|x|.
"""

from collections.abc import Iterator, Sequence
from functools import cache
from math import isfinite

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sonify.models.device import computes_bfloat16
from sonify.runtime.errors import SonifyError
from sonify.runtime.jobs import say
from sonify.sonification.deconvnet.back_projection import Forward, back_project
from sonify.sonification.deconvnet.convolution import Convolution
from sonify.sonification.explainer import Explainer, Sonifications, allocate_outputs, batches
from sonify.sonification.grid import Grid
from sonify.sonification.requests import (
    ALL,
    Requests,
    check_frames,
    check_layer,
    check_waveforms,
    requests,
)
from sonify.sonification.settings import PRECISIONS
from sonify.sonification.trace.chain import Block, find_blocks, grids, shortest, single
from sonify.sonification.trace.watch import Watch

# Memory budget of the streams that are back-projected together, at their widest block.
STREAM_BYTES = 256 << 20
DEVICE_STREAM_BYTES = 4 << 30  # on GPUs


class Sonifier(Explainer[Forward]):
    """The deconvnet of any chain Conv1d -> ReLU -> optional MaxPool1d; layers count from 1.

    Accepts any model whose operations form such a chain, however it is written, or the chain's
    blocks (`chain.find_blocks`). The model is read, never changed: no hooks, no gradients.
    `precision` is "exact", which computes in the type of the waveforms, or "fast", which
    back-projects float32 waveforms in bfloat16 (the forward pass stays in float32, so that maps and
    switches are the same). Where the processor only emulates bfloat16, "fast" computes exactly too,
    and says so once. `allow_strided` accepts strided convolutions, whose sonifications
    contain spectral images. `gain` multiplies the waveforms before the model, for one that expects
    a range other than [-1, 1]; sonifications keep the peaks of the clips. `layers` takes only the
    first so many layers. `sonify`, `render` and `most_active` are those of `Explainer`. Raises
    SonifyError for a model that cannot be inverted.

    >>> import torch
    >>> from sonify.api import Sonifier
    >>> chain = torch.nn.Sequential(
    ...     torch.nn.Conv1d(1, 8, 9), torch.nn.ReLU(), torch.nn.MaxPool1d(2),
    ...     torch.nn.Conv1d(8, 16, 5), torch.nn.ReLU(),
    ... )
    >>> sonifier = Sonifier(chain)
    >>> sonifier.n_layers, sonifier.filters, sonifier.strides
    (2, (8, 16), (2, 2))
    >>> x = torch.randn(3, 1000)  # (clip, time)
    >>> sonifier.sonify(x, layer=2, filters=5).shape
    torch.Size([3, 1000])
    """

    def __init__(
        self,
        model: nn.Module | Sequence[Block],
        precision: str = "exact",
        allow_strided: bool = False,
        gain: float = 1.0,
        layers: int | None = None,
    ) -> None:
        if precision not in PRECISIONS:
            raise SonifyError(f"precision is {precision!r}: it must be {' or '.join(PRECISIONS)}")
        if not (isfinite(gain) and gain > 0):
            raise SonifyError(f"gain is {gain}: it must be a positive number")
        self.blocks = find_blocks(model, allow_strided, layers)
        check_layer(layers or 1, len(self.blocks))
        self.gain = gain * self.blocks[0].front.gain  # before the first convolution, in all
        self._watch = Watch(model, self.blocks) if isinstance(model, nn.Module) else None
        self.precision = precision
        self._convolutions: dict[tuple[int, torch.dtype], Convolution] = {}

    @property
    def filters(self) -> tuple[int, ...]:
        """Number of filters of each layer, first layer first."""
        return tuple(block.conv.out_channels for block in self.blocks)

    def grids(self, pooled: bool = True) -> tuple[Grid, ...]:
        """Return where the frames of each layer's maps stand, after or before the pool."""
        return grids(self.blocks, pooled)

    @torch.no_grad()
    def maps(self, x: Tensor, pooled: bool = True) -> Iterator[Tensor]:
        """Yield the feature maps of x layer after layer, (clip, filter, frame), keeping none.

        With `pooled` False before the pool. Raises SonifyError for waveforms that do not fit the
        model.
        """
        self._check(x, self.blocks)
        for maps, *_ in self._run(x, self.blocks, pooled):
            yield maps

    @torch.no_grad()
    def forward(self, x: Tensor, layers: int | None = None) -> Forward:
        """Run x, (clip, time), through the first `layers` blocks (None: all), keeping switches.

        Raises SonifyError for waveforms that do not fit the model.
        """
        self._check(x, self.blocks[:layers])
        record = Forward([], [], [], [])
        for maps, switches, length, pooled_length in self._run(x, self.blocks[:layers]):
            record.maps.append(maps)
            record.switches.append(switches)
            record.lengths.append(length)
            record.pooled_lengths.append(pooled_length)
        return record

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
        """As `render`, from a recorded forward pass of x that reaches the deepest layer named.

        `frames`, (request,), keeps a single frame of each map: one neuron rather than a filter.
        """
        n_filters = self.filters[: len(record.maps)]
        asked = requests(x, n_filters, layers, clips, filters, frames)
        check_frames(asked, record.maps)
        return self._render(record, x, asked)

    @torch.no_grad()
    def whole_layer(self, x: Tensor, layer: int) -> Sonifications:
        """Sonify all feature maps of a layer at once, the paper's future work (section 5).

        x is (clip, time); results have the axis (clip,), their filters are -1. Raises SonifyError
        for a layer that does not exist and for waveforms that do not fit the model.

        >>> import torch
        >>> from sonify.api import CNN12, Architecture, Sonifier
        >>> sonifier = Sonifier(CNN12(Architecture(width=1 / 16)))
        >>> heard = sonifier.whole_layer(torch.randn(2, 4000), layer=4)
        >>> heard.signals.shape, heard.filters.tolist()
        (torch.Size([2, 4000]), [-1, -1])
        """
        check_layer(layer, self.n_layers)
        check_waveforms(x)
        made = allocate_outputs(x, torch.full((len(x),), ALL, device=x.device))
        for some in batches(x):
            clips = torch.arange(some.stop - some.start, device=x.device)
            asked = Requests(torch.full_like(clips, layer), clips, torch.full_like(clips, ALL))
            rendered = self._render(self.forward(x[some], layer), x[some], asked)
            made.signals[some], made.scales[some] = rendered.signals, rendered.scales
            made.dead[some] = rendered.dead
        return made

    def _check(self, x: Tensor, blocks: Sequence[Block]) -> None:
        """Raise SonifyError unless x, (clip, time), can go through the blocks as they are now."""
        check_waveforms(x)
        if self._watch is not None:
            self._watch.check()
        weight = self.blocks[0].conv.weight
        for quality in ("dtype", "device"):
            ours, theirs = getattr(x, quality), getattr(weight, quality)
            if ours != theirs:
                raise SonifyError(
                    f"waveforms are {ours}, the model's weights {theirs}: convert one of them"
                )
        if x.shape[1] < shortest(blocks):
            layers = range(1, len(blocks) + 1)
            layer = next(n for n in layers if x.shape[1] < shortest(blocks[:n]))
            raise SonifyError(
                f"clips of {x.shape[1]} samples are too short for layer {layer}, which needs "
                f"{shortest(blocks[:layer])}: leave them out or repeat them to length"
            )

    def _run(self, x: Tensor, blocks: Sequence[Block], pooled: bool = True) -> Iterator[tuple]:
        """Yield the four entries of `Forward` block after block, maps after or before the pool."""
        h = (x * self.gain if self.gain != 1 else x).unsqueeze(2)  # (clip, frame, filter)
        for layer, block in enumerate(blocks, start=1):
            length, switches = h.shape[1], None
            h = self._convolution(layer, x.dtype).forward(h).relu_()
            pooled_length, maps = h.shape[1], None if pooled else h
            if block.pool is not None:
                h, switches = _pooled(h, block.pool)
            maps = h if maps is None else maps
            yield maps.transpose(1, 2), switches, length, pooled_length

    def _render(self, record: Forward, x: Tensor, asked: Requests) -> Sonifications:
        """Back-project the requested maps, as many streams at once as the memory budget allows."""
        made = allocate_outputs(x, asked.filters)
        if not len(asked):
            return made
        made.dead.copy_(_dead(record, asked))
        made.signals[made.dead], made.scales[made.dead] = 0, 0  # nothing to back-project
        dtype = x.dtype
        if self.precision == "fast" and dtype == torch.float32:
            dtype = _fast_type(x.device)
        recorded = range(1, len(record.maps) + 1)
        convolutions = [self._convolution(layer, dtype) for layer in recorded]
        widest = max(maps[0].numel() for maps in record.maps) * x.element_size()
        at_once = max(1, (STREAM_BYTES if x.is_cpu else DEVICE_STREAM_BYTES) // widest)
        living = torch.nonzero(~made.dead).flatten()
        # Deepest first: streams of one layer share the reading of its weights.
        order = torch.argsort(asked.layers[living], descending=True, stable=True)
        for some in living[order].split(at_once) if len(living) else ():
            part = asked[some]
            raw = self._back(record, x, part, convolutions).to(x.dtype)
            raw = raw * self.gain if self.gain != 1 else raw
            peaks = x[part.clips].abs().amax(-1)
            made.signals[some], made.scales[some] = _rescale(raw, peaks)
        return made

    def _back(
        self, record: Forward, x: Tensor, asked: Requests, convolutions: list[Convolution]
    ) -> Tensor:
        """Return the raw waveforms, (request, time), of requests ordered by descending layer.

        Other methods override this.
        """
        return back_project(self.blocks, convolutions, record, asked)

    def _convolution(self, layer: int, dtype: torch.dtype) -> Convolution:
        """Return the layer's convolution, its weights arranged again if they changed."""
        convolution = self._convolutions.get((layer, dtype))
        if convolution is None or not convolution.current:
            _check_finite(self.blocks[layer - 1].conv, layer)
            convolution = Convolution(self.blocks[layer - 1].conv, dtype)
            self._convolutions[layer, dtype] = convolution
        return convolution


def _check_finite(conv: nn.Conv1d, layer: int) -> None:
    for name, values in (("weights", conv.weight), ("biases", conv.bias)):
        if values is not None and not values.isfinite().all():
            raise SonifyError(
                f"layer {layer} has {name} that are not finite: the training diverged or the file "
                "is damaged; load other weights"
            )


@cache
def _fast_type(device: torch.device) -> torch.dtype:
    """Return bfloat16 where `device` computes with it, else float32, with one message."""
    if computes_bfloat16(device):
        return torch.bfloat16
    say(
        f"precision fast: the {device.type} computes exactly, in float32, because it would only "
        "emulate bfloat16, many times slower"
    )
    return torch.float32


def _pooled(h: Tensor, pool: nn.MaxPool1d) -> tuple[Tensor, Tensor]:
    """Maxima, (clip, frame, filter), and the switch indices, (clip, filter, frame)."""
    window, stride = (1, single(pool.kernel_size)), (1, single(pool.stride))
    padding = (0, single(pool.padding))
    image = h.transpose(1, 2).unsqueeze(2)  # pooling images is the one that is fast channels last
    maxima, switches = F.max_pool2d(
        image, window, stride, padding, 1, pool.ceil_mode, return_indices=True
    )
    return maxima.squeeze(2).transpose(1, 2), switches.squeeze(2)


def _dead(record: Forward, asked: Requests) -> Tensor:
    """Flag the requested maps that are zero at every frame, (request,)."""
    dead = torch.empty_like(asked.clips).bool()
    for layer in asked.layers.unique().tolist():
        at = asked.layers == layer
        maps, clips, filters = record.maps[layer - 1], asked.clips[at], asked.filters[at]
        if (filters == ALL).any():
            dead[at] = ~maps[clips].flatten(1).any(-1)
        else:
            dead[at] = ~maps[clips, filters].any(-1)
    return dead


def _rescale(raw: Tensor, peaks: Tensor) -> tuple[Tensor, Tensor]:
    """Scale `raw`, (..., time), in place to `peaks`, (...,); return it and its factors or 0."""
    largest = raw.abs().amax(-1)
    scales = torch.where(largest > 0, peaks / largest.clamp_min(torch.finfo(raw.dtype).tiny), 0.0)
    return raw.mul_(scales.unsqueeze(-1)), scales
