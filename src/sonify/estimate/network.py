"""Multiply-adds and feature maps of an encoder, counted from its architecture.

Two quantities bound how fast a network runs: arithmetic, in floating-point operations (a
multiply-add is two, as `torch.utils.flop_counter` has it), and memory traffic, here the values of
all feature maps as the convolutions give them. Additions of biases, rectifiers and pools are not
counted.
"""

from dataclasses import dataclass

from sonify.models.architecture import Architecture


@dataclass(frozen=True)
class Cost:
    """Floating-point operations, and values of feature maps."""

    flops: float = 0.0
    values: float = 0.0

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(self.flops + other.flops, self.values + other.values)

    def __sub__(self, other: "Cost") -> "Cost":
        return Cost(self.flops - other.flops, self.values - other.values)

    def __mul__(self, times: float) -> "Cost":
        return Cost(self.flops * times, self.values * times)


def layers(architecture: Architecture, samples: float) -> list[Cost]:
    """Return the cost of each convolution in one forward pass of `samples` samples, first first.

    A clip that is too short leaves deep layers nothing to do.
    """
    costs, length, channels = [], int(samples), 1
    for filters, kernel, pool, padding in _shape(architecture):
        stride = pool if architecture.downsampling == "strided" else 1
        length = max(0, (length + 2 * padding - kernel) // stride + 1)
        costs.append(Cost(2.0 * length * kernel * channels * filters, float(length * filters)))
        length, channels = length // (pool if stride == 1 else 1), filters
    return costs


def forward(architecture: Architecture, samples: float, deepest: int | None = None) -> Cost:
    """Return the cost of one clip through the first `deepest` layers (None: all)."""
    return sum(layers(architecture, samples)[:deepest], Cost())


def back_projection(architecture: Architecture, samples: float, layer: int) -> Cost:
    """Return the cost of one feature map of `layer`, from 1, on its way back to a waveform.

    It starts as a single map, and has all maps of every layer below (section 3.2).
    """
    costs = layers(architecture, samples)
    start = costs[layer - 1] * (1 / architecture.filters[layer - 1])
    return sum(costs[: layer - 1], start)


def each_layer_back(architecture: Architecture, samples: float) -> Cost:
    """Return the cost of one feature map of each layer on its way back."""
    numbers = range(1, architecture.n_layers + 1)
    return sum((back_projection(architecture, samples, n) for n in numbers), Cost())


def linear(inputs: int, outputs: int) -> Cost:
    """Return the cost of a fully connected layer for one clip."""
    return Cost(2.0 * inputs * outputs, float(outputs))


def features(architecture: Architecture) -> Cost:
    """Return the cost of the encoder's fully connected layer for one clip."""
    return linear(architecture.filters[-1], architecture.features)


def classifier(architecture: Architecture, classes: int) -> Cost:
    """Return the cost of the classifier for one clip."""
    return linear(architecture.features, classes)


def projection(architecture: Architecture) -> Cost:
    """Return the cost of the projection head for one crop."""
    return linear(architecture.features, architecture.features) * 2


def parameters(architecture: Architecture) -> int:
    """Return the number of weights and biases of the encoder."""
    count, channels = 0, 1
    for filters, kernel, _, _ in _shape(architecture):
        count, channels = count + filters * (kernel * channels + 1), filters
    return count + architecture.features * (channels + 1)


def _shape(architecture: Architecture) -> list[tuple[int, int, int, int]]:
    """Filters, kernel, pool and padding of each layer."""
    parts = (architecture.filters, architecture.kernels, architecture.pools, architecture.paddings)
    return list(zip(*parts, strict=True))
