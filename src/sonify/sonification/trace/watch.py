"""Changes of a model that tracing cannot see, before and after it."""

from collections.abc import Sequence
from operator import attrgetter
from typing import Any

import torch
from torch import nn
from torch.nn.modules import module as every

from sonify.runtime.errors import SonifyError
from sonify.sonification.trace.chain import Block
from sonify.sonification.trace.unwrapping import unwrapped


class Watch:
    """The modules that the blocks of a model stand for, as they were when it was traced."""

    def __init__(self, model: nn.Module, blocks: Sequence[Block]) -> None:
        self.model = unwrapped(model)
        names = {""}
        for path in (path for block in blocks for path in block.paths):
            parts = path.split(".")
            names |= {".".join(parts[:n]) for n in range(1, len(parts) + 1)}
        self.modules = {name: self.model.get_submodule(name) for name in sorted(names)}
        self.state = {name: _state(module) for name, module in self.modules.items()}
        constants = [name for block in blocks for name in block.front.constants]
        self.constants = {n: attrgetter(n)(self.model).detach().clone() for n in constants}

    def check(self) -> None:
        """Raise SonifyError if a module was replaced, or got a hook or another forward.

        Also if a factor before the first convolution has another value.
        """
        for name, value in self.constants.items():
            if not torch.equal(attrgetter(name)(self.model), value):
                raise SonifyError(
                    f"{name!r}, by which waveforms are multiplied, is not what it was when the "
                    "model was traced: make a new Sonifier"
                )
        for name, module in self.modules.items():
            try:
                same = self.model.get_submodule(name) is module
            except AttributeError:
                same = False
            if not same or _state(module) != self.state[name]:
                what = "has another forward or other hooks than" if same else "is not the one of"
                raise SonifyError(
                    f"module {name!r} {what} when the model was traced: make a new Sonifier"
                )


def _state(module: nn.Module) -> tuple[Any, ...]:
    own = vars(module)
    hooks = (*module._forward_hooks, *module._forward_pre_hooks)
    everywhere = (*every._global_forward_hooks, *every._global_forward_pre_hooks)
    return hooks, everywhere, own.get("forward")
