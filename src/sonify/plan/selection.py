"""Checks of how trainings select the state that becomes their model."""

from sonify.config.consistency import check_splits
from sonify.config.types import Config
from sonify.plan.crops import check_crop
from sonify.plan.runs import chain, resolve, scored_split
from sonify.runtime.errors import ConfigError


def check_selection(config: Config) -> None:
    """Raise ConfigError for a state selected on clips that are trained on or scored on, and for
    probes that select at all.
    """
    recipes = config.training.recipes
    for probe in config.evaluation.layer_importance.probes:
        recipe = recipes[probe.recipe]
        if recipe.select != "last" or recipe.holdout:
            raise ConfigError(
                f"config: training.recipes.{probe.recipe} trains probes, which are scored after "
                "the last epoch on all clips: set its select to last and its holdout to 0"
            )
    for name in config.training.runs:
        run = resolve(config, name)
        split, key = recipes[run.recipe].validated_split, f"training.recipes.{run.recipe}.val_split"
        if recipes[run.recipe].select == "best_on_val":
            crop = f"training.recipes.{run.recipe}.val_crop_s"
            check_crop(crop, config, name, recipes[run.recipe].val_crop_s)
        if split is None:
            continue
        check_splits(key, config, run.dataset, [split])
        if split == scored_split(run.dataset):
            raise ConfigError(
                f"config: {key} is {split!r}, on which {run.dataset} is scored: select on another "
                "split, or on a holdout"
            )
        if any(split in r.splits for r in chain(config, name) if r.dataset == run.dataset):
            raise ConfigError(
                f"config: {key} is {split!r}, on which {name} is trained: select on another split"
            )
