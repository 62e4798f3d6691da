"""The interface of an explanation method: feature maps of a model made audible as waveforms.

Mining, rendering, removal, coherence, invariance, evolution and the survey of filters call nothing
but an `Explainer`. One is built per job (`methods.build_explainer`); the deconvnet of section 3.2
(`deconvnet.sonifier.Sonifier`) is the first method; `rivals` holds others.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

import torch
from torch import Tensor

from sonify.runtime.errors import SonifyError
from sonify.sonification.activity import strongest
from sonify.sonification.grid import Grid
from sonify.sonification.requests import as_indices, check_waveforms, requests

# On a CPU, about ten seconds of audio run at a time, so that their maps stay in its cache.
CACHED_SAMPLES = 80_000


class Record(Protocol):
    """A forward pass of a batch, with what a method needs to explain its feature maps later."""

    @property
    def maps(self) -> list[Tensor]:
        """Each layer's output after ReLU and pooling, first layer first, (clip, filter, frame)."""


R = TypeVar("R", bound=Record)


@dataclass(frozen=True)
class Sonifications:
    """Sonifications, and what is needed to undo their scaling and to count the dead maps.

    Leading axes are (layer, clip) after `most_active`, (request,) after `render`, (clip,) after
    `Sonifier.whole_layer`.

    signals: (..., time), in [-max|x|, max|x|]. filters: 0-based index of the sonified feature map,
    -1 for all at once. scales: factor from the method's raw output to `signals`, 0 where that is
    silence. dead: true where the feature map is zero at every frame; the signal is then silence,
    never NaN. by: "engine", or "autograd" for the reference path by automatic differentiation.
    """

    signals: Tensor
    filters: Tensor
    scales: Tensor
    dead: Tensor
    by: str = field(default="engine", kw_only=True)

    def residuals(self, x: Tensor) -> Tensor:
        """Subtract the sonifications from their clips: x - s, (..., time) (section 4.1).

        x has the clips of `signals`, (clip, time), or (request, time) after `render`.
        """
        return x - self.signals


