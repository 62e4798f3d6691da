"""The operations of a model's forward pass as a graph (torch.fx).

Tracing runs `forward` on proxies for tensors: it records operations, whether called as modules or
as functions, and never sees data. The model is traced in evaluation mode and left as it was.
"""

import inspect
import operator
import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn
from torch.nn.modules import module as every
from torch.nn.modules.dropout import _DropoutNd
from torch.nn.utils.weight_norm import WeightNorm

from sonify.runtime.errors import SonifyError
from sonify.sonification.trace.folded_conv import FoldedConv1d
from sonify.sonification.trace.plainly import reason

SAMPLES = 160_001  # of the clips whose shapes are followed; a multiple of no likely stride
SHORT_SAMPLES = 4_001  # of a second length, half a second: all conditions must come out alike
INERT = (nn.Identity, _DropoutNd)  # modules that do nothing in evaluation mode
PAIRING = {F.max_pool1d_with_indices, torch.max_pool1d_with_indices}  # maxima and their indices
_Result = TypeVar("_Result")


class Traced:
    """A model and the graph of its operations on two clips of `shape`.

    ends: by node, the modules of the model that return its result. constants: by name, the
    parameters, buffers and other tensors that operations use. Raises SonifyError for a model
    that cannot be traced.
    """

    def __init__(self, model: nn.Module, shape: tuple[int, ...]) -> None:
        if isinstance(model, torch.jit.ScriptModule):
            raise SonifyError(
                "a TorchScript model cannot be followed: pass the nn.Module it was made from"
            )
        if every._global_forward_hooks or every._global_forward_pre_hooks:
            raise SonifyError(
                "there is a forward hook for all modules, which may replace their outputs: remove "
                "it first"
            )
        if model._forward_hooks or model._forward_pre_hooks:
            raise SonifyError(
                f"the model itself ({type(model).__name__}) has a forward hook, which may replace "
                "its input or output: remove it first"
            )
        self.model, self.shape = model, shape
        self._modules = dict(model.named_modules(remove_duplicate=False))
        tracer = _Tracer(model, shape)
        with evaluating(model), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                self.nodes = list(tracer.trace(model, _defaults(model)).nodes)
                names = {str(node.target) for node in self.nodes if node.op == "get_attr"}
                self.constants = {name: operator.attrgetter(name)(model) for name in names}
            except Exception as error:  # a user's code, given proxies, may raise anything
                raise SonifyError(
                    f"{type(model).__name__} cannot be followed through its forward "
                    f"({reason(error)}): pass the submodule that holds the chain of convolutions"
                ) from error
        self.ends = tracer.ends

    def module(self, node: fx.Node) -> nn.Module | None:
        """Return the module that a node calls, None where it calls a function."""
        return self._modules[str(node.target)] if node.op == "call_module" else None

    def is_a(self, node: fx.Node, kind: type[nn.Module]) -> bool:
        """True where a node calls a module that computes what `kind` does."""
        module = self.module(node)
        return module is not None and computes_as(module, kind)

    def is_pair(self, node: fx.Node) -> bool:
        """True where a node is a max-pool that returns its maxima and their indices."""
        return _is_pair(node, self.module(node))

    def picks(self, node: fx.Node) -> int | None:
        """Return 0 or 1 where a node takes the maxima, or the indices, of such a pool."""
        taken = node.op == "call_function" and node.target is operator.getitem
        if not taken or not isinstance(node.args[0], fx.Node) or not self.is_pair(node.args[0]):
            return None
        return {0: 0, 1: 1, -2: 0, -1: 1}.get(node.args[1]) if type(node.args[1]) is int else None

    def check_as_traced(self, node: fx.Node, weight_norm: bool = False) -> None:
        """Raise SonifyError for a module that may compute something else than it says.

        `weight_norm` accepts the hooks that compute weights from a norm and a direction.
        """
        module = self.module(node)
        if module is None:
            return
        name = self.describe(node)
        if any(map(torch.nn.parameter.is_lazy, module.parameters(recurse=False))):
            raise SonifyError(f"{name} has no weights yet: run the model on a waveform first")
        if module._forward_hooks:
            raise SonifyError(
                f"{name} has a forward hook, which may replace its output: remove it first"
            )
        hooks = module._forward_pre_hooks.values()
        if not all(weight_norm and isinstance(hook, WeightNorm) for hook in hooks):
            raise SonifyError(
                f"{name} has a forward pre-hook, which may replace its weights or its input: "
                "remove it first, for instance with torch.nn.utils.remove_weight_norm"
            )
        if "forward" in vars(module):
            raise SonifyError(
                f"{name} has a forward of its own, set on the object: delete it first"
            )

    def describe(self, node: fx.Node) -> str:
        """Name an operation for an error message."""
        if node.op == "call_module":
            return f"module {node.target!r} ({type(self.module(node)).__name__})"
        if node.op == "placeholder":
            return "the input"
        return "the call of " + re.sub(r"_\d+$", "", node.name) + "()"


def either_shape(follow: Callable[[tuple[int, ...]], _Result]) -> _Result:
    """Return `follow(shape)` for clips as (clip, 1, time), or as (clip, time) if that is refused.

    Raises the SonifyError of the first shape where both are refused.
    """
    try:
        return follow((2, 1, SAMPLES))
    except SonifyError as refusal:
        with suppress(SonifyError):
            return follow((2, SAMPLES))
        raise refusal


