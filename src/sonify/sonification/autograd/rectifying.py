"""The rectified backward rule (section 3.2) at every rectifier of a network, as it runs.

While a `Rectifying` is active, every rectifier, module or function, passes back relu(gradient)
instead of its own gradient.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

from sonify.runtime.errors import SonifyError

RECTIFIERS = {
    *(F.relu, torch.relu, torch.relu_, Tensor.relu, Tensor.relu_, F.relu6, F.prelu, torch.prelu),
    *(Tensor.prelu, F.leaky_relu, F.leaky_relu_, F.rrelu, torch.rrelu, F.elu, F.elu_, F.celu),
    *(torch.celu, torch.celu_, F.selu, torch.selu, torch.selu_, F.gelu, F.silu, F.mish),
    *(F.hardswish, F.softplus),
}
# These rectify where what they return is relu(x).
_PERHAPS = {
    *(torch.where, Tensor.where, torch.maximum, Tensor.maximum, torch.fmax, torch.max, Tensor.max),
    *(torch.clamp, torch.clamp_, torch.clamp_min, torch.clamp_min_, torch.clip, torch.clip_),
    *(Tensor.clamp, Tensor.clamp_, Tensor.clamp_min, Tensor.clamp_min_, Tensor.clip, Tensor.clip_),
    *(F.threshold, torch.threshold, torch.threshold_, F.hardtanh, F.hardtanh_),
    *(torch.mul, Tensor.mul, Tensor.mul_, Tensor.__mul__, Tensor.__rmul__, Tensor.__imul__),
    *(Tensor.masked_fill, Tensor.masked_fill_, torch.masked_fill),
}
_POOLS = {
    *(F.max_pool1d, F.max_pool1d_with_indices, torch.max_pool1d, torch.max_pool1d_with_indices),
    *(F.max_pool2d, F.max_pool2d_with_indices, torch.max_pool2d),
}
# They keep the last axis, where a linear layer before them put the filters.
_KEEPING = {F.layer_norm, torch.layer_norm, F.dropout}
_DATA = vars(torch._C.TensorBase)["data"].__get__  # x.data
_CUTTING = {Tensor.detach, torch.detach, Tensor.detach_, _DATA}
# Gradients of rectifiers that were not replaced, because they were called in compiled code.
_PLAIN = {
    *("Relu", "Threshold", "LeakyRelu", "Elu", "Gelu", "Silu", "Mish", "Hardswish", "Softplus"),
    *("PreluKernel", "Celu", "Selu", "RreluWithNoise"),
}
# Other operations whose slope depends on what they are given; they keep their own gradient.
_BENDING = {
    *("Sigmoid", "Tanh", "Softmax", "LogSoftmax", "Where", "Maximum", "Minimum", "Clamp"),
    *("ClampMin", "ClampMax", "Hardtanh", "Glu", "Abs", "Exp", "Log", "Pow", "Sqrt", "Sin"),
}
_FUSED = {"Rnn": "recurrent layer", "ScaledDotProduct": "attention"}  # by a part of their names


@dataclass
class Layer:
    """Maps that a rectifier returned, or the max-pool directly behind it.

    kept: (clip, filter, ...), part of the graph; nothing that happens later changes it.
    """

    name: str
    kept: Tensor


class ReachedError(BaseException):
    """All wanted layers have been reached. The user's code must not catch it."""


