"""Loading of a user's own model: a Python path such as `nets.py:make`, and its weights."""

import importlib
import importlib.util
import inspect
import io
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr
from pathlib import Path
from types import ModuleType

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from sonify.runtime.errors import SonifyError
from sonify.runtime.guesses import hint


def load(place: str, weights: Path | None = None) -> nn.Module:
    """Load the model at `place`, in evaluation mode, with the state dict in `weights`, if given.

    `place` is package.module:name or path/to/file.py:name; `name` is an nn.Module or a callable
    without arguments that returns one, such as its class. Imports of the module are also resolved
    in the current folder and the file's own. Weights are a state dict in .safetensors or as
    torch.save writes it; no other pickled object is loaded. Half precision becomes float32. Raises
    SonifyError for a place, a module, a model or weights that cannot be used.
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
    if any(p.dtype in (torch.float16, torch.bfloat16) for p in model.parameters()):
        model = model.float()
    return model.eval()


def part(model: nn.Module, name: str) -> nn.Module:
    """Return the submodule of a model with a qualified name.

    Raises SonifyError for a name that is not there.
    """
    names = [n for n, _ in model.named_modules() if n]
    if name not in names:
        guess = hint(name, names, f"there are {', '.join(names[:8])}")
        raise SonifyError(f"--part is {name!r}, which the model does not have: {guess}")
    return model.get_submodule(name)


def _imported(where: str) -> ModuleType:
    path = Path(where)
    is_file = path.suffix == ".py"
    if is_file and not path.is_file():
        raise SonifyError(f"{where} does not exist: give a Python file, or an importable module")
    # Last, so that no file of the user's stands in for a library's.
    sys.path.append(str(path.resolve().parent if is_file else Path.cwd()))
    with _user_code(where, "cannot be imported"):
        return _run(path) if is_file else importlib.import_module(where)


@contextmanager
def _user_code(place: str, what: str) -> Iterator[None]:
    """Turn whatever the user's code raises, or its end of the program, into a sentence on `place`.

    It sees no options but its own name, since ours are not its.
    """
    options, sys.argv = sys.argv, [place]
    messages = io.StringIO()
    try:
        with redirect_stderr(messages):
            yield
    except SystemExit as error:
        said = messages.getvalue().strip().split("\n")[-1].partition("error: ")[2]
        messages = io.StringIO()
        reason = said or (f"status {error.code}" if error.code is not None else "without a reason")
        raise SonifyError(
            f"{place} ended the program ({reason}): put what is to run only as a script, such as "
            'the parsing of options, below if __name__ == "__main__":'
        ) from error
    except Exception as error:  # a user's code may raise anything
        raise SonifyError(
            f"{place} {what} ({_reason(error)}): correct it or its environment"
        ) from error
    finally:
        sys.argv = options
        sys.stderr.write(messages.getvalue())


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
        with _user_code(place, "failed"):
            made = made()
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
    found = _state_dict(state)
    if found is None:
        raise SonifyError(f"{file} holds no state dict: save model.state_dict()")
    own = model.state_dict()
    weights = _renamed(found, own)
    faults = [f"lacks {k}" for k in own if k not in weights]
    faults += [f"has {k}, which the model does not have" for k in weights if k not in own]
    faults += [
        f"has {k} of shape {tuple(weights[k].shape)}, not {tuple(own[k].shape)}"
        for k in own
        if k in weights and weights[k].shape != own[k].shape
    ]
    if faults:
        more = f" (and {len(faults) - 1} more mismatches)" if len(faults) > 1 else ""
        raise SonifyError(
            f"{file} does not fit the model: it {faults[0]}{more}; give weights of this model"
        )
    model.load_state_dict(weights)


def _state_dict(saved: object) -> Mapping[str, Tensor] | None:
    """The weights in a file: a state dict, or the only one in a training's checkpoint."""
    if not isinstance(saved, Mapping):
        return None
    if saved and all(isinstance(v, Tensor) for v in saved.values()):
        return saved
    inside = {k: v for k, v in saved.items() if isinstance(v, Mapping) and _state_dict(v) is v}
    named = [v for k, v in inside.items() if k in ("state_dict", "model_state_dict", "model")]
    if len(named) == 1:
        return named[0]
    return next(iter(inside.values())) if len(inside) == 1 else None


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


def _reason(error: Exception) -> str:
    first = str(error).strip().split("\n")[0]
    return f"{type(error).__name__}: {first}" if first else type(error).__name__
