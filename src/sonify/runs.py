"""The training matrix: what each run of config.yaml means, and the models it makes."""

from dataclasses import dataclass


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


def has_classifier(config: dict, name: str) -> bool:
    """Whether the run ends in a classifier (a contrastive run ends in a projection)."""
    recipe = config["training"]["runs"][name]["recipe"]
    return config["training"]["recipes"][recipe]["objective"] != "contrastive"


def scored_split(dataset: str) -> str:
    """The split on which a dataset's published results are measured."""
    return "test" if dataset == "speech_commands" else "eval"
