"""Layer-wise relevance propagation: each map distributed over what contributed to it, down to x."""

import copy
from collections.abc import Sequence

import torch
from torch import Tensor

from sonify.sonification.deconvnet.convolution import Convolution
from sonify.sonification.rivals.backward import Place, Rival, of_streams
from sonify.sonification.trace.chain import Block

EPSILON = 1e-6  # keeps quotients finite


class LayerwiseRelevance(Rival):
    """Relevance by the rules z-plus, and epsilon in the first block (Bach et al. 2015).

    It starts from the map. A pool passes relevance to its maxima, a ReLU unchanged. A convolution
    distributes the relevance R of a value z = Σ h w + b as h w⁺ R / (Σ h w⁺ + b⁺ + EPSILON), over
    positive weights alone, since its inputs h are positive; the first convolution, whose inputs are
    not, as x w R / (z + EPSILON).
    """

    def __init__(self, model: Sequence[Block]) -> None:
        super().__init__(model)
        self._positive: dict[int, tuple[Convolution, Convolution]] = {}

    def through(self, stream: Tensor, place: Place) -> Tensor:
        """Distribute the relevance of a block's output over its input."""
        own = place.convolution
        if place.number == 1:  # where there is relevance, the map is z
            share, weights = stream / (place.maps + EPSILON), own
        else:
            weights = self._positive_of(place.number, own)
            z = weights.forward(place.below.transpose(1, 2)).transpose(1, 2)
            sums = of_streams(z, place.clips, place.filters)
            if place.switches is not None:
                sums = sums.gather(1, place.switches)
            share = stream / (sums + EPSILON)
        inputs = of_streams(place.below, place.clips, None)
        return inputs * place.transposed(place.unpooled(share), weights)

    def _positive_of(self, layer: int, convolution: Convolution) -> Convolution:
        """Return the convolution with only its positive weights, rebuilt if they changed."""
        held = self._positive.get(layer)
        if held is None or held[0] is not convolution:
            conv = copy.deepcopy(convolution.conv)
            with torch.no_grad():
                for values in conv.state_dict().values():
                    values.clamp_(min=0)
            held = convolution, Convolution(conv, convolution.dtype)
            self._positive[layer] = held
        return held[1]
