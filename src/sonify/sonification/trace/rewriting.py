"""Rewriting of a network that is no chain of Conv1d -> ReLU -> MaxPool1d into one that is.

For networks that compute what such a chain computes: two-dimensional convolutions with an axis of
length 1, padding apart from convolutions, normalisation behind a rectifier, kernels computed anew.
"""

from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, fx, nn

from sonify.runtime.errors import SonifyError
from sonify.sonification.trace.front import front_of
from sonify.sonification.trace.graph import Traced, either_shape, evaluating
from sonify.sonification.trace.line import Line
from sonify.sonification.trace.operations import (
    Convolution,
    convolution_of,
    pads_of,
    pool_of,
    rectifies,
    statistics_of,
)
from sonify.sonification.trace.unwrapping import unwrapped
from sonify.sonification.trace.writing import CannotFoldError, Written

LENGTHS = (20_001, 160_001)  # samples of the probe: the second where a network needs more
ROUNDINGS = 1e4  # by so many a rewritten network may differ


def rewritten(model: nn.Module) -> nn.Sequential:
    """Return a new chain that computes the rectified maps of the model, up to its head.

    It has been compared with the model on noise. Raises CannotFoldError where something cannot be
    folded, SonifyError where the model is no such network at all.
    """
    named: list[CannotFoldError] = []

    def follow(shape: tuple[int, ...]) -> nn.Sequential:
        try:
            return _Rewriter(Traced(model, shape)).chain()
        except CannotFoldError as error:
            named.append(error)
            raise

    try:
        return either_shape(follow)
    except SonifyError as refusal:
        raise (named[0] if named else refusal) from None


def why_not(model: nn.Module) -> str:
    """Return why a model cannot be rewritten, "" if it can."""
    try:
        rewritten(unwrapped(model))
    except SonifyError as error:
        return str(error)
    return ""


