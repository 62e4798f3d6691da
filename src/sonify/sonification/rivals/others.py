"""The deconvnet without switches or without a choice of filter, and a random signal."""

import hashlib

import torch
import torch.nn.functional as F
from torch import Tensor

from sonify.runtime.seeds import generator
from sonify.sonification.deconvnet.back_projection import Forward
from sonify.sonification.deconvnet.convolution import Convolution
from sonify.sonification.deconvnet.sonifier import Sonifier
from sonify.sonification.explainer import Sonifications
from sonify.sonification.requests import ALL, Requests
from sonify.sonification.rivals.backward import Place, Rival
from sonify.sonification.trace.chain import single


class UnpoolingHold(Rival):
    """The deconvnet, each value held over its window in place of unpooling at the switches.

    Averaging, where each place of a window gets an equal part of the value, differs only by a
    constant, which scaling to the clip's peak removes.
    """

    mode = "nearest"

    def through(self, stream: Tensor, place: Place) -> Tensor:
        """Go back through a block: upsampling, ReLU, transposed convolution."""
        pool = place.block.pool
        if pool is not None:
            stride, padding = single(pool.stride), single(pool.padding)
            wide = F.interpolate(stream.transpose(1, 2), scale_factor=stride, mode=self.mode)
            behind = place.pooled_length + padding - wide.shape[2]  # beyond the last window
            stream = F.pad(wide, (-padding, behind)).transpose(1, 2)
        return place.transposed(stream.clamp_min(0))


class UnpoolingLinear(UnpoolingHold):
    """The deconvnet with linear interpolation between window centres, held at the ends."""

    mode = "linear"


class WholeLayer(Sonifier):
    """All maps of the layer at once (section 5), whichever of its filters is requested."""

    def _render(self, record: Forward, x: Tensor, asked: Requests) -> Sonifications:
        every = torch.full_like(asked.filters, ALL)
        made = super()._render(record, x, Requests(asked.layers, asked.clips, every))
        return Sonifications(made.signals, asked.filters, made.scales, made.dead)


class RandomSignal(Sonifier):
    """White noise, seeded by the samples of the clip, the layer and the filter."""

    def _back(
        self, record: Forward, x: Tensor, asked: Requests, convolutions: list[Convolution]
    ) -> Tensor:
        clips, layers, filters = (
            values.tolist() for values in (asked.clips, asked.layers, asked.filters)
        )
        names = {
            clip: hashlib.sha256(x[clip].cpu().numpy().tobytes()).hexdigest() for clip in set(clips)
        }
        draws = [
            generator("random signal", names[clip], layer, filter).standard_normal(x.shape[1])
            for clip, layer, filter in zip(clips, layers, filters, strict=True)
        ]
        return torch.stack([torch.from_numpy(draw) for draw in draws]).to(x)
