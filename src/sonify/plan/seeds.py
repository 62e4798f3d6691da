"""The seeds that each run is trained with: all of the configuration, or fewer of a costly run."""

from sonify.config.types import Config


def seeds_of(config: Config, name: str) -> tuple[int, ...]:
    """The seeds of a run of a checked configuration, in the order of `training.seeds`.

    Those of the run that it starts from, or all; the first so many of them if it says how many.
    """
    training = config.training
    spec = training.runs[name]
    return first(seeds_of(config, spec.start) if spec.start else training.seeds, spec.seeds)


def first(seeds: tuple[int, ...], number: int | None) -> tuple[int, ...]:
    """Return the first `number` seeds: all if there are fewer, or if `number` is None."""
    return seeds[:number]
