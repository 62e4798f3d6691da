"""Load the typed configuration from the plain one that Snakemake reads; each fault is one sentence.

Imported while the Snakefile is read, so it is light: no torch, no pandas.
"""

import math
from typing import Any

import msgspec
from jsonschema.exceptions import ValidationError, best_match

from sonify.config.consistency import check_consistency
from sonify.config.expansion import BASED, entries_of, with_bases, with_finetunings
from sonify.config.paths import written_out
from sonify.config.schema import validator
from sonify.config.sentences import sentence
from sonify.config.types import Config, RecipeOptions
from sonify.models.architecture import Architecture
from sonify.runtime.errors import ConfigError, SonifyError


def load(raw: dict[str, Any]) -> Config:
    """Return the typed configuration, with its recipes and runs spelled out (`config.expansion`).

    Raises ConfigError for the first fault in form, in values that contradict each other, or in
    paths.
    """
    _check_names(raw)
    raw = written_out(raw)
    bases = {
        (*path, name): entry.get("base")
        for path in BASED
        for name, entry in entries_of(raw, path).items()
    }
    raw = with_bases(raw)
    errors = list(validator().iter_errors(raw))
    if errors:
        raise ConfigError(sentence(_origin(best_match(errors), errors, bases)))
    _build(raw["models"], "models", Architecture)
    _build(raw["training"]["recipes"], "training.recipes", RecipeOptions)
    config = msgspec.convert(with_finetunings(raw), Config)
    check_consistency(config)
    return config


def _build(block: dict[str, Any], key: str, kind: type[Any]) -> None:
    """Build each value of a block, so that an error inside it names its place."""
    for name, value in block.items():
        try:
            msgspec.convert(value, kind)
        except (msgspec.ValidationError, SonifyError) as error:
            reason = str(error).partition(" - at `$")[0]
            raise ConfigError(f"config: {key}.{name}.{reason}") from error


def _check_names(block: dict[str, Any], where: str = "config") -> None:
    """Reject bare numbers or words such as `no`, which YAML does not read as names."""
    for key, value in block.items():
        if not isinstance(key, str):
            raise ConfigError(f"config: the name {key!r} in {where} is not text: put it in quotes")
        if isinstance(value, dict):
            _check_names(value, key)
        for number in value if isinstance(value, list) else [value]:
            if isinstance(number, float) and not math.isfinite(number):
                raise ConfigError(f"config: {key} in {where} is {number}: give a finite number")


def _origin(
    error: ValidationError,
    errors: list[ValidationError],
    bases: dict[tuple[Any, ...], str | None],
) -> ValidationError:
    """Return the fault at its origin, if a model or recipe inherits it from its base."""
    path = list(error.absolute_path)
    for block in BASED:
        n = len(block) + 1
        while base := bases.get(tuple(path[:n])):
            path[n - 1] = base
            same = [
                e for e in errors if list(e.absolute_path) == path and e.message == error.message
            ]
            error = same[0] if same else error
    return error