class Explainer(ABC, Generic[R]):
    """Turns feature maps of one model into waveforms that can be heard.

    Layers are numbered from 1; filters, clips and frames from 0. Waveforms x are (clip, time), of
    the model's floating-point type and on its device; clips of one batch have one length, and a
    sonification has the length of its clip. The model is read, never changed.

    A method implements five members: `filters`, `grids`, `maps`, `forward` and `render_from`. The
    other methods follow from them. Maps are the network's own, so that mining and the choice of the
    most active filter do not depend on the method.
    """

    @property
    @abstractmethod
    def filters(self) -> tuple[int, ...]:
        """Number of filters of each layer, first layer first."""

    @abstractmethod
    def grids(self, pooled: bool = True) -> tuple[Grid, ...]:
        """Return where the frames of each layer's maps stand, after or before the pool."""

    @abstractmethod
    def maps(self, x: Tensor, pooled: bool = True) -> Iterator[Tensor]:
        """Yield the feature maps of x layer after layer, (clip, filter, frame), keeping none.

        The same maps as `forward` records, or, with `pooled` False, as they are after the ReLU and
        before the pool; of layers without a pool both are the same. Raises SonifyError for
        waveforms that cannot go through the model: wrong shape, type or device, samples that are
        not finite, clips too short.
        """

    @abstractmethod
    def forward(self, x: Tensor, layers: int | None = None) -> R:
        """Run x through the first `layers` layers (None: all) and record what explaining needs.

        Raises SonifyError as `maps` does.
        """

    @abstractmethod
    def render_from(
        self, record: R, x: Tensor, layers: int | Tensor, clips: Tensor, filters: Tensor
    ) -> Sonifications:
        """Sonify feature maps of a recorded forward pass of x; results have the axis (request,).

        `layers` (one for all requests, or one each), `clips` and `filters`, (request,), name the
        maps. Signals are scaled to the peaks of x; dead maps give silence. Raises SonifyError for a
        layer, clip or filter that does not exist.
        """

    @property
    def strides(self) -> tuple[int, ...]:
        """Input samples between frames of each layer's maps, first layer first."""
        return tuple(grid.hop for grid in self.grids())

    @property
    def n_layers(self) -> int:
        """Number of layers that can be explained."""
        return len(self.filters)

    @torch.no_grad()
    def render(
        self, x: Tensor, layers: int | Tensor, clips: Tensor, filters: Tensor
    ) -> Sonifications:
        """Sonify many feature maps of x, (clip, time); results have the axis (request,).

        `layers` (one for all requests, or one each), `clips` and `filters`, (request,), name the
        maps. Each clip named runs forward once, as far as the deepest layer named. Raises
        SonifyError as `maps` and `render_from` do.

        >>> import torch
        >>> from sonify.api import CNN12, Architecture, Sonifier
        >>> sonifier = Sonifier(CNN12(Architecture(width=1 / 16)))
        >>> x = torch.randn(2, 4000)  # two clips of 0.5 s
        >>> layers, clips, filters = torch.tensor([[1, 8, 8], [0, 0, 1], [3, 0, 5]])
        >>> sonifier.render(x, layers, clips, filters).signals.shape
        torch.Size([3, 4000])
        """
        asked = requests(x, self.filters, layers, clips, filters)
        deepest = int(asked.layers.max()) if len(asked) else 1
        made = allocate_outputs(x, asked.filters)
        for some in batches(x):
            inside = (asked.clips >= some.start) & (asked.clips < some.stop)
            chosen = torch.nonzero(inside).flatten()
            if len(chosen):
                part, record = asked[chosen], self.forward(x[some], deepest)
                names = part.layers, part.clips - some.start, part.filters
                rendered = self.render_from(record, x[some], *names)
                made.signals[chosen], made.scales[chosen] = rendered.signals, rendered.scales
                made.dead[chosen] = rendered.dead
        return made

    def sonify(self, x: Tensor, layer: int, filters: int | Sequence[int] | Tensor) -> Tensor:
        """Sonify one filter of `layer` for each clip of x, (clip, time); returns (clip, time).

        `filters` is one index for all clips or one per clip. Dead maps give silence. Raises
        SonifyError as `render` does.

        >>> import torch
        >>> from sonify.api import CNN12, Architecture, Sonifier
        >>> sonifier = Sonifier(CNN12(Architecture(width=1 / 16)))
        >>> x = torch.randn(2, 4000)  # two clips of 0.5 s
        >>> sonifier.sonify(x, layer=7, filters=12).shape
        torch.Size([2, 4000])
        """
        check_waveforms(x)
        filters = as_indices("filters", filters).to(x.device)
        filters = filters.expand(len(x)) if filters.ndim == 0 else filters
        if len(filters) != len(x):
            raise SonifyError(
                f"filters has {len(filters)} indices for {len(x)} clips: give one index for all "
                "clips, or one for each"
            )
        return self.render(x, layer, torch.arange(len(x), device=x.device), filters).signals

    @torch.no_grad()
    def most_active(self, x: Tensor, rule: str = "mean") -> Sonifications:
        """Sonify the most active feature map of every layer out of one forward pass.

        Results have axes (layer, clip). `rule` ranks a layer's maps by their mean over time
        ("mean"), their largest value ("max") or their sum of squares ("energy"). Raises SonifyError
        for another rule, and as `maps` does.

        >>> import torch
        >>> from sonify.api import CNN12, Architecture, Sonifier
        >>> sonifier = Sonifier(CNN12(Architecture(width=1 / 16)))
        >>> heard = sonifier.most_active(torch.randn(2, 4000))
        >>> heard.signals.shape, heard.filters.shape  # (layer, clip, time), (layer, clip)
        (torch.Size([11, 2, 4000]), torch.Size([11, 2]))
        """
        check_waveforms(x)
        layers = torch.arange(1, self.n_layers + 1, device=x.device)
        made = []
        for some in batches(x):
            record, n = self.forward(x[some]), len(x[some])
            filters = torch.stack([strongest(maps, rule) for maps in record.maps])
            clips = torch.arange(n, device=x.device).repeat(self.n_layers)
            names = layers.repeat_interleave(n), clips, filters.flatten()
            rendered = self.render_from(record, x[some], *names)
            values = (rendered.signals, rendered.filters, rendered.scales, rendered.dead)
            made.append([v.unflatten(0, (self.n_layers, n)) for v in values])
        return Sonifications(*(torch.cat(values, dim=1) for values in zip(*made, strict=True)))


def batches(x: Tensor) -> list[slice]:
    """Return slices of clips to run together: all on a GPU, as many as its cache holds on a CPU."""
    size = max(1, CACHED_SAMPLES // x.shape[1]) if x.device.type == "cpu" else len(x)
    return [slice(i, min(i + size, len(x))) for i in range(0, len(x), size)]


def allocate_outputs(x: Tensor, filters: Tensor) -> Sonifications:
    """Allocate sonifications of `filters`, (request,), as long as the clips of x, (clip, time).

    Signals, scales and dead flags are still to be filled in.
    """
    n, dead = len(filters), torch.empty_like(filters, dtype=torch.bool)
    return Sonifications(x.new_empty((n, x.shape[1])), filters, x.new_empty(n), dead)
