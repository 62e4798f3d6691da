"""The operations of any model's forward pass, as a graph (torch.fx).

Tracing runs `forward` on stand-ins for tensors, so that it sees operations, whether called as
modules or as functions, and never data. The model is traced as in evaluation mode and left as it
was.
"""

import inspect
import operator
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

import torch
from torch import Tensor, fx, nn
from torch.nn.modules.dropout import _DropoutNd

from sonify.runtime.errors import SonifyError

SAMPLES = 160_001  # of the clips whose form is followed; no multiple of anything
SHORT_SAMPLES = 1_009  # of others: no condition may tell the two lengths apart
INERT = (nn.Identity, _DropoutNd)  # modules that do nothing in evaluation
_Found = TypeVar("_Found")


class Traced:
    """A model and the graph of its operations on two clips in `shape`.

    ends: by node, the modules that give out its result. Raises SonifyError, in one sentence, for a
    model that cannot be traced.
    """

    def __init__(self, model: nn.Module, shape: tuple[int, ...]) -> None:
        if isinstance(model, torch.jit.ScriptModule):
            raise SonifyError("a TorchScript model cannot be traced: pass what it was made from")
        self.model, self.shape = model, shape
        self._modules = dict(model.named_modules(remove_duplicate=False))
        tracer = _Tracer(model, shape)
        with _evaluating(model), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                self.nodes = list(tracer.trace(model, _defaults(model)).nodes)
            except Exception as error:  # a user's code, given stand-ins, may raise anything
                reason = str(error).split(". ")[0].split("\n")[0] or type(error).__name__
                raise SonifyError(
                    f"{type(model).__name__} cannot be traced ({reason}): "
                    "pass the submodule that holds the chain of convolutions"
                ) from error
        self.ends = tracer.ends

    def module(self, node: fx.Node) -> nn.Module | None:
        """The module that a node calls, None where it calls a function."""
        return self._modules[str(node.target)] if node.op == "call_module" else None

    def is_a(self, node: fx.Node, kind: type[nn.Module]) -> bool:
        """Whether a node calls a module that computes what `kind` does."""
        module = self.module(node)
        return module is not None and _is(module, kind)

    def told(self, node: fx.Node) -> str:
        """How a message names an operation."""
        if node.op == "call_module":
            return f"module {node.target!r} ({type(self.module(node)).__name__})"
        if node.op == "placeholder":
            return "the input"
        return "the call of " + re.sub(r"_\d+$", "", node.name) + "()"


def either(follow: Callable[[tuple[int, ...]], _Found]) -> _Found:
    """What comes of clips as (clip, 1, time) or, where that is refused, as (clip, time)."""
    try:
        return follow((2, 1, SAMPLES))
    except SonifyError as refusal:
        with suppress(SonifyError):
            return follow((2, SAMPLES))
        raise refusal


def value(node: fx.Node, waveform: Tensor, model: nn.Module) -> Any:
    """What a node computes of a waveform, where no layer stands between.

    Raises whatever the operation raises, TypeError for a layer.
    """

    def of(argument: Any) -> Any:
        return fx.node.map_arg(argument, lambda n: value(n, waveform, model))

    if node.op == "placeholder":
        if node is not next(iter(node.graph.nodes)):
            raise TypeError(f"{node.name} is another input than the waveform")
        return waveform
    if node.op == "get_attr":
        return operator.attrgetter(str(node.target))(model)
    args, kwargs = of(node.args), of(node.kwargs)
    if node.op == "call_method":
        return getattr(args[0], node.target)(*args[1:], **kwargs)
    if node.op == "call_function":
        return node.target(*args, **kwargs)
    module = model.get_submodule(str(node.target))
    if isinstance(module, INERT):
        return args[0]
    if isinstance(module, nn.Flatten | nn.Unflatten):
        return module(*args)
    raise TypeError(f"{type(module).__name__} is a layer")


class _Tracer(fx.Tracer):
    """Keeps whole the layers it knows, and follows conditions on the form of the input."""

    def __init__(self, model: nn.Module, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.installed = set(model.modules())
        lengths = (SAMPLES, SHORT_SAMPLES)
        # On this device tensors have a form, and no values for a condition to depend on.
        self.forms = [torch.empty(*shape[:-1], length, device="meta") for length in lengths]
        self.ends: dict[fx.Node, list[nn.Module]] = {}

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        known = any(_is(m, kind) for kind in (nn.Conv1d, nn.ReLU, nn.MaxPool1d, nn.BatchNorm1d))
        return known or super().is_leaf_module(m, module_qualified_name)

    def call_module(self, m: nn.Module, forward: Any, args: tuple, kwargs: dict) -> Any:
        if m not in self.installed:  # made in forward itself, such as nn.ReLU()(x)
            return forward(*args, **kwargs)
        out = super().call_module(m, forward, args, kwargs)
        if isinstance(out, fx.Proxy):
            self.ends.setdefault(out.node, []).append(m)
        return out

    def to_bool(self, obj: fx.Proxy) -> bool:
        with suppress(Exception):  # of the user's own operations
            found = {bool(value(obj.node, form, self.root)) for form in self.forms}
            if len(found) == 1:
                return found.pop()
        return super().to_bool(obj)  # says that this cannot be traced


@contextmanager
def _evaluating(model: nn.Module) -> Iterator[None]:
    """The model in evaluation mode, so that `self.training` reads as it will; then as it was, with
    nothing left on it that its `forward` keeps of a stand-in."""
    before = [(module, vars(module).copy()) for module in model.modules()]
    for module, _ in before:
        module.training = False
    try:
        yield
    finally:
        for module, attributes in before:
            vars(module).clear()
            vars(module).update(attributes)


def _is(module: nn.Module, kind: type[nn.Module]) -> bool:
    """Whether a module computes what `kind` does: a subclass may have another forward."""
    own = [getattr(type(module), name, None) for name in ("forward", "_conv_forward")]
    theirs = [getattr(kind, name, None) for name in ("forward", "_conv_forward")]
    return isinstance(module, kind) and own == theirs


def _defaults(model: nn.Module) -> dict[str, Any]:
    parameters = inspect.signature(model.forward).parameters.values()
    return {p.name: p.default for p in parameters if p.default is not p.empty}
