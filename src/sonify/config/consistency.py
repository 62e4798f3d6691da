"""Configuration values that are valid on their own but contradict each other."""

from collections.abc import Sequence

from sonify.config.paths import check_paths
from sonify.config.suggestions import check_name
from sonify.config.types import Config
from sonify.contracts.audio_format import RATE_HZ
from sonify.data.corpora.registry import DATASETS
from sonify.evaluation.metrics.segments import shortest
from sonify.runtime.errors import ConfigError


def check_consistency(config: Config) -> None:
    """Raise ConfigError for the first contradiction of a configuration."""
    _check_sources(config)
    check_paths(config)
    _check_models(config)
    _check_objectives(config)
    _check_runs(config)
    _check_scale(config)
    _check_doubled(config)
    _check_lengths(config)
    _check_crops(config)
    _check_mined_crop(config)
    _check_reader(config)
    _check_processes(config)
    _check_coherence(config)
    _check_case(config)


def _check_sources(config: Config) -> None:
    for dataset, options in config.data.sources.items():
        source, path = options.source, options.path
        key = f"data.{dataset}"
        if (options.min_duration_s or 0) > config.data.max_s:
            raise ConfigError(
                f"config: {key}.min_duration_s is {options.min_duration_s:g}, longer than the "
                f"{config.data.max_s:g} s of data.max_s: lower it"
            )
        parts, scored = getattr(options, "parts", None), DATASETS[dataset].scored_split
        if parts is not None and scored not in parts:
            raise ConfigError(
                f"config: {key}.parts lacks {scored!r}, on which models are scored: add it"
            )
        if source == "local" and path is None:
            raise ConfigError(f"config: {key}.source is local: set {key}.path to the corpus root")
        if source == "synthetic" and path is not None:
            raise ConfigError(
                f"config: {key}.path is {path!r}, but source is {source}: make it null"
            )
        for mirror in ("base_url", "hub_url"):
            if source != "download" and getattr(options, mirror, None) is not None:
                raise ConfigError(
                    f"config: {key}.{mirror} is set, but source is {source}: make it null, or set "
                    "source to download"
                )


def _check_models(config: Config) -> None:
    given = config.data.min_samples
    for name, architecture in config.models.items():
        needed = architecture.shortest_clip()
        if given < needed:
            raise ConfigError(
                f"config: data.min_samples is {given}, less than the {needed} that leave {name} "
                f"a frame: set it to {needed} or more"
            )


def _check_objectives(config: Config) -> None:
    for name, recipe in config.training.recipes.items():
        key = f"training.recipes.{name}"
        check_splits(f"{key}.splits", config, recipe.dataset, recipe.splits)
        dataset = DATASETS[recipe.dataset]
        if recipe.objective != "contrastive" and recipe.objective not in dataset.objectives:
            raise ConfigError(
                f"config: {key}.objective is {recipe.objective!r}, but {dataset.name} has "
                f"{'one label' if dataset.single_label else 'several labels'} a clip: set it to "
                f"{dataset.objectives[0]!r}"
            )


def _check_runs(config: Config) -> None:
    training = config.training
    for run, spec in training.runs.items():
        key = f"training.runs.{run}"
        check_name(f"{key}.recipe", spec.recipe, training.recipes)
        if (spec.start is None) != (spec.finetune is None):
            raise ConfigError(f"config: {key} needs both start and finetune, or neither")
        if spec.start and training.recipes[spec.recipe].objective == "contrastive":
            raise ConfigError(
                f"config: {key} is to finetune with {spec.recipe}, which has no labels: name a "
                "recipe that trains a classifier"
            )
        if (spec.start is None) == (spec.architecture is None):
            raise ConfigError(
                f"config: {key} needs either an architecture (from scratch) or a start, not both"
            )
        if spec.architecture:
            check_name(f"{key}.architecture", spec.architecture, config.models)
            continue
        seen = [run]
        while spec.start:
            check_name(f"training.runs.{seen[-1]}.start", spec.start, training.runs)
            if spec.start in seen:
                raise ConfigError(f"config: {key}.start leads back to it: start from another run")
            seen.append(spec.start)
            spec = training.runs[seen[-1]]


def _check_scale(config: Config) -> None:
    if config.scale != "paper":
        return
    sources = config.data.sources.items()
    made = [d for d, options in sources if options.source == "synthetic"]
    lacking = [d for d, options in sources if getattr(options, "parts", None) is not None]
    narrow = [name for name, model in config.models.items() if model.width < 1]
    if made or lacking or narrow:
        if made:
            why = f"{made[0]} is synthetic"
        elif lacking:
            why = f"data.{lacking[0]}.parts leaves some of it out"
        else:
            why = f"{narrow[0]} is narrower than the paper's"
        raise ConfigError(f"config: scale is 'paper', but {why}: set it to 'mini'")


def _check_doubled(config: Config) -> None:
    """Tables and claims take the name CNN12_x2 for twice the filters of CNN12."""
    widths = {name: model.width for name, model in config.models.items()}
    if {"CNN12", "CNN12_x2"} <= set(widths) and widths["CNN12_x2"] != 2 * widths["CNN12"]:
        raise ConfigError(
            f"config: models.CNN12_x2.width is {widths['CNN12_x2']:g}, but CNN12_x2 is CNN12 with "
            f"doubled filters: set it to {2 * widths['CNN12']:g}"
        )


