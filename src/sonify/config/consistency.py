"""Values of config.yaml that are well formed each by itself but do not go together."""

from dataclasses import replace

from sonify.data.corpora.registry import DATASETS
from sonify.evaluation.metrics.segments import shortest
from sonify.paper.run_facts import RunFacts
from sonify.plan.feasibility import check_measurable
from sonify.plan.runs import facts, has_classifier
from sonify.runtime.errors import ConfigError


def check_consistency(config: dict) -> None:
    """Raise ConfigError for the first contradiction of a configuration whose form was checked."""
    _check_scale(config)
    _check_doubled(config)
    _check_ranges(config)
    _check_crops(config)
    _check_reader(config)
    _check_coherence(config)
    _check_rows(config)
    _check_checkpoints(config)
    check_measurable(config)


def _check_scale(config: dict) -> None:
    if config["scale"] != "paper":
        return
    made = [d for d in DATASETS if config["data"].get(d, {}).get("source") == "synthetic"]
    narrow = [name for name, model in config["models"].items() if model["width"] < 1]
    if made or narrow:
        why = f"{made[0]} is synthetic" if made else f"{narrow[0]} is narrower than the paper's"
        raise ConfigError(f"config: scale is 'paper', but {why}: set it to 'mini'")


def _check_doubled(config: dict) -> None:
    """Tables and claims take the name CNN12_x2 for twice the filters of CNN12."""
    widths = {name: model["width"] for name, model in config["models"].items()}
    if {"CNN12", "CNN12_x2"} <= set(widths) and widths["CNN12_x2"] != 2 * widths["CNN12"]:
        raise ConfigError(
            f"config: models.CNN12_x2.width is {widths['CNN12_x2']:g}, but CNN12_x2 is CNN12 with "
            f"doubled filters: set it to {2 * widths['CNN12']:g}"
        )


def _check_ranges(config: dict) -> None:
    for name, recipe in config["training"]["recipes"].items():
        for key in ("gain_db", "noise_amplitude", "background_snr_db"):
            pair = recipe["augmentation"][key]
            if pair is not None and pair[0] > pair[1]:
                raise ConfigError(
                    f"config: training.recipes.{name}.augmentation.{key} is {pair}: it must be "
                    "[lowest, highest]"
                )
    for name, sizes in config["data"]["synthetic"].items():
        if "min_s" in sizes and sizes["min_s"] > sizes["max_s"]:
            raise ConfigError(
                f"config: data.synthetic.{name}.min_s is {sizes['min_s']}, more than max_s "
                f"{sizes['max_s']}: lower it"
            )


def _check_crops(config: dict) -> None:
    """Two contrastive crops must fit into a synthetic clip, whose length is known."""
    for name, recipe in config["training"]["recipes"].items():
        data, dataset = config["data"], recipe["dataset"]
        clip_s = data["synthetic"].get(dataset, {}).get("clip_s")
        if recipe["objective"] != "contrastive" or clip_s is None:
            continue
        needed = 2 * recipe["crop_s"] + recipe.get("min_gap_s", 0.0)
        if data[dataset]["source"] == "synthetic" and needed > clip_s:
            raise ConfigError(
                f"config: training.recipes.{name} needs {needed:g} s for its two crops, but "
                f"data.synthetic.{dataset}.clip_s is {clip_s:g}: shorten crop_s"
            )


def _check_reader(config: dict) -> None:
    """A buffer smaller than a batch would pass row groups on almost as they were read."""
    held = config["training"]["reader"]["shuffle_clips"]
    for name, recipe in config["training"]["recipes"].items():
        if recipe["batch_size"] > held:
            raise ConfigError(
                f"config: training.recipes.{name}.batch_size is {recipe['batch_size']}, more than "
                f"the {held} clips of training.reader.shuffle_clips: raise the latter"
            )


def _check_coherence(config: dict) -> None:
    stage = config["evaluation"]["coherence"]
    nperseg, top_k = stage["nperseg"], stage["top_k"]
    if top_k > nperseg // 2 + 1:
        raise ConfigError(
            f"config: evaluation.coherence.top_k is {top_k}, but nperseg {nperseg} has only "
            f"{nperseg // 2 + 1} bins: lower it"
        )
    if config["data"]["min_samples"] < shortest(nperseg):
        raise ConfigError(
            f"config: evaluation.coherence.nperseg is {nperseg}, which needs clips of "
            f"{shortest(nperseg)} samples, but data.min_samples is "
            f"{config['data']['min_samples']}: change one of them"
        )


def _check_rows(config: dict) -> None:
    runs = config["training"]["runs"]
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


def _check_checkpoints(config: dict) -> None:
    for name, recipe in config["training"]["recipes"].items():
        kept = recipe["checkpoints"]
        if kept == 1 or kept > recipe["epochs"] + 1:
            raise ConfigError(
                f"config: training.recipes.{name}.checkpoints is {kept}: it must be 0, or from 2 "
                f"(the initial weights and the last) to {recipe['epochs'] + 1} (every epoch's)"
            )
