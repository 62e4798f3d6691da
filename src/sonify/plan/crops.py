"""Checks that crops are long enough for the networks that they are cut for."""

from sonify.config.types import Config
from sonify.contracts.audio_format import RATE_HZ
from sonify.plan.runs import resolve
from sonify.runtime.errors import ConfigError


def check_crop(key: str, config: Config, run: str, crop_s: float | None) -> None:
    """Raise ConfigError for a crop that leaves the encoder of `run` no frame; None is no crop."""
    needed = config.models[resolve(config, run).architecture].shortest_clip()
    if crop_s is not None and round(crop_s * RATE_HZ) < needed:
        raise ConfigError(
            f"config: {key} is {crop_s:g}, {round(crop_s * RATE_HZ)} samples, fewer than the "
            f"{needed} that leave {run} a frame: lengthen it"
        )


def check_training_crops(config: Config) -> None:
    """Raise ConfigError for a recipe whose crops leave a network that it trains no frame."""
    stage, training = config.evaluation.layer_importance, config.training
    trained = [(run.recipe, name) for name, run in training.runs.items()]
    trained += [(probe.recipe, start) for probe in stage.probes for start in stage.starts]
    for recipe, run in trained:
        crop_s = training.recipes[recipe].crop_s
        check_crop(f"training.recipes.{recipe}.crop_s", config, run, crop_s)
