"""The check of config.yaml: every fault is one sentence naming the key, the value and the remedy.

Imported while the Snakefile is read, so it is light: no torch, no pandas.
"""

import difflib
import math
from pathlib import Path

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError, best_match
from jsonschema.validators import extend

from sonify.config.consistency import check_consistency
from sonify.config.expansion import recipes_of, with_bases, with_finetunings
from sonify.config.suggestions import check_name
from sonify.data.corpora.registry import DATASETS
from sonify.models.architecture import Architecture
from sonify.runtime.errors import ConfigError, SonifyError

SCHEMA = Path(__file__).resolve().parents[1] / "contracts" / "schemas" / "config.schema.yaml"
# JSON Schema takes 8.0 for an integer; Python's range and file names do not.
_TYPES = Draft202012Validator.TYPE_CHECKER.redefine("integer", lambda _, x: type(x) is int)
_Validator = extend(Draft202012Validator, type_checker=_TYPES)


def checked(config: dict) -> dict:
    """`config` with its recipes and runs spelled out (see sonify.config.expansion).

    Raises ConfigError for the first fault: of form, of references, of paths.
    """
    _check_names(config)
    bases = {name: spec.get("base") for name, spec in recipes_of(config).items()}
    config = with_bases(config)
    schema = yaml.safe_load(SCHEMA.read_text(encoding="utf-8"))
    errors = list(_Validator(schema).iter_errors(config))
    if errors:
        raise ConfigError(_sentence(_origin(best_match(errors), errors, bases)))
    _check_sources(config["data"])
    _check_models(config)
    _check_recipes(config["training"]["recipes"], config["data"])
    config = with_finetunings(config)
    _check_runs(config)
    for path in ("sonification", "evaluation.removal", "evaluation.coherence"):
        _check_stage(config, path)
    check_consistency(config)
    return config


def _check_names(block: dict, where: str = "config") -> None:
    """YAML reads a bare number or `no` as something else than a name."""
    for key, value in block.items():
        if not isinstance(key, str):
            raise ConfigError(f"config: the name {key!r} in {where} is not text: put it in quotes")
        if isinstance(value, dict):
            _check_names(value, key)
        for number in value if isinstance(value, list) else [value]:
            if isinstance(number, float) and not math.isfinite(number):
                raise ConfigError(f"config: {key} in {where} is {number}: give a finite number")


def _origin(
    error: ValidationError, errors: list[ValidationError], bases: dict[str, str | None]
) -> ValidationError:
    """The same fault where it was written, if a recipe has it from its base."""
    path = list(error.absolute_path)
    while path[:2] == ["training", "recipes"] and bases.get(path[2]):
        path[2] = bases[path[2]]
        same = [e for e in errors if list(e.absolute_path) == path and e.message == error.message]
        error = same[0] if same else error
    return error


