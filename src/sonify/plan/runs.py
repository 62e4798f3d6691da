"""The training matrix: what each run of config.yaml means, and the models it makes."""

from dataclasses import dataclass

from sonify.data.corpora.registry import DATASETS
from sonify.paper.run_facts import RunFacts


@dataclass(frozen=True)
class Run:
    """One training run, resolved: where it starts and what it is called in result tables.

    regime is how the encoder was first trained (supervised or contrastive); finetune is none for a
    run from scratch.
    """

    name: str
    recipe: str
    dataset: str
    splits: tuple[str, ...]
    regime: str
    finetune: str
    start: str | None
    architecture: str


def resolve(config: dict, name: str) -> Run:
    """The run called `name` of a checked configuration."""
    runs, recipes = config["training"]["runs"], config["training"]["recipes"]
    spec = runs[name]
    recipe = recipes[spec["recipe"]]
    first = spec
    while "start" in first:
        first = runs[first["start"]]
    contrastive = recipes[first["recipe"]]["objective"] == "contrastive"
    return Run(
        name=name,
        recipe=spec["recipe"],
        dataset=recipe["dataset"],
        splits=tuple(recipe["splits"]),
        regime="contrastive" if contrastive else "supervised",
        finetune=spec.get("finetune", "none"),
        start=spec.get("start"),
        architecture=first["architecture"],
    )


def chain(config: dict, name: str) -> list[Run]:
    """A run and those that it starts from, the first pretraining last."""
    runs = [resolve(config, name)]
    while runs[-1].start:
        runs.append(resolve(config, runs[-1].start))
    return runs


def facts(config: dict, name: str) -> RunFacts:
    """Return what the run is apart from its name, for matching it with the paper's settings."""
    runs, training = chain(config, name), config["training"]
    run, recipe = runs[0], training["recipes"][runs[-1].recipe]
    model = config["models"][run.architecture]
    return RunFacts(
        dataset=run.dataset,
        splits=run.splits,
        objective=training["recipes"][run.recipe]["objective"],
        regime=run.regime,
        finetune=run.finetune,
        start=run.start,
        architecture=run.architecture,
        width=model["width"],
        downsampling=model["downsampling"],
        temperature=recipe.get("temperature"),
        augmentation=tuple(sorted(k for k, v in recipe["augmentation"].items() if v is not None)),
    )


def has_classifier(config: dict, name: str) -> bool:
    """Whether the run ends in a classifier (a contrastive run ends in a projection)."""
    recipe = config["training"]["runs"][name]["recipe"]
    return config["training"]["recipes"][recipe]["objective"] != "contrastive"


def scored_split(dataset: str) -> str:
    """The split on which a dataset's published results are measured."""
    return DATASETS[dataset].scored_split
