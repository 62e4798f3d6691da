"""Checks of a configuration that need its runs resolved: references, leaks, feasibility."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace

from sonify.config.consistency import check_splits
from sonify.config.suggestions import check_name
from sonify.config.types import Config, Sonification
from sonify.data.corpora.registry import DATASETS
from sonify.evaluation.option_types import ClipOptions
from sonify.paper.run_facts import RunFacts
from sonify.plan.crops import check_crop, check_training_crops
from sonify.plan.runs import chain, facts, finetuned_run, has_classifier, resolve, scored_split
from sonify.plan.selection import check_selection
from sonify.reporting.figures.figure_4 import PANELS
from sonify.runtime.errors import ConfigError
from sonify.sonification.methods import METHODS
from sonify.training.settings import Run


def check_feasible(config: Config) -> None:
    """Raise ConfigError for the first thing that could not be measured, or would mislead."""
    _check_stage("sonification", config, config.sonification)
    _check_stage("evaluation.removal", config, config.evaluation.removal)
    _check_stage("evaluation.coherence", config, config.evaluation.coherence)
    _check_classifiers(config)
    _check_rows(config)
    _check_probes(config)
    check_training_crops(config)
    _check_leaks(config)
    check_selection(config)
    _check_strided(config)
    _check_sonified(config)
    _check_kinds(config)
    _check_layers(config)
    _check_invariance(config)
    _check_filters(config)


def _check_probes(config: Config) -> None:
    """Figure 4: encoders to probe, by recipes with labels, scored on splits that exist."""
    stage, training = config.evaluation.layer_importance, config.training
    key = "evaluation.layer_importance"
    for start in stage.starts:
        check_name(f"{key}.starts", start, training.runs)
    curves: dict[tuple[str, str], str] = {}
    for probe in stage.probes:
        name, split = probe.recipe, probe.split
        check_name(f"{key}.probes", name, training.recipes)
        recipe = training.recipes[name]
        if recipe.objective == "contrastive":
            raise ConfigError(f"config: {key}.probes names {name}, which has no labels: replace it")
        if split not in DATASETS[recipe.dataset].splits:
            raise ConfigError(
                f"config: {key}.probes scores {name} on {split!r}: {recipe.dataset} has "
                f"{', '.join(DATASETS[recipe.dataset].splits)}"
            )
        for start in stage.starts:
            check_crop(f"{key}.probes.{name}.crop_s", config, start, probe.crop_s)
        curve = recipe.dataset, probe.finetune
        if curve in curves:
            raise ConfigError(
                f"config: {key}.probes has {curves[curve]} and {name}, both {' '.join(curve)}, "
                "where Figure 4 has one curve: remove one"
            )
        curves[curve] = name
    if not {dataset for dataset, _ in curves} & set(PANELS):
        raise ConfigError(
            f"config: {key}.probes are none of {' or '.join(PANELS)}, which Figure 4 shows: name a "
            "recipe of one of these"
        )


def _check_leaks(config: Config) -> None:
    """Nothing is scored on clips that it, or what it starts from, was trained on."""
    for where, trained, dataset, split in _scorings(config):
        for run in trained:
            if run.dataset == dataset and split in run.splits:
                raise ConfigError(
                    f"config: training.recipes.{run.recipe}.splits has {split!r}, on which "
                    f"{where} is scored: train on other splits"
                )


def _scorings(config: Config) -> Iterator[tuple[str, list[Run], str, str]]:
    """Yield each thing that is scored, the trainings behind it, the dataset and the split."""
    removal = config.evaluation.removal
    stage, recipes = config.evaluation.layer_importance, config.training.recipes
    for name in config.training.runs:
        if has_classifier(config, name):
            dataset = resolve(config, name).dataset
            yield name, chain(config, name), dataset, scored_split(dataset)
    for name in removal.runs:
        words = f"{name} in evaluation.removal"
        yield words, chain(config, name), removal.dataset, removal.split
    for probe in stage.probes:
        recipe = recipes[probe.recipe]
        dataset, split, words = recipe.dataset, probe.split, f"the probe {probe.recipe}"
        if split in recipe.splits:
            raise ConfigError(
                f"config: evaluation.layer_importance.probes scores {probe.recipe} on "
                f"{split!r}, which it trains on: name another split"
            )
        for start in stage.starts:
            yield words, chain(config, start), dataset, split
            if stage.whole == "finetuned":
                name = finetuned_run(config, probe, start)
                yield f"{name} in Figure 4", chain(config, name), dataset, split


def _check_strided(config: Config) -> None:
    for kind, run in config.evaluation.strided.by_downsampling.items():
        key = f"evaluation.strided.{kind}"
        check_name(key, run, config.training.runs)
        actual = facts(config, run).downsampling
        if actual != kind:
            raise ConfigError(
                f"config: {key} is {run!r}, whose encoder has downsampling {actual}: name a run "
                f"with {kind}"
            )
    pool, strided = (
        _trained(config, run) for run in config.evaluation.strided.by_downsampling.values()
    )
    for key in {**pool, **strided}:
        if pool.get(key) != strided.get(key):
            raise ConfigError(
                "config: the runs of evaluation.strided differ in more than downsampling, in "
                f"{key}: make them alike"
            )


def _trained(config: Config, name: str) -> dict[str, object]:
    """Return the facts of a run and of its training, but for downsampling and kept states."""
    recipes, links = config.training.recipes, chain(config, name)
    own = facts(config, name)
    values: dict[str, object] = {
        key: getattr(own, key) for key in ("width", "dataset", "regime", "finetune")
    }
    values["the number of trainings"] = len(links)
    for link in links:
        of = f" of {link.finetune} training" if len(links) > 1 else ""
        for key, value in asdict(recipes[link.recipe]).items():
            if key != "checkpoints":
                values[f"{key}{of}"] = value
    return values


def _check_sonified(config: Config) -> None:
    """Figures and stages that show or follow mined filters need a run that is mined."""
    check_name("sonification.method", config.sonification.method, METHODS)
    sonified, evolution = config.sonification.runs, config.evaluation.evolution
    pairs = config.reporting.pairs
    named = {"evaluation.evolution.runs": evolution.runs}
    named["reporting.pairs.chosen"] = [choice.run for choice in pairs.chosen]
    named |= {f"reporting.pairs.{f}.runs": figure.runs for f, figure in pairs.figures.items()}
    for key, runs in named.items():
        for run in runs:
            if run not in sonified:
                raise ConfigError(
                    f"config: {key} names {run!r}, which is not sonified: add it to "
                    "sonification.runs"
                )
    training = config.training
    for run in evolution.runs:
        recipe = training.runs[run].recipe
        if not training.recipes[recipe].checkpoints:
            raise ConfigError(
                f"config: evaluation.evolution.runs names {run!r}, of whose training no states are "
                f"kept: set training.recipes.{recipe}.checkpoints"
            )


def _check_kinds(config: Config) -> None:
    """Runs that are told apart by what they are must differ in that."""
    strided = config.evaluation.strided.by_downsampling.values()
    coherence = config.evaluation.coherence
    stages = {"sonification": config.sonification, "evaluation.coherence": coherence}
    for key, stage in stages.items():
        kinds: dict[RunFacts, str] = {}
        for run in [*stage.runs, *strided]:
            kind = replace(facts(config, run), start=None)
            if kinds.setdefault(kind, run) != run:
                raise ConfigError(
                    f"config: {key}.runs and evaluation.strided name {kinds[kind]} and {run}, "
                    "which figures and claims cannot tell apart (same data, pretraining and "
                    "network): keep one"
                )


def _check_layers(config: Config) -> None:
    """Layers that are shown or followed must exist in the encoders concerned."""
    evolution, reporting = config.evaluation.evolution, config.reporting
    removal, rivals = config.evaluation.removal, config.evaluation.rivals
    asked: dict[str, tuple[Sequence[str], Sequence[int]]] = {
        f"reporting.pairs.{name}": (figure.runs, figure.layers)
        for name, figure in reporting.pairs.figures.items()
    }
    asked["evaluation.evolution"] = evolution.runs, evolution.layers
    asked["evaluation.rivals"] = removal.runs, rivals.layers
    asked["reporting.listen"] = config.sonification.runs, reporting.listen.layers
    for choice in reporting.pairs.chosen:
        asked[f"reporting.pairs.chosen of {choice.run}"] = [choice.run], [choice.layer]
    for key, (runs, layers) in asked.items():
        for run in runs:
            deepest = len(_filters(config, run))
            beyond = [layer for layer in layers if layer > deepest]
            if beyond:
                raise ConfigError(
                    f"config: {key} names layer {beyond[0]}, but {run} has layers 1 to {deepest}: "
                    "name one of these"
                )


def _check_invariance(config: Config) -> None:
    stage = config.evaluation.invariance
    if stage.shown_shift not in stage.shifts:
        raise ConfigError(
            f"config: evaluation.invariance.shown_shift is {stage.shown_shift}, which is not "
            "among its shifts: add it there"
        )
    if stage.case is None:
        return
    compared = config.evaluation.strided.by_downsampling.values()
    for run in [*config.sonification.runs, *compared]:
        filters = _filters(config, run)
        if stage.case.layer > len(filters) or stage.case.filter >= filters[stage.case.layer - 1]:
            raise ConfigError(
                f"config: evaluation.invariance.case is layer {stage.case.layer}, filter "
                f"{stage.case.filter}, which {run} lacks: name another"
            )


def _check_filters(config: Config) -> None:
    """Filters and ranks that are asked for must exist; a job would find out after the training."""
    evolution, top = config.evaluation.evolution, config.sonification.top
    wanted, key = evolution.filters_per_layer, "evaluation.evolution.filters_per_layer"
    for run in evolution.runs:
        filters = _filters(config, run)
        layer = min(evolution.layers, key=lambda n: filters[n - 1])
        if wanted > filters[layer - 1]:
            raise ConfigError(
                f"config: {key} is {wanted}, but layer {layer} of {run} has {filters[layer - 1]} "
                "filters: lower it"
            )
    for pair in config.reporting.pairs.chosen:
        n = _filters(config, pair.run)[pair.layer - 1]
        if pair.filter >= n:
            raise ConfigError(
                f"config: reporting.pairs.chosen names filter {pair.filter} of layer "
                f"{pair.layer} of {pair.run}, which has 0 to {n - 1}"
            )
        if pair.rank > top:
            raise ConfigError(
                f"config: reporting.pairs.chosen names rank {pair.rank}, but sonification.top "
                f"is {top}: raise it"
            )


def _filters(config: Config, run: str) -> tuple[int, ...]:
    """Filters of each layer of a run's encoder."""
    return config.models[resolve(config, run).architecture].filters


