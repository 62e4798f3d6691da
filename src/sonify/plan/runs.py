"""The training matrix: what each run of config.yaml means, and the models it makes."""

from sonify.config.types import Config
from sonify.data.corpora.registry import DATASETS
from sonify.evaluation.stages.layer_importance import ProbeOptions
from sonify.paper.run_facts import RunFacts
from sonify.runtime.errors import ConfigError
from sonify.training.settings import Run


def resolve(config: Config, name: str) -> Run:
    """The run called `name` of a checked configuration."""
    runs, recipes = config.training.runs, config.training.recipes
    spec = runs[name]
    recipe = recipes[spec.recipe]
    first = spec
    while first.start:
        first = runs[first.start]
    if first.architecture is None:
        raise ConfigError(f"config: training.runs.{name} has no architecture: name one of models")
    contrastive = recipes[first.recipe].objective == "contrastive"
    return Run(
        name=name,
        recipe=spec.recipe,
        dataset=recipe.dataset,
        splits=present(config, recipe.dataset, recipe.splits),
        regime="contrastive" if contrastive else "supervised",
        finetune=spec.finetune or "none",
        start=spec.start,
        architecture=first.architecture,
    )


def present(config: Config, dataset: str, splits: tuple[str, ...]) -> tuple[str, ...]:
    """Those of a dataset's splits that are not left out by `data.<dataset>.parts`."""
    parts = getattr(config.data.sources[dataset], "parts", None)
    return tuple(split for split in splits if parts is None or split in parts)


def chain(config: Config, name: str) -> list[Run]:
    """A run and those that it starts from, the first pretraining last."""
    runs = [resolve(config, name)]
    while runs[-1].start:
        runs.append(resolve(config, runs[-1].start))
    return runs


def facts(config: Config, name: str) -> RunFacts:
    """Return what the run is apart from its name, for matching it with the paper's settings.

    Its splits are those of its recipe, whether or not they are all there.
    """
    runs, training = chain(config, name), config.training
    run, recipe = runs[0], training.recipes[runs[-1].recipe]
    model = config.models[run.architecture]
    return RunFacts(
        dataset=run.dataset,
        splits=training.recipes[run.recipe].splits,
        objective=training.recipes[run.recipe].objective,
        regime=run.regime,
        finetune=run.finetune,
        start=run.start,
        architecture=run.architecture,
        width=model.width,
        downsampling=model.downsampling,
        temperature=recipe.temperature,
        augmentation=recipe.augmentation.used,
    )


def has_classifier(config: Config, name: str) -> bool:
    """Return whether the run ends in a classifier; a contrastive run ends in a projection."""
    recipe = config.training.runs[name].recipe
    return config.training.recipes[recipe].objective != "contrastive"


def finetuned_run(config: Config, probe: ProbeOptions, start: str) -> str:
    """Return the run that finetunes the encoder of `start` as `probe` does, on the same clips.

    Raises ConfigError if there is none.
    """
    recipe = config.training.recipes[probe.recipe]
    splits = present(config, recipe.dataset, recipe.splits)
    asked = (recipe.dataset, splits, start, probe.finetune)
    for name in config.training.runs:
        run = resolve(config, name)
        if (run.dataset, run.splits, run.start, run.finetune) == asked:
            return name
    raise ConfigError(
        f"config: evaluation.layer_importance.whole is 'finetuned', but no run finetunes {start} "
        f"{probe.finetune} on {recipe.dataset}: add one to training.finetuning, or set it to "
        "'probe'"
    )


def scored_split(dataset: str) -> str:
    """The split on which a dataset's published results are measured."""
    return DATASETS[dataset].scored_split
