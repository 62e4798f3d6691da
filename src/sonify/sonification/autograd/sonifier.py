"""Sonification of any network by automatic differentiation: the reference path.

The engine (`deconvnet`) inverts chains of convolutions. Networks with sums, other activations,
norms, averages or two dimensions still have gradients, and section 3.2's sonification is the
gradient of half the squared map, with rectifiers passing back relu(gradient).
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import isfinite

import torch
from torch import Tensor, nn

from sonify.models.cnn import CNN12
from sonify.runtime.errors import SonifyError
from sonify.sonification.activity import strongest
from sonify.sonification.autograd.rectifying import (
    Layer,
    ReachedError,
    Rectifying,
    check_rectified,
)
from sonify.sonification.explainer import Sonifications, allocate_outputs
from sonify.sonification.requests import check_layer, check_waveforms, requests
from sonify.sonification.trace.graph import evaluating
from sonify.sonification.trace.unwrapping import unwrapped

BY = "autograd"


@dataclass(frozen=True)
class Run:
    """A forward pass of each clip by itself, kept for the backward pass.

    maps: by layer, (clip, filter, frame); of maps with more axes, frames are all their places.
    names: by layer, the rectifier. plain: nonlinear operations that keep their own gradient.
    stopped: why a model ended early, "" if it did not.
    """

    maps: list[Tensor]
    names: list[str]
    plain: list[str]
    stopped: str
    _waveforms: list[Tensor]
    _layers: list[list[Layer]]


class AutogradSonifier:
    """Sonifies the rectified maps of any model by automatic differentiation.

    A layer is what a rectifier returns (ReLU, leaky ReLU, PReLU, ELU, CELU, SELU, GELU, SiLU, Mish,
    Hardswish, Softplus, or any operation that returns relu(x)), or the max-pool directly behind it,
    in the order in which they are run; the second axis of a map is its filters, behind nn.Linear
    the last. Each rectifier passes back relu(gradient), whatever its own slope. Everything else
    passes back its own gradient; `Run` names the nonlinear ones, such as sigmoids. The model is run
    in evaluation mode on one clip at a time, as (clip, 1, time) or, if it refuses, (clip, time), no
    further than needed. It is not changed. Where the engine runs too, the results are equal up to
    rounding, and the engine is faster.

    >>> import torch
    >>> from torch import nn
    >>> from sonify.api import AutogradSonifier
    >>> model = nn.Sequential(nn.Conv1d(1, 8, 9), nn.GroupNorm(2, 8), nn.LeakyReLU())
    >>> heard = AutogradSonifier(model).most_active(torch.randn(2, 1000))
    >>> heard.signals.shape, heard.by  # (layer, clip, time)
    (torch.Size([1, 2, 1000]), 'autograd')
    """

    by = BY

    def __init__(self, model: nn.Module, gain: float = 1.0) -> None:
        if not isinstance(model, nn.Module):
            raise SonifyError(f"model is a {type(model).__name__}: pass an nn.Module")
        if not (isfinite(gain) and gain > 0):
            raise SonifyError(f"gain is {gain}: it must be a positive number")
        self.model, self.gain = unwrapped(model), gain
        ours = getattr(self.model, "encoder", self.model)
        if isinstance(ours, CNN12):
            # For speed its forward pools before it rectifies, which has other switches where a
            # window is nowhere positive; its modules do as the paper says.
            self.model = ours.trunk
        if any(isinstance(m, torch.jit.ScriptModule) for m in self.model.modules()):
            raise SonifyError(
                "the rectifiers of a TorchScript model cannot be reached: pass the nn.Module it "
                "was made from"
            )

    def forward(self, x: Tensor, layers: int | None = None) -> Run:
        """Run x, (clip, time), as far as the first `layers` layers (None: all).

        Raises SonifyError for waveforms that the model cannot take, a model that has no rectifier
        or fewer than `layers`, and one whose rectifiers cannot be reached.
        """
        self._check(x)
        clips, runs, stopped = [], [], ""
        for clip in x:
            waveform, found, reason = self._run(clip, layers)
            clips.append(waveform)
            runs.append(found)
            stopped = stopped or reason
        n = min(map(len, runs))
        if layers is not None and n < layers:
            why = f" on these clips, where it stopped ({stopped})" if stopped else ""
            raise SonifyError(f"layer is {layers}: the model has layers 1 to {n}{why}")
        plain = set().union(*(check_rectified(layer.kept for layer in found) for found in runs))
        maps = [torch.cat([_maps(run[i].kept.detach()) for run in runs]) for i in range(n)]
        for number, values in enumerate(maps, start=1):
            if not values.isfinite().all():
                raise SonifyError(
                    f"layer {number} has activations that are not finite: check the model's "
                    "weights, and compute in torch.float32"
                )
        names = [layer.name for layer in runs[0][:n]]
        return Run(maps, names, sorted(plain), stopped, clips, runs)

    def render_from(
        self, run: Run, x: Tensor, layers: int | Tensor, clips: Tensor, filters: Tensor
    ) -> Sonifications:
        """Sonify maps of a recorded forward pass of x; results have the axis (request,).

        As `Explainer.render_from`: signals have the peaks of their clips; dead maps give silence.
        """
        x = x.detach()
        asked = requests(x, [m.shape[1] for m in run.maps], layers, clips, filters)
        made = allocate_outputs(x, asked.filters)
        names = zip(
            asked.layers.tolist(), asked.clips.tolist(), asked.filters.tolist(), strict=True
        )
        for i, (layer, clip, filter) in enumerate(names):
            raw = self.raw(run, layer, clip, filter)
            peak, largest = x[clip].abs().max(), raw.abs().max()
            scale = peak / largest if largest > 0 else torch.zeros_like(peak)
            made.signals[i], made.scales[i] = raw * scale, scale
            made.dead[i] = not run.maps[layer - 1][clip, filter].any()
        return Sonifications(made.signals, made.filters, made.scales, made.dead, by=BY)

    def raw(self, run: Run, layer: int, clip: int, filter: int, frame: int | None = None) -> Tensor:
        """Return a map's unscaled sonification, (time,); `frame` keeps one frame."""
        kept, waveform = run._layers[clip][layer - 1].kept, run._waveforms[clip]
        start = torch.zeros_like(kept, memory_format=torch.contiguous_format)
        of_filter = kept.detach()[:, filter]
        if frame is None:
            start[:, filter] = of_filter
        else:
            start[:, filter].view(-1)[frame] = of_filter.reshape(-1)[frame]
        try:
            (gradient,) = torch.autograd.grad(kept, waveform, start, retain_graph=True)
        except RuntimeError as error:  # values changed in place, checkpointing, the user's own
            raise SonifyError(
                f"layer {layer} has no gradient to the waveform ({_reason(error)}): rewrite the "
                "model's forward without the operation named"
            ) from error
        if not gradient.isfinite().all():
            raise SonifyError(
                f"the sonification of layer {layer}, filter {filter}, is not finite: compute in "
                "torch.float32, or give the model waveforms on its own scale"
            )
        return gradient.flatten()

    def render(
        self, x: Tensor, layers: int | Tensor, clips: Tensor, filters: Tensor
    ) -> Sonifications:
        """Sonify many maps of x, (clip, time); results have the axis (request,)."""
        deepest = int(torch.as_tensor(layers).max()) if len(clips) else 1
        check_layer(deepest, max(deepest, 1))
        return self.render_from(self.forward(x, deepest), x, layers, clips, filters)

    def sonify(self, x: Tensor, layer: int, filters: int | Sequence[int] | Tensor) -> Tensor:
        """Sonify one filter of `layer` for each clip of x, (clip, time); returns (clip, time)."""
        clips = torch.arange(len(x), device=x.device)
        of_clip = torch.as_tensor(filters, device=x.device).expand(len(x))
        return self.render(x, layer, clips, of_clip).signals

    def most_active(self, x: Tensor, rule: str = "mean") -> Sonifications:
        """Sonify the most active map of every layer; results have axes (layer, clip)."""
        parts = []
        for clip in x.split(1):  # one graph at a time
            run = self.forward(clip)
            n = len(run.maps)
            filters = torch.cat([strongest(maps, rule) for maps in run.maps])
            layers = torch.arange(1, n + 1, device=x.device)
            parts.append(self.render_from(run, clip, layers, torch.zeros_like(layers), filters))
        fields = ("signals", "filters", "scales", "dead")
        stacked = [torch.stack([getattr(p, f) for p in parts], dim=1) for f in fields]
        return Sonifications(*stacked, by=BY)

    def _check(self, x: Tensor) -> None:
        """Raise SonifyError unless x is (clip, time), with a type and device of the weights."""
        check_waveforms(x)
        weights = [p for p in self.model.parameters() if p.is_floating_point()]
        for quality in ("dtype", "device"):
            ours, theirs = getattr(x, quality), {getattr(p, quality) for p in weights}
            if theirs and ours not in theirs:
                raise SonifyError(
                    f"waveforms are {ours}, the model's weights {' and '.join(map(str, theirs))}: "
                    "convert one of them"
                )
        if not x.is_floating_point():
            raise SonifyError(f"waveforms are {x.dtype}: convert them to torch.float32")

    def _run(self, clip: Tensor, layers: int | None) -> tuple[Tensor, list[Layer], str]:
        """Run the model; return the waveform, its layers, and why the model stopped early."""
        first, cut = "", False
        for shape in ((1, 1, -1), (1, -1)):
            mode, reason = Rectifying(layers), ""
            with torch.inference_mode(False), torch.enable_grad():
                waveform = clip.detach().clone().view(shape).requires_grad_()
            try:
                with (
                    torch.inference_mode(False),
                    torch.enable_grad(),
                    evaluating(self.model),
                    _frozen(self.model),
                    mode,
                ):
                    self.model(waveform * self.gain)
            except ReachedError:
                pass
            except Exception as error:  # a head may want another length; the user's code, anything
                reason = _reason(error)
            found = [layer for layer in mode.layers if layer.kept.requires_grad]
            if found:
                return waveform, found, reason
            first, cut = first or reason, cut or (mode.cut and not reason)
        if cut:
            raise SonifyError(
                "the model's rectifiers run under torch.no_grad(), behind detach() or in a "
                "function with a backward rule of its own, so that no gradient reaches the "
                "waveform: remove it"
            )
        if first:
            raise SonifyError(
                "the model cannot be run on waveforms as (clip, 1, time) or (clip, time) "
                f"({first}): pass the part of it that takes waveforms, or longer clips"
            )
        raise SonifyError(
            "the model has no rectifier (ReLU, GELU, ELU and their like) whose maps could be "
            "sonified: pass a model with one"
        )


@contextmanager
def _frozen(model: nn.Module) -> Iterator[None]:
    """Keep the weights out of the graph, so that only the waveform is in it."""
    free = [p for p in model.parameters() if p.requires_grad]
    for parameter in free:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in free:
            parameter.requires_grad_(True)


def _reason(error: Exception) -> str:
    return str(error).strip().split("\n")[0] or type(error).__name__


def _maps(kept: Tensor) -> Tensor:
    """Return maps of one clip, (1, filter, frame), of (part, filter, ...)."""
    return kept.transpose(0, 1).flatten(1).unsqueeze(0)
