"""The operations of networks that can be folded into a chain, called as modules or functions."""

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.padding import _ConstantPadNd
from torch.nn.utils.weight_norm import WeightNorm

from sonify.sonification.trace.graph import PAIRING, computes_as

RELUS = {F.relu, torch.relu, torch.relu_, "relu", "relu_"}  # F.relu_ is torch.relu_
# Whatever gives a network's convolutions a block, for there is a head where none follows.
_ACTIVATIONS = {
    *("relu", "relu6", "leakyrelu", "prelu", "rrelu", "elu", "celu", "selu", "gelu", "silu"),
    *("mish", "hardswish", "softplus", "hardtanh", "tanh", "threshold", "glu", "clamp", "clampmin"),
}
_CONVOLUTIONS = {F.conv1d, torch.conv1d, F.conv2d, torch.conv2d}
_POOLS = {
    *[F.max_pool1d, torch.max_pool1d, F.max_pool2d, torch.max_pool2d, *PAIRING],
    F.max_pool2d_with_indices,
}
_POOL_SETTINGS = ("kernel_size", "stride", "padding", "dilation", "ceil_mode", "return_indices")
_CONVOLUTION_SETTINGS = ("weight", "bias", "stride", "padding", "dilation", "groups")
_PAD_SETTINGS = ("pad", "mode", "value")


class Convolution(NamedTuple):
    """A convolution: weight (filter, channel, tap[, tap]), bias or None, and its window by axis."""

    weight: Tensor
    bias: Tensor | None
    stride: tuple[int, ...]
    padding: tuple[int, ...] | str
    dilation: tuple[int, ...]
    groups: int


def convolution_of(
    node: fx.Node, module: nn.Module | None, values: dict[fx.Node, Any], data: set[fx.Node]
) -> Convolution | None:
    """Return the convolution that a node computes, None for any other operation.

    Also None where its padding is not zeros, or its weights depend on the input (are in `data`).
    """
    if module is not None:
        known = any(computes_as(module, kind) for kind in (nn.Conv1d, nn.Conv2d))
        if not known or not isinstance(module, nn.Conv1d | nn.Conv2d):
            return None
        if module.padding_mode != "zeros":
            return None
        padding = module.padding
        window = module.stride, padding, module.dilation, module.groups
        # An old weight norm computes the weights before each call, and only then.
        norms = [h for h in module._forward_pre_hooks.values() if isinstance(h, WeightNorm)]
        weight = norms[0].compute_weight(module) if norms else module.weight
        return Convolution(weight.detach(), _detached(module.bias), *window)
    if node.target not in _CONVOLUTIONS:
        return None
    settings = _settings(node, _CONVOLUTION_SETTINGS)
    if any(isinstance(v, fx.Node) and v in data for v in settings.values()):
        return None
    settings = {k: values[v] if isinstance(v, fx.Node) else v for k, v in settings.items()}
    weight, axes = settings["weight"].detach(), settings["weight"].ndim - 2
    padding = settings.get("padding", 0)
    return Convolution(
        weight,
        _detached(settings.get("bias")),
        _by_axis(settings.get("stride", 1), axes),
        padding if isinstance(padding, str) else _by_axis(padding, axes),
        _by_axis(settings.get("dilation", 1), axes),
        settings.get("groups", 1),
    )


def rectifies(node: fx.Node, module: nn.Module | None) -> bool:
    """True for a ReLU."""
    if module is not None:
        return computes_as(module, nn.ReLU)
    return node.target in RELUS


def activates(node: fx.Node, module: nn.Module | None) -> bool:
    """True for a ReLU and for what takes its place in other networks."""
    name = getattr(node.target, "__name__", str(node.target))
    name = type(module).__name__ if module is not None else name
    called = node.op in ("call_module", "call_function", "call_method")
    return called and name.lower().replace("_", "") in _ACTIVATIONS


def statistics_of(module: nn.Module | None) -> tuple[Tensor, Tensor] | None:
    """Return the factor and offset per channel of a batch norm in evaluation mode.

    None for any other module, and for one that keeps no running statistics.
    """
    if not isinstance(module, _BatchNorm):
        return None
    mean, variance = module.running_mean, module.running_var
    if mean is None or variance is None:
        return None
    factor = (variance + module.eps).rsqrt()
    if module.weight is not None:
        factor = factor * module.weight.detach()
    offset = -mean * factor
    return factor, offset if module.bias is None else offset + module.bias.detach()


def pool_of(node: fx.Node, module: nn.Module | None, time_axis: int) -> nn.MaxPool1d | None:
    """Return the max-pool over time that a node computes, None for any other operation."""
    if module is not None:
        if not any(computes_as(module, kind) for kind in (nn.MaxPool1d, nn.MaxPool2d)):
            return None
        settings: dict[str, Any] = {name: getattr(module, name) for name in _POOL_SETTINGS}
        axes = 2 if isinstance(module, nn.MaxPool2d) else 1
    elif node.op == "call_function" and node.target in _POOLS:
        settings = _settings(node, _POOL_SETTINGS)
        axes = (
            2 if "2d" in getattr(node.target, "__name__", "") or node.target is F.max_pool2d else 1
        )
    else:
        return None
    if any(isinstance(v, fx.Node) for v in settings.values()):
        return None
    kernel = _by_axis(settings["kernel_size"], axes)
    given = settings.get("stride")
    by_axis = {
        "kernel_size": kernel,
        "stride": _by_axis(given, axes) if given not in (None, (), []) else kernel,
        "padding": _by_axis(settings.get("padding", 0), axes),
        "dilation": _by_axis(settings.get("dilation", 1), axes),
    }
    along = time_axis - 2 if axes == 2 else 0
    if axes == 2 and (kernel[1 - along] != 1 or by_axis["padding"][1 - along]):
        return None
    return nn.MaxPool1d(
        by_axis["kernel_size"][along],
        by_axis["stride"][along],
        by_axis["padding"][along],
        by_axis["dilation"][along],
        ceil_mode=bool(settings.get("ceil_mode", False)),
    )


def pads_of(node: fx.Node, module: nn.Module | None) -> list[int] | None:
    """Return the zeros that a node pads with, last axis first; None for any other operation."""
    if isinstance(module, _ConstantPadNd):
        return list(module.padding) if module.value == 0 else None
    if node.op != "call_function" or getattr(node.target, "__name__", "") != "pad":
        return None
    settings = _settings(node, _PAD_SETTINGS)
    pads = settings.get("pad", ())
    constant = settings.get("mode", "constant") == "constant" and not settings.get("value")
    whole = isinstance(pads, list | tuple) and all(type(n) is int for n in pads)
    return list(pads) if constant and whole else None


def _settings(node: fx.Node, names: tuple[str, ...]) -> dict[str, Any]:
    settings = dict(zip(names, node.args[1:], strict=False)) | node.kwargs
    settings.pop("input", None)
    return settings


def _by_axis(value: Any, axes: int) -> tuple[int, ...]:
    values = tuple(value) if isinstance(value, list | tuple) else (value,)
    return values if len(values) == axes else values * axes


def _detached(bias: Tensor | None) -> Tensor | None:
    return None if bias is None else bias.detach()