def _sentence(error: ValidationError) -> str:
    """What is wrong with one key, with a guess at what was meant."""
    where = ".".join(str(p) for p in error.absolute_path) or "the top level"
    if error.validator == "additionalProperties":
        known = [*error.schema.get("properties", {})]
        patterns = error.schema.get("patternProperties", {})
        unknown = next(k for k in error.instance if k not in known) if not patterns else None
        if unknown is None:
            return f"config: a name in {where} has letters that are not allowed ({error.message})"
        close = difflib.get_close_matches(str(unknown), known, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"it takes {', '.join(known)}"
        return f"config: unknown key {unknown!r} in {where}: {hint}"
    if error.validator == "required":
        lacking = next(k for k in error.validator_value if k not in error.instance)
        return f"config: {where} lacks the key {lacking!r}: add it, config.yaml shows its form"
    about = error.schema.get("description")
    shown = "null" if error.instance is None else repr(error.instance)
    note = f" ({about})" if about else ""
    return f"config: {where} is {shown}, but {_expected(error)}{note}"


def _expected(error: ValidationError) -> str:
    value = error.validator_value
    return {
        "enum": lambda: f"must be one of {', '.join(map(str, value))}",
        "type": lambda: (
            "must be of type " + (value if isinstance(value, str) else " or ".join(value))
        ),
        "minimum": lambda: f"must be at least {value}",
        "exclusiveMinimum": lambda: f"must be more than {value}",
        "maximum": lambda: f"must be at most {value}",
        "exclusiveMaximum": lambda: f"must be less than {value}",
        "minItems": lambda: f"must have at least {value} items",
        "maxItems": lambda: f"must have at most {value} items",
        "uniqueItems": lambda: "must not repeat an item",
        "minProperties": lambda: "must not be empty",
    }.get(error.validator, lambda: error.message)()


def _check_sources(data: dict) -> None:
    for dataset in (d for d in DATASETS if d in data):
        source, path = data[dataset]["source"], data[dataset]["path"]
        key = f"data.{dataset}"
        if source == "local" and path is None:
            raise ConfigError(f"config: {key}.source is local: set {key}.path to the corpus root")
        if source == "synthetic" and path is not None:
            raise ConfigError(
                f"config: {key}.path is {path!r}, but source is {source}: make it null"
            )
        if strange := set(path or "") & set("{}<>"):
            raise ConfigError(
                f"config: {key}.path is {path!r}: Snakemake gives {min(strange)!r} a meaning of "
                "its own in paths; rename the folder or name a link to it"
            )
        for mirror in ("base_url", "hub_url"):
            if source != "download" and data[dataset].get(mirror) is not None:
                raise ConfigError(
                    f"config: {key}.{mirror} is set, but source is {source}: make it null, or set "
                    "source to download"
                )
        if source == "local":
            if not Path(path).is_dir():
                raise ConfigError(f"config: {key}.path is {path!r}, which is no folder: correct it")
            lacking = DATASETS[dataset].missing(Path(path))
            if lacking:
                raise ConfigError(
                    f"config: {key}.path is {path!r}, which lacks {', '.join(lacking)}: "
                    "point it at the root of a complete copy"
                )


def _check_models(config: dict) -> None:
    shortest = config["data"]["min_samples"]
    for name, shape in config["models"].items():
        try:
            needed = Architecture(**shape).shortest_clip()
        except SonifyError as error:
            raise ConfigError(f"config: models.{name}: {error}") from error
        if shortest < needed:
            raise ConfigError(
                f"config: data.min_samples is {shortest}, less than the {needed} that leave {name} "
                f"a frame: set it to {needed} or more"
            )


def _check_recipes(recipes: dict, data: dict) -> None:
    for name, recipe in recipes.items():
        key = f"training.recipes.{name}"
        _check_splits(f"{key}.splits", data, recipe["dataset"], recipe["splits"])
        contrastive = recipe["objective"] == "contrastive"
        for option, wanted in (("temperature", contrastive), ("min_gap_s", contrastive)):
            if option in recipe and not wanted:
                raise ConfigError(
                    f"config: {key}.{option} is for the contrastive objective: remove it"
                )
        if contrastive and "temperature" not in recipe:
            raise ConfigError(f"config: {key} lacks temperature, which contrastive training needs")
        if contrastive and recipe.get("mixup_alpha") is not None:
            raise ConfigError(f"config: {key}.mixup_alpha needs labels: remove it")
        if recipe["warmup_epochs"] >= recipe["epochs"]:
            raise ConfigError(
                f"config: {key}.warmup_epochs is {recipe['warmup_epochs']}, but "
                f"training ends after {recipe['epochs']} epochs: lower it"
            )
        dataset = DATASETS[recipe["dataset"]]
        if not contrastive and recipe["objective"] not in dataset.objectives:
            raise ConfigError(
                f"config: {key}.objective is {recipe['objective']!r}, but {dataset.name} has "
                f"{'one label' if dataset.single_label else 'several labels'} a clip: set it to "
                f"{dataset.objectives[0]!r}"
            )


def _check_runs(config: dict) -> None:
    training = config["training"]
    for run, spec in training["runs"].items():
        key = f"training.runs.{run}"
        check_name(f"{key}.recipe", spec["recipe"], training["recipes"])
        if ("start" in spec) != ("finetune" in spec):
            raise ConfigError(f"config: {key} needs both start and finetune, or neither")
        if "start" in spec and training["recipes"][spec["recipe"]]["objective"] == "contrastive":
            raise ConfigError(
                f"config: {key} is to finetune with {spec['recipe']}, which has no labels: name a "
                "recipe that trains a classifier"
            )
        if ("start" in spec) == ("architecture" in spec):
            raise ConfigError(
                f"config: {key} needs either an architecture (from scratch) or a start, not both"
            )
        if "architecture" in spec:
            check_name(f"{key}.architecture", spec["architecture"], config["models"])
            continue
        seen = [run]
        while "start" in spec:
            check_name(f"training.runs.{seen[-1]}.start", spec["start"], training["runs"])
            if spec["start"] in seen:
                raise ConfigError(f"config: {key}.start leads back to it: start from another run")
            seen.append(spec["start"])
            spec = training["runs"][seen[-1]]


def _check_stage(config: dict, path: str) -> None:
    stage = config
    for part in path.split("."):
        stage = stage[part]
    _check_splits(f"{path}.split", config["data"], stage["dataset"], [stage["split"]])
    recipes, runs = config["training"]["recipes"], config["training"]["runs"]
    for run in stage["runs"]:
        check_name(f"{path}.runs", run, runs)
        recipe = recipes[runs[run]["recipe"]]
        fits = recipe["objective"] != "contrastive" and recipe["dataset"] == stage["dataset"]
        if path == "evaluation.removal" and not fits:
            raise ConfigError(
                f"config: {path}.runs names {run!r}, which has no classifier for "
                f"{stage['dataset']}: name runs trained on its labels"
            )


def _check_splits(key: str, data: dict, dataset: str, splits: list[str]) -> None:
    if dataset not in data:
        raise ConfigError(f"config: {key} are of {dataset}, which is not there: add data.{dataset}")
    known = DATASETS[dataset].splits
    for split in splits:
        if split not in known:
            raise ConfigError(f"config: {key} names {split!r}: {dataset} has {', '.join(known)}")
