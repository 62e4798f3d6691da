"""Loading of a user's own model: a Python path such as `nets.py:make`, and its weights."""

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
    """Load the model at `place`, in evaluation mode, with the state dict in `weights`, if given.

    `place` is package.module:name or path/to/file.py:name; `name` is an nn.Module or a callable
    without arguments that returns one, such as its class. Imports of the module are also resolved
    in the current folder and the file's own. Weights are a state dict in .safetensors or as
    torch.save writes it; no other pickled object is loaded. Raises SonifyError for a place, a
    module, a model or weights that cannot be used.
    """
    where, _, name = place.rpartition(":")
    if not where or not name:
        raise SonifyError(f"--model is {place!r}: write module:name or path/to/file.py:name")
    module = _imported(where)
    if not hasattr(module, name):
        raise SonifyError(
            f"{where} has no {name}: name a model in it, or a function that returns one"
        )
    model = _made(getattr(module, name), place)
    if weights is not None:
        _load_weights(model, weights)
    return model.eval()


def _imported(where: str) -> ModuleType:
    path = Path(where)
    is_file = path.suffix == ".py"
    if is_file and not path.is_file():
        raise SonifyError(f"{where} does not exist: give a Python file, or an importable module")
    # Last, so that no file of the user's stands in for a library's.
    sys.path.append(str(path.resolve().parent if is_file else Path.cwd()))
    try:
        return _run(path) if is_file else importlib.import_module(where)
    except Exception as error:  # a user's code may raise anything
        raise SonifyError(
            f"{where} cannot be imported ({_reason(error)}): correct it or its environment"
        ) from error


def _run(path: Path) -> ModuleType:
    """Run a file as a module under a name that cannot clash with a library's."""
    spec = importlib.util.spec_from_file_location(f"_user_model_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up there
    spec.loader.exec_module(module)
    return module


def _made(made: object, place: str) -> nn.Module:
    if not isinstance(made, nn.Module):
        if not callable(made):
            raise SonifyError(
                f"{place} is of type {type(made).__name__}: name a model, or a function that "
                "returns one"
            )
        try:
            parameters = list(inspect.signature(made).parameters.values())
        except ValueError:  # functions written in C have no signature
            parameters = []
        needed = [
            p.name
            for p in parameters
            if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
        ]
        if needed:
            raise SonifyError(
                f"{place} needs arguments ({', '.join(needed)}): name a function without any that "
                "calls it with them"
            )
        try:
            made = made()
        except Exception as error:
            raise SonifyError(f"{place} failed ({_reason(error)}): correct its code") from error
    if not isinstance(made, nn.Module):
        raise SonifyError(f"{place} returned a {type(made).__name__}: it must return an nn.Module")
    return made


def _load_weights(model: nn.Module, file: Path) -> None:
    if not file.is_file():
        raise SonifyError(f"{file} does not exist: give a .safetensors or .pt file of weights")
    try:
        if file.suffix == ".safetensors":
            state = load_file(file)
        else:
            state = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # what torch.load raises depends on what it was given
        raise SonifyError(
            f"{file} holds no readable weights ({_reason(error)}): save model.state_dict()"
        ) from error
    if not isinstance(state, Mapping) or not all(isinstance(v, Tensor) for v in state.values()):
        raise SonifyError(f"{file} holds no state dict: save model.state_dict()")
    own = model.state_dict()
    faults = [f"lacks {k}" for k in own if k not in state]
    faults += [f"has {k}, which the model does not have" for k in state if k not in own]
    faults += [
        f"has {k} of shape {tuple(state[k].shape)}, not {tuple(own[k].shape)}"
        for k in own
        if k in state and state[k].shape != own[k].shape
    ]
    if faults:
        more = f" (and {len(faults) - 1} more mismatches)" if len(faults) > 1 else ""
        raise SonifyError(
            f"{file} does not fit the model: it {faults[0]}{more}; give weights of this model"
        )
    model.load_state_dict(state)


def _reason(error: Exception) -> str:
    first = str(error).strip().split("\n")[0]
    return f"{type(error).__name__}: {first}" if first else type(error).__name__
