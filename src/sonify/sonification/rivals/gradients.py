"""Methods by gradients of half the squared map: times input, guided, integrated."""

import numpy as np
from torch import Tensor

from sonify.sonification.deconvnet.back_projection import Forward
from sonify.sonification.deconvnet.convolution import Convolution
from sonify.sonification.requests import Requests
from sonify.sonification.rivals.backward import Place, Rival

STEPS = 16  # on the path from silence to the clip


class GradientTimesInput(Rival):
    """The gradient, sample by sample times the clip (Shrikumar et al. 2016)."""

    def through(self, stream: Tensor, place: Place) -> Tensor:
        """Go back through a block by its own gradient: where a map is 0, nothing passes."""
        return place.transposed(place.unpooled(stream * (place.maps > 0)))

    def _back(
        self, record: Forward, x: Tensor, asked: Requests, convolutions: list[Convolution]
    ) -> Tensor:
        return x[asked.clips] * super()._back(record, x, asked, convolutions)


class GuidedBackpropagation(Rival):
    """Gradients whose positive values pass each ReLU where it was active.

    Springenberg et al. 2015: the gradient's rule and the deconvnet's at once.
    """

    def through(self, stream: Tensor, place: Place) -> Tensor:
        """Go back through a block, with both rules at the ReLU."""
        return place.transposed(place.unpooled(stream.clamp_min(0) * (place.maps > 0)))


class IntegratedGradients(GradientTimesInput):
    """The mean gradient on the way from silence to the clip, times the clip.

    Sundararajan et al. 2017, by Gauss-Legendre quadrature with STEPS steps. The samples sum to half
    the squared map, minus that for silence, up to quadrature error. A map that is dead on the clip
    is silent, even if it is alive on the way.
    """

    def _back(
        self, record: Forward, x: Tensor, asked: Requests, convolutions: list[Convolution]
    ) -> Tensor:
        used, clips = asked.clips.unique(return_inverse=True)
        inside = Requests(asked.layers, clips, asked.filters, asked.frames)
        deepest = int(asked.layers.max())
        total = x.new_zeros((len(asked), x.shape[1]))
        nodes, weights = np.polynomial.legendre.leggauss(STEPS)
        for node, weight in zip((1 + nodes) / 2, weights / 2, strict=True):
            scaled = x[used] * float(node)
            along = super()._back(self.forward(scaled, deepest), scaled, inside, convolutions)
            total += along * float(weight / node)  # the clip itself in place of the scaled one
        return total
