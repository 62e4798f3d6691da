"""Configurations say things once: a recipe names another as its base, a finetuning names many runs.
Here both are spelled out, before anything else reads the configuration.
"""

import copy
from typing import Any

from sonify.config.suggestions import check_name
from sonify.runtime.errors import ConfigError


def with_bases(config: dict[str, Any]) -> dict[str, Any]:
    """A copy of `config` in which every recipe with a `base` is that recipe with its own keys laid
    over it, key by key.

    Runs before the form is checked, so whatever is no mapping is left for that check. Raises
    ConfigError for a base that is not defined or leads back.
    """
    config = copy.deepcopy(config)
    recipes = recipes_of(config)
    if recipes:
        config["training"]["recipes"] |= {n: _spelled_out(recipes, n, []) for n in recipes}
    return config


def recipes_of(config: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The recipes of a configuration whose form was not checked: those that are mappings."""
    training = config.get("training")
    recipes = training.get("recipes") if isinstance(training, dict) else None
    found = recipes.items() if isinstance(recipes, dict) else ()
    return {name: recipe for name, recipe in found if isinstance(recipe, dict)}


def with_finetunings(config: dict[str, Any]) -> dict[str, Any]:
    """A copy of `config`, whose form was checked, with a run for every start and kind of
    `training.finetuning`, called <recipe>-<start>-<finetune>.

    Raises ConfigError for a run of that name that is there already.
    """
    config = copy.deepcopy(config)
    runs = config["training"]["runs"]
    for block in config["training"]["finetuning"]:
        for start in block["starts"]:
            for finetune in block["finetune"]:
                name = f"{block['recipe']}-{start}-{finetune}"
                if name in runs:
                    raise ConfigError(
                        f"config: training.finetuning makes a run {name}, which there is already: "
                        "remove one"
                    )
                runs[name] = {"recipe": block["recipe"], "start": start, "finetune": finetune}
    return config


def _spelled_out(recipes: dict[str, dict[str, Any]], name: str, seen: list[str]) -> dict[str, Any]:
    recipe = recipes[name]
    if "base" not in recipe:
        return recipe
    base, key = recipe["base"], f"training.recipes.{name}.base"
    if not isinstance(base, str):
        raise ConfigError(f"config: {key} is {base!r}, but must be the name of one recipe")
    check_name(key, base, recipes)
    if base in [*seen, name]:
        raise ConfigError(f"config: {key} leads back to it: take another recipe as base")
    own = {k: v for k, v in recipe.items() if k != "base"}
    return _laid_over(_spelled_out(recipes, base, [*seen, name]), own)


def _laid_over(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    result = copy.deepcopy(base)
    for key, change in changes.items():
        below = base.get(key)
        if isinstance(below, dict) and isinstance(change, dict):
            result[key] = _laid_over(below, change)
        else:
            result[key] = copy.deepcopy(change)
    return result
