"""A user's own model: from a Python path such as `nets.py:make` to a module with its weights."""

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from sonify.runtime.errors import SonifyError


def load(place: str, weights: Path | None = None) -> nn.Module:
    """The model at `place`, in evaluation mode, with the state dict in the file `weights`, if any.

    `place` is package.module:name or path/to/file.py:name; the name is of an nn.Module or of what
    makes one when called without arguments, such as its class. The current folder and the file's
    own are searched for what the module imports. Weights are a state dict as .safetensors or as
    torch.save writes it; no other pickled object is loaded. Raises SonifyError naming what is wrong
    with the place, with the code found there or with the weights.
    """
    where, _, name = place.rpartition(":")
    if not where or not name:
        raise SonifyError(f"the model {place!r} is no path: write module:name or file.py:name")
    module = _imported(where)
    if not hasattr(module, name):
        raise SonifyError(f"{where} has no {name}: name a model in it, or what makes one")
    model = _made(getattr(module, name), place)
    if weights is not None:
        _load_weights(model, weights)
    return model.eval()


def _imported(where: str) -> ModuleType:
    path = Path(where)
    is_file = path.suffix == ".py"
    if is_file and not path.is_file():
        raise SonifyError(
            f"{where} is not there: name a Python file, or a module that is installed"
        )
    # Last, so that no file of the user's stands in for a library's.
    sys.path.append(str(path.resolve().parent if is_file else Path.cwd()))
    try:
        return _run(path) if is_file else importlib.import_module(where)
    except Exception as error:  # a user's code may raise anything
        raise SonifyError(f"{where} cannot be imported ({_reason(error)})") from error


def _run(path: Path) -> ModuleType:
    """The file as a module of a name of its own: its own might be that of a library."""
    spec = importlib.util.spec_from_file_location(f"_user_model_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where dataclasses look
    spec.loader.exec_module(module)
    return module


def _made(found: object, place: str) -> nn.Module:
    if not isinstance(found, nn.Module):
        if not callable(found):
            raise SonifyError(f"{place} is a {type(found).__name__}: it must be or make a model")
        try:
            parameters = inspect.signature(found).parameters.values()
        except ValueError:  # of functions written in C nobody knows
            parameters = ()
        needed = [
            p.name
            for p in parameters
            if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
        ]
        if needed:
            raise SonifyError(
                f"{place} needs arguments ({', '.join(needed)}): name a function without, which "
                "calls it with them"
            )
        try:
            found = found()
        except Exception as error:
            raise SonifyError(f"{place} failed ({_reason(error)})") from error
    if not isinstance(found, nn.Module):
        raise SonifyError(f"{place} made a {type(found).__name__}: it must make an nn.Module")
    return found


def _load_weights(model: nn.Module, file: Path) -> None:
    if not file.is_file():
        raise SonifyError(f"{file} is not there: name a file of weights")
    try:
        if file.suffix == ".safetensors":
            state = load_file(file)
        else:
            state = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # what torch.load raises depends on what it was given
        raise SonifyError(f"{file} holds no readable weights ({_reason(error)})") from error
    if not isinstance(state, Mapping) or not all(isinstance(v, Tensor) for v in state.values()):
        raise SonifyError(f"{file} holds no state dict: save model.state_dict()")
    own = model.state_dict()
    faults = [f"lacks {k}" for k in own if k not in state]
    faults += [f"has {k}, which the model lacks" for k in state if k not in own]
    faults += [
        f"has {k} of shape {tuple(state[k].shape)}, not {tuple(own[k].shape)}"
        for k in own
        if k in state and state[k].shape != own[k].shape
    ]
    if faults:
        more = f", and {len(faults) - 1} more such faults" if len(faults) > 1 else ""
        raise SonifyError(f"{file} does not fit the model: it {faults[0]}{more}")
    model.load_state_dict(state)


def _reason(error: Exception) -> str:
    first = str(error).strip().split("\n")[0]
    return f"{type(error).__name__}: {first}" if first else type(error).__name__