class Rectifying(TorchFunctionMode):
    """Rectifies gradients and keeps the first `wanted` layers (None: all), in order of execution.

    Rectified vectors, (clip, feature), are not layers. cut: something ran without gradients, or was
    taken out of the graph.
    """

    def __init__(self, wanted: int | None = None) -> None:
        super().__init__()
        self.layers: list[Layer] = []
        self.wanted, self.cut = wanted, False
        # Where, and which version, of the last rectified maps and of the last linear layer's.
        self._last: tuple[int, torch.Size, int] | None = None
        self._linear: tuple[int, torch.Size, int] | None = None

    def __torch_function__(
        self, func: Callable, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        """Run one operation of the network."""
        kwargs = kwargs or {}
        x = args[0] if args else kwargs.get("input")
        if not torch.is_grad_enabled():  # inside the user's own autograd functions, or no_grad
            self.cut = self.cut or func in RECTIFIERS
            return func(*args, **kwargs)
        self.cut = self.cut or (func in _CUTTING and isinstance(x, Tensor) and x.requires_grad)
        if func in RECTIFIERS and isinstance(x, Tensor) and x.requires_grad:
            return self._rectified(func, x, args, kwargs)
        if func in _PERHAPS:
            given = [a for a in (*args, *kwargs.values()) if isinstance(a, Tensor)]
            for tensor in given:
                if tensor.requires_grad and _is_relu(func, tensor, args, kwargs):
                    return self._rectified(func, tensor, args, kwargs)
        out = func(*args, **kwargs)
        if not isinstance(x, Tensor):
            return out
        if func is F.linear or (func in _KEEPING and self._linear == _place(x)):
            self._linear = _place(out)
        if func in _POOLS and self._last == _place(x):
            maxima = out[0] if isinstance(out, tuple) else out
            self.layers[-1].kept, self._last = maxima.clone(), None
        return out

    def _rectified(self, func: Callable, x: Tensor, args: tuple, kwargs: dict) -> Tensor:
        if x.ndim > 2 and self.wanted is not None and len(self.layers) == self.wanted:
            raise ReachedError
        name = getattr(func, "__name__", str(func))
        in_place = bool(kwargs.get("inplace")) or (name.endswith("_") and name[-2:] != "__")
        in_place = in_place or name == "__imul__"
        filters_last = self._linear == _place(x)

        def compute(values: Tensor) -> Tensor:
            return func(*[values if a is x else a for a in args], **_replaced(kwargs, x, values))

        out = _Rectified.apply(x, compute)
        if in_place:
            x.copy_(out)
            out = x
        if out.ndim > 2:
            kept = out.movedim(-1, 1) if filters_last else out
            self.layers.append(Layer(name.strip("_"), kept.clone()))
            self._last = _place(out)
        return out


class _Rectified(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, compute: Callable[[Tensor], Tensor]) -> Tensor:
        return compute(x.detach().clone())

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return gradient.clamp_min(0), None


def check_rectified(kept: Iterable[Tensor]) -> set[str]:
    """Return one run's nonlinear operations that keep their own gradient.

    Raises SonifyError where the gradient of a rectifier was not replaced, or may not have been.
    """
    bending, seen, ahead = set(), set(), [maps.grad_fn for maps in kept]
    while ahead:
        node = ahead.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        ahead += [following for following, _ in node.next_functions]
        name = node.name().split("::")[-1].removesuffix("0").removesuffix("1")
        kind = name.removesuffix("Backward")
        if kind == "_Rectified":
            continue
        own = isinstance(node, torch.autograd.function.BackwardCFunction)
        if kind in _PLAIN or own or "jit" in node.name() or "Graph" in name:
            raise SonifyError(
                f"the gradient of {kind} in the model cannot be rectified, because it is compiled "
                "or has a backward rule of its own: write it with the functions of torch"
            )
        if kind.removesuffix("Kernel") in _BENDING:
            bending.add(kind.lower())
        bending |= {plain for part, plain in _FUSED.items() if part in kind}
    return bending


@torch.no_grad()
def _is_relu(func: Callable, x: Tensor, args: tuple, kwargs: dict) -> bool:
    """True where the operation returns relu(x), and x has something to rectify."""
    if "mul" in func.__name__ and not _masks(args, x):
        return False
    rectified = x.clamp_min(0)
    if torch.equal(rectified, x):
        return False
    values = x.detach().clone()
    try:
        out = func(*[values if a is x else a for a in args], **_replaced(kwargs, x, values))
    except Exception:  # the user's own call may fail; then it fails again, and is theirs
        return False
    return isinstance(out, Tensor) and torch.equal(out, rectified)


def _masks(args: tuple, x: Tensor) -> bool:
    """True where x is multiplied by a mask."""
    others = [a for a in args if a is not x]
    return bool(others) and isinstance(others[0], Tensor) and not others[0].requires_grad


def _replaced(kwargs: dict, x: Tensor, values: Tensor) -> dict:
    return {name: values if value is x else value for name, value in kwargs.items()}


def _place(x: Tensor) -> tuple[int, torch.Size, int]:
    return x.data_ptr(), x.shape, x._version
