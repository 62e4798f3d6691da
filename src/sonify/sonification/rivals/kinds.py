"""The rivals of the deconvnet by name (`sonify.sonification.methods.RIVALS`)."""

from sonify.sonification.deconvnet.sonifier import Sonifier
from sonify.sonification.rivals.gradients import (
    GradientTimesInput,
    GuidedBackpropagation,
    IntegratedGradients,
)
from sonify.sonification.rivals.others import (
    RandomSignal,
    UnpoolingHold,
    UnpoolingLinear,
    WholeLayer,
)
from sonify.sonification.rivals.relevance import LayerwiseRelevance

KINDS: dict[str, type[Sonifier]] = {
    "gradient_times_input": GradientTimesInput,
    "guided_backpropagation": GuidedBackpropagation,
    "integrated_gradients": IntegratedGradients,
    "layerwise_relevance": LayerwiseRelevance,
    "unpooling_hold": UnpoolingHold,
    "unpooling_linear": UnpoolingLinear,
    "whole_layer": WholeLayer,
    "random_signal": RandomSignal,
}