def value(
    node: fx.Node, waveform: Tensor, model: nn.Module, constants: Mapping[str, Any] | None = None
) -> Any:
    """Evaluate a node on a waveform, where no layer lies between them.

    Raises whatever the operation raises, and TypeError for a layer.
    """

    def of(argument: Any) -> Any:
        return fx.node.map_arg(argument, lambda n: value(n, waveform, model, constants))

    if node.op == "placeholder":
        if node is not next(iter(node.graph.nodes)):
            raise TypeError(f"{node.name} is an input other than the waveform")
        return waveform
    if node.op == "get_attr":
        name = str(node.target)
        return constants[name] if constants is not None else operator.attrgetter(name)(model)
    args, kwargs = of(node.args), of(node.kwargs)
    if node.op == "call_method":
        return getattr(args[0], str(node.target))(*args[1:], **kwargs)
    if callable(node.target):  # a call_function
        return node.target(*args, **kwargs)
    module = model.get_submodule(str(node.target))
    if isinstance(module, INERT):
        return args[0]
    if isinstance(module, nn.Flatten | nn.Unflatten):
        return module(*args)
    raise TypeError(f"{type(module).__name__} is a layer")


class _Tracer(fx.Tracer):
    """Keeps the layers it knows as leaves, and resolves conditions on the shape of the input."""

    def __init__(self, model: nn.Module, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.installed = set(model.modules())
        lengths = (SAMPLES, SHORT_SAMPLES)
        # On the meta device tensors have shapes, and no values for a condition to depend on.
        self.shapes = [torch.empty(*shape[:-1], length, device="meta") for length in lengths]
        self.ends: dict[fx.Node, list[nn.Module]] = {}

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        known = any(
            computes_as(m, kind) for kind in (nn.Conv1d, nn.ReLU, nn.MaxPool1d, nn.BatchNorm1d)
        )
        return known or super().is_leaf_module(m, module_qualified_name)

    def call_module(self, m: nn.Module, forward: Any, args: tuple, kwargs: dict) -> Any:
        if m not in self.installed:  # created in forward itself, such as nn.ReLU()(x)
            return forward(*args, **kwargs)
        out = super().call_module(m, forward, args, kwargs)
        if isinstance(out, fx.Proxy):
            self.ends.setdefault(out.node, []).append(m)
        return out

    def to_bool(self, obj: fx.Proxy) -> bool:
        outcome = self.known(obj.node, bool)
        return super().to_bool(obj) if outcome is None else outcome  # raises: cannot be traced

    def proxy(self, node: fx.Node) -> fx.Proxy:
        return _Proxy(node, self)

    def is_pair(self, node: fx.Node) -> bool:
        calls = node.op == "call_module"
        return _is_pair(node, self.root.get_submodule(str(node.target)) if calls else None)

    def known(self, node: fx.Node, kind: Callable[[Any], _Result]) -> _Result | None:
        """Return `kind` of the value of a node, if it is the same for clips of either length."""
        with suppress(Exception):  # the user's own operations may raise anything
            outcomes = [kind(value(node, shape, self.root)) for shape in self.shapes]
            if all(outcome == outcomes[0] for outcome in outcomes):
                return outcomes[0]
        return None


class _Proxy(fx.Proxy):
    """A proxy that has a length, and can be iterated, where the shape of the input decides both."""

    tracer: "_Tracer"

    def __len__(self) -> int:
        length = 2 if self.tracer.is_pair(self.node) else self.tracer.known(self.node, len)
        return super().__len__() if length is None else length  # raises: cannot be traced

    def __iter__(self) -> Iterator[Any]:
        known = self.tracer.known(self.node, lambda v: len(v) if isinstance(v, tuple) else None)
        known = 2 if self.tracer.is_pair(self.node) else known
        if known is None:
            return iter(super().__iter__())
        return iter([operator.getitem(self, i) for i in range(known)])

    def __index__(self) -> int:
        number = self.tracer.known(self.node, operator.index)
        if number is None:
            raise TypeError("a number that depends on the length of the clip")
        return number

    def __int__(self) -> int:
        return self.__index__()

    def __getattr__(self, name: str) -> "_Attribute":
        return _Attribute(self, name)


class _Attribute(fx.proxy.Attribute, _Proxy):
    """An attribute or method of a proxy, such as `x.shape`."""


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Put the model into evaluation mode; restore all its attributes and buffers afterwards.

    Nothing that its `forward` stores of a proxy is left on it.
    """
    before = [(module, vars(module).copy()) for module in model.modules()]
    kept = [v for _, held in before for v in held.values() if type(v) in (dict, list)]
    contents = [held.copy() for held in kept]
    copies: dict[int, Tensor] = {}  # of buffers: what `forward` changes in place are not theirs
    for module, _ in before:
        module.training = False
        for name, buffer in module._buffers.items():
            if buffer is not None and not torch.nn.parameter.is_lazy(buffer):
                module._buffers[name] = copies.setdefault(id(buffer), buffer.detach().clone())
    try:
        yield
    finally:
        for module, attributes in before:
            vars(module).clear()
            vars(module).update(attributes)
        for held, content in zip(kept, contents, strict=True):
            held.clear()
            held.update(content) if isinstance(held, dict) else held.extend(content)


def computes_as(module: nn.Module, kind: type[nn.Module]) -> bool:
    """True where a module computes what `kind` does: a subclass may override forward."""
    if type(module) is FoldedConv1d:
        return kind is nn.Conv1d
    own = [getattr(type(module), name, None) for name in ("forward", "_conv_forward")]
    original = [getattr(kind, name, None) for name in ("forward", "_conv_forward")]
    return isinstance(module, kind) and own == original


def _is_pair(node: fx.Node, module: nn.Module | None) -> bool:
    if module is not None:
        return isinstance(module, nn.MaxPool1d | nn.MaxPool2d) and module.return_indices
    return node.op == "call_function" and node.target in PAIRING


def _defaults(model: nn.Module) -> dict[str, Any]:
    parameters = inspect.signature(model.forward).parameters.values()
    return {p.name: p.default for p in parameters if p.default is not p.empty}