def _check_stage(key: str, config: Config, stage: Sonification | ClipOptions) -> None:
    check_splits(f"{key}.split", config, stage.dataset, [stage.split])
    for run in stage.runs:
        check_name(f"{key}.runs", run, config.training.runs)


def _check_classifiers(config: Config) -> None:
    """Removal is scored, and so needs classifiers of the clips' labels."""
    stage = config.evaluation.removal
    for run in stage.runs:
        recipe = config.training.recipes[config.training.runs[run].recipe]
        if recipe.objective == "contrastive" or recipe.dataset != stage.dataset:
            raise ConfigError(
                f"config: evaluation.removal.runs names {run!r}, which has no classifier for "
                f"{stage.dataset}: name runs trained on its labels"
            )


def _check_rows(config: Config) -> None:
    runs = config.training.runs
    if not any(has_classifier(config, run) for run in runs):
        raise ConfigError("config: training.runs has no run with labels: add one to be scored")
    rows: dict[RunFacts, str] = {}
    for name in filter(lambda run: has_classifier(config, run), runs):
        row = replace(facts(config, name), start=None)
        if rows.setdefault(row, name) != name:
            raise ConfigError(
                f"config: training.runs.{rows[row]} and {name} would be the same row of a table "
                "(same data, pretraining and finetuning): remove one"
            )
