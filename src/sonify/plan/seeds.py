"""The seeds that each run is trained with: all of the configuration, or fewer of a costly run."""

from sonify.config.types import Config
from sonify.runtime.errors import ConfigError


def seeds_of(config: Config, name: str) -> tuple[int, ...]:
    """The seeds of a run of a checked configuration, in the order of `training.seeds`.

    Those that it names, else those of the run that it starts from, else all.
    """
    training = config.training
    spec = training.runs[name]
    if spec.seeds is not None:
        return tuple(seed for seed in training.seeds if seed in spec.seeds)
    return seeds_of(config, spec.start) if spec.start else training.seeds


def check_seeds(config: Config) -> None:
    """Raise ConfigError for a seed that is not in training.seeds, or has no model to start from."""
    for name, spec in config.training.runs.items():
        key = f"training.runs.{name}.seeds"
        for seed in spec.seeds or ():
            if seed not in config.training.seeds:
                raise ConfigError(
                    f"config: {key} has {seed}, which is not among training.seeds "
                    f"{list(config.training.seeds)}: add it there, or remove it here"
                )
            if spec.start and seed not in seeds_of(config, spec.start):
                raise ConfigError(
                    f"config: {key} has {seed}, with which {spec.start}, where it starts, is not "
                    f"trained: add it to training.runs.{spec.start}.seeds, or remove it here"
                )
