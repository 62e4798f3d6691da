"""The straight line of operations from a model's waveform input through its convolutions."""

import builtins
import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import fx, nn
from torch.nn.modules.conv import _ConvNd

from sonify.runtime.errors import SonifyError
from sonify.sonification.trace.front import UNCHANGED, Front, front_of
from sonify.sonification.trace.graph import INERT, PAIRING, SAMPLES, Traced, either_shape
from sonify.sonification.trace.operations import RELUS, activates

# Operations on the shape of a tensor rather than on its values.
_QUERIES = {"size", "dim", "numel", "shape", "ndim", "dtype", "device"}
_INERT_METHODS = {"contiguous", "clone", "detach"}
_POOLS = {F.max_pool1d, torch.max_pool1d, *PAIRING}
_POOL_SETTINGS = ("kernel_size", "stride", "padding", "dilation", "ceil_mode", "return_indices")


@dataclass(frozen=True)
class Step:
    """One operation on the line.

    kind: "conv", "relu", "pool" or "other". label: its name in messages. module: the module that
    computes it; for a pool called as a function an equal nn.MaxPool1d, None for other functions.
    path: the qualified name of that module, "" for functions. leads: this is a convolution, or one
    follows. ends: the modules of the model that return its result. front: of the first convolution,
    what the model does to the waveform before it.
    """

    kind: str
    label: str
    module: nn.Module | None
    path: str
    leads: bool
    ends: tuple[nn.Module, ...]
    front: Front = UNCHANGED


def line(model: nn.Module) -> tuple[list[Step], str]:
    """Return the operations from the first convolution on, without those inert in evaluation mode.

    And, where it branches between convolutions, a sentence on that, else "". The line is followed
    while a convolution lies ahead that is no head, and after the last one until it branches. Raises
    SonifyError for a model that cannot be traced or changes the waveform before its first
    convolution.
    """

    def follow(shape: tuple[int, ...]) -> tuple[list[Step], str]:
        followed = Line(Traced(model, shape))
        return followed.steps(), followed.branch

    return either_shape(follow)


def normalised(model: nn.Module) -> list[tuple[str, str]]:
    """Return the qualified names of each Conv1d that feeds only a BatchNorm1d, with the latter's.

    Raises SonifyError for a model that cannot be traced, or one that uses such a convolution or
    batch norm more than once.
    """
    traced = either_shape(lambda shape: Traced(model, shape))
    used = Counter(str(n.target) for n in traced.nodes if n.op == "call_module")
    pairs = []
    for node in traced.nodes:
        for conv in node.all_input_nodes:
            is_pair = traced.is_a(conv, nn.Conv1d) and traced.is_a(node, nn.BatchNorm1d)
            if not is_pair or len(conv.users) > 1:
                continue
            for twice in (n for n in (conv, node) if used[str(n.target)] > 1):
                raise SonifyError(
                    f"{traced.describe(twice)} is used more than once, so that its batch "
                    "normalisation cannot be folded: give each use a module of its own"
                )
            for one in (conv, node):
                traced.check_as_traced(one)
            pairs.append((str(conv.target), str(node.target)))
    return pairs


