"""Loading of a user's own model: a Python path such as `nets.py:make`, and its weights."""

import ast
import importlib
import importlib.util
import inspect
import io
import re
import sys
import sysconfig
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

from torch import bfloat16, float16, nn

from sonify.models.definitions import definitions, reads_options, source_tree
from sonify.models.places import Place, parsed
from sonify.models.weights import load_weights
from sonify.runtime.errors import SonifyError
from sonify.runtime.guesses import hint
from sonify.runtime.jobs import say

_GUARD = (
    "put what is to run only as a script, such as the parsing of options, below "
    'if __name__ == "__main__":'
)


class _EndedError(SonifyError):
    """A user's code that ended the program when it was imported or called."""


class _MissingError(SonifyError):
    """A module without the name that was asked for."""


def load(place: str, weights: Path | None = None) -> nn.Module:
    """Load the model at `place`, in evaluation mode, with the weights in a file, if given.

    `place` is package.module:name or path/to/file.py:name; `name` is an nn.Module or a callable
    that returns one, such as its class. Plain values may be given to it, name(16, pool="max").
    Imports of the module are also resolved in the current folder and the file's own. Of a script
    that parses options when it is imported, only imports, functions, classes and constants are
    used, unless the model needs more. Half precision becomes float32. Raises SonifyError for a
    place, a module, a model or weights that cannot be used.
    """
    model = _model(parsed(place))
    if weights is not None:
        load_weights(model, weights)
    if any(p.dtype in (float16, bfloat16) for p in model.parameters()):
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


def _model(place: Place) -> nn.Module:
    """Make the model by importing its module; of a script from its definitions, if they do."""
    path = Path(place.where)
    is_file = path.suffix == ".py"
    if is_file and not path.is_file():
        raise SonifyError(
            f"{place.where} does not exist: give a Python file, or an importable module"
        )
    # Last, so that no file of the user's stands in for a library's.
    sys.path.append(str(path.resolve().parent if is_file else Path.cwd()))
    with _user_code(place.where, "cannot be imported"):
        spec = _spec(place.where, path if is_file else None)
    tree = source_tree(spec)
    ended = None
    if tree is None or not reads_options(tree):
        try:
            module = _imported(place.where, spec, is_file)
        except _EndedError as error:
            if tree is None:
                raise
            ended = error
        else:
            return _made(_named(module, place), place)
    made = _by_definitions(place, spec, tree)
    if isinstance(made, nn.Module):
        say(
            f"{place.where} is a script: only its imports, functions, classes and constants are "
            "used, and nothing else of it runs"
        )
        return made
    if ended is None:
        say(f"{place.where} is run as a script without options, since {place.name} needs all of it")
        sys.modules.pop(spec.name, None)
        try:
            return _made(_named(_imported(place.where, spec, is_file), place), place)
        except _EndedError as error:
            ended = error
    raise SonifyError(str(ended).removesuffix(f": {_GUARD}") + made) from ended


def _by_definitions(place: Place, spec: ModuleSpec, tree: ast.Module) -> nn.Module | str:
    """Make the model from a script's definitions, or say, in the end of a sentence, why not."""
    try:
        with _user_code(place.where, "cannot be imported"):
            module = definitions(spec, tree)
        return _made(_named(module, place), place)
    except _MissingError:
        classes = [
            name
            for name, value in vars(module).items()
            if isinstance(value, type) and issubclass(value, nn.Module)
            if value.__module__ == spec.name
        ]
        which = f"name a class of it ({', '.join(classes)}), or " if classes else ""
        return f" before it had a {place.name}: {which}{_GUARD}"
    except SonifyError as error:
        missing = error.__cause__
        if not isinstance(missing, NameError | ImportError):
            raise
        return (
            f", and {place.name} needs what comes after that ({_reason(missing)}): move it to a "
            f"file of its own with what it needs, or {_GUARD}"
        )


def _spec(where: str, file: Path | None) -> ModuleSpec:
    """Find a module; a file under a name that cannot clash with a library's."""
    if file is not None:
        spec = importlib.util.spec_from_file_location(f"_user_model_{file.stem}", file)
    else:
        spec = importlib.util.find_spec(where)
    if spec is None:
        raise ModuleNotFoundError(f"No module named {where!r}")
    return spec


def _imported(where: str, spec: ModuleSpec, is_file: bool) -> ModuleType:
    with _user_code(where, "cannot be imported"):
        if not is_file:
            return importlib.import_module(where)
        if spec.loader is None:
            raise ImportError(f"{where} is not a Python file")
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module  # dataclasses look their module up there
        spec.loader.exec_module(module)
        return module


def _named(module: ModuleType, place: Place) -> object:
    try:
        return getattr(module, place.name)
    except AttributeError as error:
        raise _MissingError(
            f"{place.where} has no {place.name}: name a model in it, or a function that returns one"
        ) from error


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
        other = _other_file(error, place)
        raise _EndedError(f"{place} ended the program ({reason}{other}): {_GUARD}") from error
    except Exception as error:  # a user's code may raise anything
        raise SonifyError(
            f"{place} {what} ({_reason(error)}): correct it or its environment"
        ) from error
    finally:
        sys.argv = options
        sys.stderr.write(messages.getvalue())


def _other_file(error: BaseException, place: str) -> str:
    """Name the file of the user's in which an error arose, unless it is the one at `place`."""
    libraries = tuple({sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")})
    names = [frame.filename for frame in traceback.extract_tb(error.__traceback__)]
    own = [n for n in names if not n.startswith((*libraries, "<")) and n != __file__]
    if not own or Path(own[-1]).stem in (place, *re.split(r"[.:/]", place)):
        return ""
    return f", in {Path(own[-1]).name}"


def _made(made: object, place: Place) -> nn.Module:
    """Call what is no model yet; what it returns must be one."""
    if isinstance(made, nn.Module):
        if place.called:
            raise SonifyError(f"{place.text} is a model already: leave its arguments out")
        return made
    if not callable(made):
        raise SonifyError(
            f"{place.text} is of type {type(made).__name__}: name a model, or a function that "
            "returns one"
        )
    _check_arguments(made, place)
    with _user_code(place.text, "failed"):
        model = made(*place.args, **place.kwargs)
    if not isinstance(model, nn.Module):
        raise SonifyError(
            f"{place.text} returned a {type(model).__name__}: it must return an nn.Module"
        )
    return model


def _check_arguments(made: Callable[..., object], place: Place) -> None:
    try:
        signature = inspect.signature(made)
    except ValueError:  # functions written in C have no signature
        return
    try:
        signature.bind(*place.args, **place.kwargs)
    except TypeError as error:
        if place.called:
            raise SonifyError(
                f"{place.text} does not fit its signature, {place.name}{signature}: {error}"
            ) from error
        needed = [
            p.name
            for p in signature.parameters.values()
            if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
        ]
        example = f"{place.text}({', '.join(f'{name}=...' for name in needed)})"
        raise SonifyError(
            f"{place.text} needs arguments ({', '.join(needed)}): give them, {example!r}, or name "
            "a function without any that calls it with them"
        ) from error


def _reason(error: Exception) -> str:
    first = str(error).strip().split("\n")[0]
    return f"{type(error).__name__}: {first}" if first else type(error).__name__