def _check_lengths(config: Config) -> None:
    sizes = config.data.synthetic.fsd50k
    if sizes.min_s > sizes.max_s:
        raise ConfigError(
            f"config: data.synthetic.fsd50k.min_s is {sizes.min_s:g}, more than max_s "
            f"{sizes.max_s:g}: lower it"
        )


def _check_crops(config: Config) -> None:
    """Two contrastive crops must fit into a synthetic clip, whose length is known."""
    for name, recipe in config.training.recipes.items():
        dataset = recipe.dataset
        clip_s = getattr(getattr(config.data.synthetic, dataset, None), "clip_s", None)
        if recipe.objective != "contrastive" or clip_s is None:
            continue
        needed = recipe.needed_s
        if config.data.sources[dataset].source == "synthetic" and needed > clip_s:
            raise ConfigError(
                f"config: training.recipes.{name} needs {needed:g} s for its two crops, but "
                f"data.synthetic.{dataset}.clip_s is {clip_s:g}: shorten crop_s"
            )


def _check_mined_crop(config: Config) -> None:
    """The centre of a clip must be as long as the shortest usable clip."""
    crop_s, least = config.sonification.mining.crop_s, config.data.min_samples
    if crop_s is not None and round(crop_s * RATE_HZ) < least:
        raise ConfigError(
            f"config: sonification.mining.crop_s is {crop_s:g}, or {round(crop_s * RATE_HZ)} "
            f"samples, fewer than data.min_samples {least}: raise it, or make it null"
        )


def _check_reader(config: Config) -> None:
    """A buffer smaller than a batch would pass row groups on almost unshuffled."""
    held = config.training.reader.shuffle_clips
    for name, recipe in config.training.recipes.items():
        if recipe.batch_size > held:
            raise ConfigError(
                f"config: training.recipes.{name}.batch_size is {recipe.batch_size}, more than "
                f"the {held} clips of training.reader.shuffle_clips: raise the latter"
            )


def _check_processes(config: Config) -> None:
    """Each process needs a clip of every batch and, on GPUs, a GPU of its own."""
    processes = config.training.processes
    if processes > 1 and config.device == "mps":
        raise ConfigError(
            f"config: training.processes is {processes}, but device 'mps' is one GPU: set it to 1, "
            "or device to cpu"
        )
    for name, recipe in config.training.recipes.items():
        if recipe.batch_size < processes:
            raise ConfigError(
                f"config: training.processes is {processes}, more than the {recipe.batch_size} "
                f"clips of training.recipes.{name}.batch_size: lower it"
            )


def _check_coherence(config: Config) -> None:
    stage = config.evaluation.coherence
    nperseg, top_k = stage.nperseg, stage.top_k
    if top_k > nperseg // 2 + 1:
        raise ConfigError(
            f"config: evaluation.coherence.top_k is {top_k}, but nperseg {nperseg} has only "
            f"{nperseg // 2 + 1} bins: lower it"
        )
    if config.data.min_samples < shortest(nperseg):
        raise ConfigError(
            f"config: evaluation.coherence.nperseg is {nperseg}, which needs clips of "
            f"{shortest(nperseg)} samples, but data.min_samples is "
            f"{config.data.min_samples}: change one of them"
        )
    peaks, key = config.evaluation.coherence_by_filter, "evaluation.coherence_by_filter"
    if peaks.noverlap >= peaks.nperseg:
        raise ConfigError(
            f"config: {key}.noverlap is {peaks.noverlap}, but segments have {peaks.nperseg} "
            "samples: lower it, or raise nperseg"
        )
    if peaks.nfft < peaks.nperseg:
        raise ConfigError(
            f"config: {key}.nfft is {peaks.nfft}, but segments have {peaks.nperseg} samples: raise "
            "it, or lower nperseg"
        )
    needed = shortest(peaks.nperseg, peaks.noverlap)
    if config.data.min_samples < needed:
        raise ConfigError(
            f"config: {key}.nperseg is {peaks.nperseg}, which needs clips of {needed} samples, but "
            f"data.min_samples is {config.data.min_samples}: change one of them"
        )


def _check_case(config: Config) -> None:
    """Zeros before a synthetic clip, whose length is known, must leave half of it."""
    stage, dataset = config.evaluation.invariance, config.sonification.dataset
    clip_s = getattr(getattr(config.data.synthetic, dataset, None), "clip_s", None)
    if stage.case is None or clip_s is None or config.data.sources[dataset].source != "synthetic":
        return
    needed = 2 * stage.shown_shift
    if clip_s * RATE_HZ < needed:
        raise ConfigError(
            f"config: evaluation.invariance.case needs clips of {needed} samples, twice its "
            f"shown_shift, but data.synthetic.{dataset}.clip_s is {clip_s:g}: lower shown_shift, "
            "or make case null"
        )


def check_splits(key: str, config: Config, dataset: str, splits: Sequence[str]) -> None:
    """Raise ConfigError unless the dataset is configured and has these splits, one of them at least
    among its `parts`."""
    if dataset not in config.data.sources:
        raise ConfigError(f"config: {key} are of {dataset}, which is missing: add data.{dataset}")
    known = DATASETS[dataset].splits
    for split in splits:
        if split not in known:
            raise ConfigError(f"config: {key} names {split!r}: {dataset} has {', '.join(known)}")
    parts = getattr(config.data.sources[dataset], "parts", None)
    if parts is not None and not set(parts) & set(splits):
        raise ConfigError(
            f"config: {key} names {' and '.join(splits)}, which data.{dataset}.parts leaves out: "
            "add it there, or name another split"
        )
