"""Loading of weights into a user's own model, from a state dict or a training's checkpoint."""

import argparse
import pathlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.serialization import get_unsafe_globals_in_checkpoint, safe_globals

from sonify.runtime.errors import SonifyError, printable
from sonify.runtime.plurals import counted

_SCALAR: Any = np.float64(0).__reduce__()[0]
# Scripts save these beside the weights: options, scores, folders. Making them runs nothing.
_INERT: list[Callable[..., object] | tuple[Callable[..., object], str]] = [
    argparse.Namespace,
    *((pathlib.PosixPath, f"{module}.PosixPath") for module in ("pathlib", "pathlib._local")),
    *((_SCALAR, f"numpy.{c}.multiarray.scalar") for c in ("core", "_core")),
    np.dtype,
    *(type(np.dtype(kind)) for kind in ("f2", "f4", "f8", "i4", "i8", "?")),
]
_NAMES = ("state_dict", "model_state_dict", "model")  # of the weights in a training's checkpoint


def load_weights(model: nn.Module, file: Path) -> None:
    """Load the weights in a file into a model, whatever wrapped it when they were saved.

    The file is .safetensors or what torch.save wrote: a state dict, or a dictionary that has one
    (under state_dict, model_state_dict or model, if there are several). DataParallel's `module.`,
    torch.compile's `_orig_mod.` and a prefix that all names have are removed. Only tensors and
    plain values are read from it, no other pickled object. Raises SonifyError if the file holds no
    weights, or those of another model.
    """
    if not file.is_file():
        raise SonifyError(f"{file} does not exist: give a .safetensors or .pt file of weights")
    saved = _read(file)
    found = _state_dict(saved)
    if found is None:
        raise SonifyError(_no_state_dict(file, saved))
    own = model.state_dict()
    weights = _renamed(found, own)
    faults = [f"lacks {k}" for k in own if k not in weights]
    faults += [
        f"has {printable(k)}, which the model does not have" for k in weights if k not in own
    ]
    faults += [
        f"has {k} of shape {tuple(weights[k].shape)}, not {tuple(own[k].shape)}"
        for k in own
        if k in weights and weights[k].shape != own[k].shape
    ]
    faults += [
        f"has {k} of complex numbers, not of real ones"
        for k in own
        if k in weights and weights[k].is_complex() and not own[k].is_complex()
    ]
    if faults:
        others = counted(len(faults) - 1, "more mismatch", "more mismatches")
        more = f" (and {others})" if len(faults) > 1 else ""
        raise SonifyError(
            f"{file} does not fit the model: it {faults[0]}{more}; give weights of this model"
        )
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:  # sparse ones, or such without values
        raise SonifyError(
            f"{file} holds weights that cannot be copied into the model: save model.state_dict() "
            "of a model on the CPU or a GPU"
        ) from error


def _read(file: Path) -> object:
    try:
        if file.suffix == ".safetensors":
            return load_file(file)
        with safe_globals(_INERT):
            return torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # what torch.load raises depends on what it was given
        objects = _objects(file)
        if objects:
            raise SonifyError(
                f"{file} holds pickled objects ({printable(', '.join(objects[:3]))}), which are "
                "not loaded, since that could run any code: load it where it was made, and save "
                "model.state_dict() alone"
            ) from error
        first = str(error).strip().split("\n")[0].partition("\x1b")[0].strip(" ,")
        reason = f"{type(error).__name__}: {printable(first)}" if first else type(error).__name__
        raise SonifyError(
            f"{file} holds no readable weights ({reason}): save model.state_dict()"
        ) from error


def _objects(file: Path) -> list[str]:
    """Classes and functions that a file of torch.save needs and that are not inert."""
    try:
        with safe_globals(_INERT):
            return sorted(get_unsafe_globals_in_checkpoint(file))
    except Exception:  # no such file at all
        return []


def _state_dict(saved: object) -> Mapping[str, Tensor] | None:
    """The weights in a file: a state dict, or the only one in a training's checkpoint."""
    if not isinstance(saved, Mapping):
        return None
    if saved and all(isinstance(k, str) and isinstance(v, Tensor) for k, v in saved.items()):
        return saved
    inside = _inside(saved)
    named = [v for k, v in inside.items() if k in _NAMES]
    if len(named) == 1:
        return named[0]
    return next(iter(inside.values())) if len(inside) == 1 else None


def _inside(saved: Mapping[str, object]) -> dict[str, Mapping[str, Tensor]]:
    """The state dicts in a training's checkpoint."""
    return {k: v for k, v in saved.items() if isinstance(v, Mapping) and _state_dict(v) is v}


def _no_state_dict(file: Path, saved: object) -> str:
    inside = list(_inside(saved)) if isinstance(saved, Mapping) else []
    if inside:
        names = printable(", ".join(map(str, inside)))
        return (
            f"{file} holds {len(inside)} state dicts ({names}): save the one to use in a file of "
            "its own"
        )
    what = f"a {type(saved).__name__}"
    if isinstance(saved, Mapping):
        what = f"only {printable(', '.join(map(str, list(saved)[:5])))}" if saved else "nothing"
    return f"{file} holds no state dict but {what}: save model.state_dict()"


def _renamed(state: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """The weights under the model's names, where wrappers of the model have put others.

    DataParallel adds `module.`, torch.compile `_orig_mod.`, a trainer the name of its attribute.
    """
    if state.keys() == own.keys():
        return state
    plain = {_plain(name): name for name in own}
    theirs = {_plain(k): v for k, v in state.items() if k not in ("n_averaged",)}
    if len(theirs) < len(state) - ("n_averaged" in state):
        return state
    first = next(iter(plain), "")
    prefixes = ["", *(k[: -len(first)] for k in theirs if first and k.endswith(f".{first}"))]
    for prefix in prefixes:
        if theirs.keys() == {prefix + name for name in plain}:
            return {plain[k.removeprefix(prefix)]: v for k, v in theirs.items()}
    return state


def _plain(name: str) -> str:
    return ".".join(part for part in name.split(".") if part not in ("module", "_orig_mod"))