class _Rewriter:
    def __init__(self, traced: Traced) -> None:
        self.traced = traced
        self.line = Line(traced)
        self.nodes = self.line.nodes()
        if self.line.branch:
            raise SonifyError(self.line.branch)
        self.line.check_in_place(self.nodes)
        last = max((i for i, n in enumerate(self.nodes) if n in self.line.leading), default=0)
        for length in LENGTHS:
            self.values = self._run(length)
            if self.nodes[last] in self.values:
                return
        raise SonifyError(f"{traced.describe(self.nodes[last])} cannot be run on noise")

    def chain(self) -> nn.Sequential:
        """Follow the line and write down its blocks; compare them with the model."""
        written = Written()
        for before, node in pairwise(self.nodes):
            if not self._step(written, before, node):
                if node in self.line.leading:
                    raise SonifyError(f"{self.traced.describe(node)} cannot be folded")
                break
        written.end()
        chain = written.chain()
        self._compare(chain, written.rectified)
        return chain

    def _step(self, written: Written, before: fx.Node, node: fx.Node) -> bool:
        """Write down one operation; False where it is none that a chain could have."""
        label = self.traced.describe(node)
        module = self.traced.module(node)
        tensor, result = self.values[before], self.values.get(node)
        if result is None:
            return False
        if self.traced.picks(node) == 0 or self.line.inert(node):
            return True
        conv = convolution_of(node, module, self.values, self.line.data)
        if conv is not None:
            self.traced.check_as_traced(node, weight_norm=True)
            written.convolve(label, self._one_dimensional(label, conv, tensor))
            return True
        if rectifies(node, module):
            self.traced.check_as_traced(node)
            written.rectify(label, node)
            return True
        if (norm := statistics_of(module)) is not None and written.blocks_begun:
            self.traced.check_as_traced(node)
            written.normalise(label, *norm)
            return True
        if (pool := pool_of(node, module, _time_axis(tensor))) is not None:
            self.traced.check_as_traced(node)
            written.pool(label, pool)
            return True
        if (pads := pads_of(node, module)) is not None:
            return written.pad(label, *self._pads(label, pads, tensor))
        if not isinstance(result, Tensor) or not isinstance(tensor, Tensor):
            return False
        if not written.blocks_begun and not written.padded:
            arrived = front_of(node, self.traced)
            if arrived is not None:
                written.gain = arrived[1].gain
                return True
        same = torch.equal(result.flatten(), tensor.flatten())
        return same and _squeezed(result) == _squeezed(tensor)

    def _one_dimensional(self, label: str, conv: Convolution, tensor: Tensor) -> Convolution:
        """Drop the axis of length 1 of a two-dimensional convolution."""
        if conv.weight.ndim == 3:
            return conv
        along = _time_axis(tensor) - 2
        idle = 1 - along
        plain = conv.padding if isinstance(conv.padding, tuple) else (0, 0)
        if tensor.shape[2 + idle] != 1 or conv.weight.shape[2 + idle] != 1 or plain[idle]:
            raise SonifyError(f"{label} convolves two axes, of which one must have length 1")
        return Convolution(
            conv.weight.squeeze(2 + idle),
            conv.bias,
            (conv.stride[along],),
            conv.padding if isinstance(conv.padding, str) else (conv.padding[along],),
            (conv.dilation[along],),
            conv.groups,
        )

    def _pads(self, label: str, pads: list[int], tensor: Tensor) -> tuple[int, int]:
        """Return the zeros before and after the time axis."""
        axes = [tensor.ndim - 1 - i for i in range(len(pads) // 2)]
        by_axis = {a: (pads[2 * i], pads[2 * i + 1]) for i, a in enumerate(axes)}
        time = by_axis.pop(_time_axis(tensor), (0, 0))
        if any(any(pair) for pair in by_axis.values()) or min(time) < 0:
            raise SonifyError(f"{label} pads another axis than time, or cuts")
        return time

    @torch.no_grad()
    def _compare(self, chain: nn.Sequential, rectified: dict[str, fx.Node]) -> None:
        """Raise SonifyError unless the chain computes the model's rectified maps."""
        h = self.probe
        for name, module in chain.named_children():
            h = module(h)
            if name not in rectified:
                continue
            theirs = self.values[rectified[name]]
            far = ROUNDINGS * torch.finfo(theirs.dtype).eps * float(theirs.abs().max())
            same = theirs.numel() == h.numel()
            if not same or float((theirs.flatten() - h.flatten()).abs().max()) > far:
                label = self.traced.describe(rectified[name])
                raise SonifyError(f"folding changes the output of {label}")

    @torch.no_grad()
    def _run(self, length: int) -> dict[fx.Node, Any]:
        """Run the model on noise as far as it goes; return its values node by node."""
        model, values = self.traced.model, dict[fx.Node, Any]()
        generator = torch.Generator().manual_seed(0)
        like = next((p for p in model.parameters() if p.is_floating_point()), torch.empty(0))
        noise = torch.randn((*self.traced.shape[:-1], length), generator=generator) / 3
        self.probe = noise.to(like).view(2, 1, length)
        with evaluating(model):
            for node in self.traced.nodes:
                try:
                    values[node] = self._value(node, values, noise.to(like))
                except Exception:  # a head may want another length; the user's code, anything
                    break
        return values

    def _value(self, node: fx.Node, values: dict[fx.Node, Any], noise: Tensor) -> Any:
        def of(argument: Any) -> Any:
            return fx.node.map_arg(argument, lambda n: values[n])

        if node.op == "placeholder":
            first = node is self.traced.nodes[0]
            return noise.clone() if first else (node.args[0] if node.args else None)
        if node.op == "get_attr":
            return self.traced.constants[str(node.target)]
        args, kwargs = of(node.args), of(node.kwargs)
        if node.op == "call_module":
            return self.traced.model.get_submodule(str(node.target))(*args, **kwargs)
        if node.op == "call_method":
            return getattr(args[0], str(node.target))(*args[1:], **kwargs)
        if node.op == "output":
            return None
        assert callable(node.target)
        return node.target(*args, **kwargs)


def _time_axis(tensor: Tensor | tuple[Tensor, ...]) -> int:
    """Return the axis of time: the last but axes of length 1 behind the channels."""
    shape = (tensor[0] if isinstance(tensor, tuple) else tensor).shape
    return 3 if len(shape) == 4 and shape[2] == 1 else 2


def _squeezed(tensor: Tensor) -> list[int]:
    return [n for n in tensor.shape if n != 1]
