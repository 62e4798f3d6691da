"""The seeds that each run is trained with: all of the configuration, or fewer of a costly run."""

from collections.abc import Iterable

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


def measured_seeds(trained: tuple[int, ...], some: tuple[int, ...] | None) -> tuple[int, ...]:
    """Those seeds of a trained run that are measured: all where `some` is None."""
    return tuple(seed for seed in trained if some is None or seed in some)


def check_seeds(config: Config) -> None:
    """Raise ConfigError for a seed that is not in training.seeds, or has no model to start from,
    and where no seed would be left to measure.
    """
    stage = config.evaluation.layer_importance
    for probe in stage.probes:
        key = f"evaluation.layer_importance.probes: seeds of {probe.recipe}"
        _check_measured(config, key, probe.seeds, stage.starts)
    runs = (*config.evaluation.removal.runs, *config.evaluation.coherence.runs)
    _check_measured(
        config, "evaluation.sensitivity.seeds", config.evaluation.sensitivity.seeds, runs
    )
    for name, spec in config.training.runs.items():
        key = f"training.runs.{name}.seeds"
        for seed in spec.seeds or ():
            _check_known(config, key, seed)
            if spec.start and seed not in seeds_of(config, spec.start):
                raise ConfigError(
                    f"config: {key} has {seed}, with which {spec.start}, where it starts, is not "
                    f"trained: add it to training.runs.{spec.start}.seeds, or remove it here"
                )


def _check_known(config: Config, key: str, seed: int) -> None:
    if seed not in config.training.seeds:
        raise ConfigError(
            f"config: {key} has {seed}, which is not among training.seeds "
            f"{list(config.training.seeds)}: add it there, or remove it here"
        )


def _check_measured(
    config: Config, key: str, some: tuple[int, ...] | None, runs: Iterable[str]
) -> None:
    for seed in some or ():
        _check_known(config, key, seed)
    for run in runs:
        if run in config.training.runs and not measured_seeds(seeds_of(config, run), some):
            raise ConfigError(
                f"config: {key} has none of the seeds of {run}, "
                f"{list(seeds_of(config, run))}: name one of these"
            )
