"""Expansion of the configuration's shorthand, before anything else reads it.

Models and recipes may be based on another, and a finetuning stands for many runs: here all are
written out.
"""

import copy
import itertools
import re
from collections.abc import Iterator
from typing import Any

from sonify.config.suggestions import check_name
from sonify.evaluation.option_types import RUN_PATTERN
from sonify.runtime.errors import ConfigError

BASED = (("models",), ("training", "recipes"))  # blocks whose entries may name another as `base`


def with_bases(config: dict[str, Any]) -> dict[str, Any]:
    """Return a copy of `config` with each `base` of a model or recipe written out.

    A model or recipe is its base, overlaid key by key with its own keys.

    Runs before the form is checked, so anything but a mapping is left to that check. Raises
    ConfigError for a base that is undefined or circular.
    """
    config = copy.deepcopy(config)
    for path in BASED:
        entries = entries_of(config, path)
        block = config
        for key in path if entries else ():
            block = block[key]
        block |= {name: _spelled_out(entries, path, name, []) for name in entries}
    return config


def entries_of(config: dict[str, Any], path: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """Return the entries of one block that are mappings, before the form is checked."""
    block: Any = config
    for key in path:
        block = block.get(key) if isinstance(block, dict) else None
    found = block.items() if isinstance(block, dict) else ()
    return {name: entry for name, entry in found if isinstance(entry, dict)}


def with_finetunings(config: dict[str, Any]) -> dict[str, Any]:
    """Return a copy of `config` with a run for every start and kind of `training.finetuning`.

    The form was checked before. Runs are called <recipe>-<start>-<finetune>.

    Raises ConfigError for an undefined recipe or start, for a run that already exists, and for a
    name that no run may have.
    """
    config = copy.deepcopy(config)
    runs, blocks = config["training"]["runs"], config["training"]["finetuning"]
    starts = [*runs, *(name for block in blocks for name, _ in _made(block))]
    for n, block in enumerate(blocks):
        key = f"training.finetuning.{n}"
        check_name(f"{key}.recipe", block["recipe"], config["training"]["recipes"])
        for start in block["starts"]:
            check_name(f"{key}.starts", start, starts)
        for name, run in _made(block):
            if name in runs:
                raise ConfigError(
                    f"config: training.finetuning makes a run {name}, which already exists: "
                    "remove one"
                )
            if not re.search(RUN_PATTERN, name):
                raise ConfigError(
                    f"config: {key} makes a run {name!r}, and names of runs are lower-case "
                    f"letters, digits, '.', '_' and '-': rename the recipe {block['recipe']}"
                )
            runs[name] = run
    return config


def _made(block: dict[str, Any]) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the runs of one block of `training.finetuning`, by name."""
    recipe = block["recipe"]
    for start, finetune in itertools.product(block["starts"], block["finetune"]):
        run = {"recipe": recipe, "start": start, "finetune": finetune}
        yield f"{recipe}-{start}-{finetune}", run


def _spelled_out(
    entries: dict[str, dict[str, Any]], path: tuple[str, ...], name: str, seen: list[str]
) -> dict[str, Any]:
    entry = entries[name]
    if "base" not in entry:
        return entry
    base, key = entry["base"], ".".join([*path, name, "base"])
    kind = path[-1].removesuffix("s")
    if not isinstance(base, str):
        raise ConfigError(f"config: {key} is {base!r}, but must be the name of one {kind}")
    check_name(key, base, entries)
    if base in [*seen, name]:
        raise ConfigError(f"config: {key} leads back to it: take another {kind} as base")
    own = {k: v for k, v in entry.items() if k != "base"}
    return _laid_over(_spelled_out(entries, path, base, [*seen, name]), own)


def _laid_over(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    result = copy.deepcopy(base)
    for key, change in changes.items():
        below = base.get(key)
        if isinstance(below, dict) and isinstance(change, dict):
            result[key] = _laid_over(below, change)
        else:
            result[key] = copy.deepcopy(change)
    return result