class Line:
    """The line through a traced model.

    data: the nodes that carry the waveform; leading: those that lead to a convolution which is no
    head, one that no activation follows. branch: where the line ends at a branch, a sentence on it.
    """

    def __init__(self, traced: Traced) -> None:
        self.traced, self.describe = traced, traced.describe
        self.data = self._reached(traced.nodes[:1], lambda node: node.users)
        activations = [n for n in traced.nodes if activates(n, traced.module(n))]
        behind = self._reached(activations, lambda node: node.all_input_nodes)
        convolutions = [n for n in traced.nodes if self._convolves(n)]
        inner = [n for n in convolutions if n in behind]  # the others are heads
        self.leading = self._reached(inner or convolutions, lambda node: node.all_input_nodes)
        self.branch = ""

    def steps(self) -> list[Step]:
        """Convert the nodes to steps; the `ends` of inert nodes go to the step before them."""
        nodes = self.nodes()
        self.check_in_place(nodes)
        inverted = self._inverted(nodes)
        for node in inverted:
            self.traced.check_as_traced(node)
        self._check_pairs(inverted)
        steps: list[Step] = []
        begin, front = self._begin(nodes)
        for node in nodes[begin:]:
            ends = tuple(self.traced.ends.get(node, ()))
            if steps and self.inert(node):
                steps[-1] = replace(steps[-1], ends=steps[-1].ends + ends)
                continue
            kind, module = self._kind(node)
            path = str(node.target) if node.op == "call_module" else ""
            leads = node in self.leading
            steps.append(Step(kind, self.describe(node), module, path, leads, ends, front))
            front = UNCHANGED
        return steps

    def nodes(self) -> list[fx.Node]:
        """Return the nodes of the line, the input first."""
        nodes = self.traced.nodes[:1]
        while True:
            users = [u for u in nodes[-1].users if u in self.data and u.op != "output"]
            leading = [u for u in users if u in self.leading]
            if len(leading) > 1:
                if not any(map(self._convolves, nodes)):
                    raise SonifyError(self._changes_input(leading[0]))
                ways = " and ".join(self.describe(u) for u in leading[:2])
                self.branch = (
                    f"the output of {self.describe(nodes[-1])} goes to both {ways}: residual and "
                    "branching networks are not a chain; pass a submodule without branches"
                )
                return nodes
            if not leading and len(users) != 1:
                return nodes
            nodes.append((leading or users)[0])

    def _inverted(self, nodes: list[fx.Node]) -> list[fx.Node]:
        """Return the nodes up to the end of the last convolution's block."""
        end = max((i for i, n in enumerate(nodes) if n in self.leading), default=-1) + 1
        while end < len(nodes) and (self.inert(nodes[end]) or self._kind(nodes[end])[0] != "other"):
            end += 1
        return nodes[:end]

    def check_in_place(self, nodes: list[fx.Node]) -> None:
        """Raise SonifyError where an operation off the line may change values on it in place."""
        last = max((self.traced.nodes.index(n) for n in nodes if n in self.leading), default=0)
        for node in self.traced.nodes[:last]:
            if node in self.data and node not in nodes and self._in_place(node):
                raise SonifyError(
                    f"{self.describe(node)} changes its input in place, off the path to the next "
                    "convolution: use its return value, or call it without inplace"
                )

    def _check_pairs(self, nodes: list[fx.Node]) -> None:
        """Raise SonifyError where a pool's maxima and indices go on together."""
        for node, after in pairwise(nodes):
            if self.traced.is_pair(node) and self.traced.picks(after) is None:
                raise SonifyError(
                    f"{self.describe(node)} returns its maxima with their indices, and both go to "
                    f"{self.describe(after)}: pass on the first of the two alone"
                )

    def _begin(self, nodes: list[fx.Node]) -> tuple[int, Front]:
        """Return the position of the first convolution, or of the operation in its place.

        And what happens to the waveform on the way there. Raises SonifyError unless it arrives as
        (clip, 1, time), unchanged or multiplied by a constant.
        """
        front = UNCHANGED
        shape: tuple[int, ...] = self.traced.shape
        for i, node in enumerate(nodes[1:], start=1):
            if node not in self.leading or self._convolves(node):
                if self._convolves(node) and shape != (2, 1, SAMPLES):
                    raise SonifyError(
                        f"{self.describe(node)} comes first but does not receive waveforms as "
                        "(clip, 1, time), whichever way the model is called: reshape them before it"
                    )
                return i, front
            arrived = front_of(node, self.traced)
            if arrived is None:
                raise SonifyError(self._changes_input(node))
            shape, front = arrived
        return len(nodes), front

    def _changes_input(self, node: fx.Node) -> str:
        return (
            f"{self.describe(node)} changes the waveform before the first Conv1d, and not by a "
            "constant factor: pass the submodule after it, and clips to which it has been applied"
        )

    def _kind(self, node: fx.Node) -> tuple[str, nn.Module | None]:
        module = self.traced.module(node)
        for kind, layer in (("conv", nn.Conv1d), ("relu", nn.ReLU), ("pool", nn.MaxPool1d)):
            if self.traced.is_a(node, layer):
                return kind, module
        if node.target in RELUS and node.op != "call_module":
            return "relu", None
        if node.target in _POOLS:
            pool = _pool(node)
            return ("pool", pool) if pool is not None else ("other", None)
        return "other", module

    def inert(self, node: fx.Node) -> bool:
        """True where a node returns what it is given, in evaluation mode."""
        module = self.traced.module(node)
        if module is not None:
            return isinstance(module, INERT)
        if node.target is F.dropout:
            return node.kwargs.get("training") is False
        if self.traced.picks(node) == 0:
            return True
        return node.op == "call_method" and node.target in _INERT_METHODS

    def _convolves(self, node: fx.Node) -> bool:
        module = self.traced.module(node)
        if module is not None:
            return isinstance(module, _ConvNd)
        return node.op == "call_function" and "conv" in getattr(node.target, "__name__", "")

    def _reached(
        self, starts: Iterable[fx.Node], towards: Callable[[fx.Node], Iterable[fx.Node]]
    ) -> set[fx.Node]:
        """Return the nodes reached from `starts`, themselves included.

        Not through queries of a shape, nor through the indices of maxima.
        """
        reached, ahead = set(), list(starts)
        while ahead:
            node = ahead.pop()
            if node not in reached and not _is_query(node) and self.traced.picks(node) != 1:
                reached.add(node)
                ahead += towards(node)
        return reached

    def _in_place(self, node: fx.Node) -> bool:
        name = getattr(node.target, "__name__", str(node.target))
        called = node.op in ("call_function", "call_method") and re.search(r"[a-z]_$", name)
        module = self.traced.module(node)
        return bool(called or node.kwargs.get("inplace") or getattr(module, "inplace", False))


def _is_query(node: fx.Node) -> bool:
    if node.op == "call_method":
        return node.target in _QUERIES
    return node.target is builtins.getattr and node.args[1] in _QUERIES


def _pool(node: fx.Node) -> nn.MaxPool1d | None:
    """Convert a functional pool to a module; None where its window depends on the clip."""
    settings = dict(zip(_POOL_SETTINGS, node.args[1:], strict=False)) | node.kwargs
    settings.pop("input", None)
    settings.pop("return_indices", None)
    if any(isinstance(value, fx.Node) for value in settings.values()):
        return None
    options: dict[str, Any] = {
        k: tuple(v) or None if isinstance(v, list | tuple) else v for k, v in settings.items()
    }
    return nn.MaxPool1d(**options)
