"""The plan: which models, probes and measurements a configuration asks for.

Light: imported while the Snakefile is read.
"""

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

from sonify.config.types import Config
from sonify.contracts.audio_format import RATE_HZ
from sonify.evaluation.stage import ClipsRead
from sonify.models.architecture import Architecture
from sonify.plan.feasibility import check_feasible
from sonify.plan.registry import STAGES
from sonify.plan.runs import finetuned_run, has_classifier, present, resolve, scored_split
from sonify.plan.seeds import first, seeds_of
from sonify.training.recipe import Hyperparameters, Recipe
from sonify.training.settings import Run


@dataclass(frozen=True)
class Probe:
    """One job of appendix B: the networks that end behind some layers of a pretrained encoder.

    run is what they are called in result tables; split is what they are scored on, whole or, of
    every clip, crop_s seconds from its centre. finetuned: the run that is scored as the whole
    encoder; nothing is trained then, and the tables call it by its own name.
    """

    run: Run
    seed: int
    layers: tuple[int, ...]
    split: str
    crop_s: float | None = None
    finetuned: str | None = None

    @property
    def name(self) -> str:
        """Name of the job."""
        if self.finetuned:
            return f"{self.finetuned}-s{self.seed}"
        return f"{self.run.name}-s{self.seed}-l{self.layers[0]:02d}-{self.layers[-1]:02d}"


class Plan:
    """The models, probes and measurements of a checked configuration, by name.

    `Files` and `Settings` say where each job reads and writes, and which values it uses.
    """

    def __init__(self, config: Config) -> None:
        """Raises ConfigError for what could not be measured, or would mislead."""
        check_feasible(config)
        self.config = config
        self.training = config.training
        self.evaluation = config.evaluation

    def run(self, name: str) -> Run:
        """The run called `name`, resolved."""
        return resolve(self.config, name)

    @cached_property
    def models(self) -> dict[str, Run]:
        """Every trained model by name, <run>-s<seed>."""
        runs = {run: self.run(run) for run in self.training.runs}
        return {f"{run}-s{seed}": runs[run] for run in runs for seed in self.seeds(run)}

    def seeds(self, run: str) -> tuple[int, ...]:
        """The seeds that a run is trained with."""
        return seeds_of(self.config, run)

    def run_of(self, model: str) -> Run:
        """The run a model comes from."""
        return self.models[model]

    def seed_of(self, model: str) -> int:
        """The seed that a model was trained with."""
        return int(model.rpartition("-s")[2])

    @property
    def classifiers(self) -> list[str]:
        """Runs that are scored."""
        return [run for run in self.training.runs if has_classifier(self.config, run)]

    @property
    def sonified_models(self) -> list[str]:
        """Models whose filters are mined and sonified."""
        return self.models_of(self.config.sonification.runs)

    @property
    def shown_models(self) -> list[str]:
        """The first seed of each sonified run: the ones that pages show."""
        return [self.shown(run) for run in self.config.sonification.runs]

    def shown(self, run: str) -> str:
        """The model of a run that figures of single sounds show."""
        return f"{run}-s{self.seeds(run)[0]}"

    def compares_choices(self, model: str) -> bool:
        """Tell whether a model is also measured by the choices that Figures 6 and 7 leave open."""
        run = self.run_of(model).name
        seeds = first(self.seeds(run), self.evaluation.sensitivity.seeds)
        return model in [f"{run}-s{seed}" for seed in seeds]

    def models_of(self, runs: Iterable[str]) -> list[str]:
        """The models of some runs."""
        return [f"{run}-s{seed}" for run in runs for seed in self.seeds(run)]

    def models_beyond(self, runs: Iterable[str]) -> list[str]:
        """The models of some runs of which is measured what the paper does not measure."""
        number = self.evaluation.beyond.seeds
        return [f"{run}-s{seed}" for run in runs for seed in first(self.seeds(run), number)]

    @cached_property
    def probes(self) -> dict[str, Probe]:
        """The jobs of Figure 4 by name. Frozen encoders are passed through once for all layers."""
        stage = self.evaluation.layer_importance
        jobs = []
        for kind, start in itertools.product(stage.probes, map(self.run, stage.starts)):
            recipe = self.training.recipes[kind.recipe]
            run = Run(
                name=f"{kind.recipe}-{start.name}-{kind.finetune}",
                recipe=kind.recipe,
                dataset=recipe.dataset,
                splits=present(self.config, recipe.dataset, recipe.splits),
                regime=start.regime,
                finetune=kind.finetune,
                start=start.name,
                architecture=start.architecture,
            )
            whole = self.architecture(start.name).whole
            trained = stage.whole == "probe"
            depths = tuple(range(1, whole + trained))
            each = len(depths) if run.finetune == "fconly" else stage.layers_per_job
            cut = [depths[at : at + each] for at in range(0, len(depths), each)]
            how = {"split": kind.split, "crop_s": kind.crop_s}
            seeds = first(self.seeds(start.name), kind.seeds)
            jobs += [Probe(run, seed, layers, **how) for seed in seeds for layers in cut]
            if not trained:
                name = finetuned_run(self.config, kind, start.name)
                seeds = first(self.seeds(name), kind.seeds)
                jobs += [Probe(run, seed, (whole,), **how, finetuned=name) for seed in seeds]
        return {probe.name: probe for probe in jobs}

    @property
    def probe_starts(self) -> dict[str, str]:
        """By run in table layer_importance, the run whose encoder it starts from."""
        probes = self.probes.values()
        return {p.finetuned or p.run.name: p.run.start for p in probes if p.run.start}

    def architecture(self, run: str) -> Architecture:
        """The architecture of a run's encoder."""
        return self.config.models[self.run(run).architecture]

    @property
    def mined_clips(self) -> ClipsRead:
        """The clips whose top activations are mined."""
        stage = self.config.sonification
        return ClipsRead(stage.dataset, (stage.split,))

    def scored_split(self, dataset: str) -> str:
        """The split on which a dataset's published results are measured."""
        return scored_split(dataset)

    @property
    def datasets(self) -> list[str]:
        """Datasets that are configured."""
        return list(self.config.data.sources)

    @property
    def prepared(self) -> list[str]:
        """Datasets that are prepared; one that no job reads is not downloaded for that."""
        return [d for d in self.datasets if d not in self.downloaded or self.used_splits(d)]

    @property
    def downloaded(self) -> list[str]:
        """Datasets that are downloaded."""
        return [d for d, source in self.config.data.sources.items() if source.source == "download"]

    def used_splits(self, dataset: str) -> list[str]:
        """Splits of a dataset that some job of this configuration reads."""
        trained = [run for run in self.models.values() if run.dataset == dataset]
        used = {split for run in trained for split in run.splits}
        validated = (self.training.recipes[run.recipe].validated_split for run in trained)
        used |= {split for split in validated if split is not None}
        read = [stage.clips(self, job) for stage in STAGES.values() for job in stage.jobs(self)]
        read += [self.mined_clips]
        used |= {split for clips in read if clips.dataset == dataset for split in clips.splits}
        return sorted(used)

    @property
    def strided_runs(self) -> list[str]:
        """The runs whose downsampling is compared (section 3.2)."""
        return list(self.evaluation.strided.by_downsampling.values())

    @property
    def control_runs(self) -> list[str]:
        """The runs of Figure 6 with contrastive pretraining, as the paper's; all if none has it."""
        runs = list(self.evaluation.removal.runs)
        return [run for run in runs if self.run(run).regime == "contrastive"] or runs

    def stems_inside(self, dataset: str) -> str | None:
        """Folder of a dataset's stems below the input of that name; None if it has no stems."""
        if self.evaluation.stems.folder is not None:
            return ""
        if self.config.data.sources[dataset].source != "synthetic":
            return None
        return {"audioset": "eval_stems", "fsd50k": "FSD50K.eval_stems"}.get(dataset, "stems")

    @property
    def on_clips(self) -> dict[str, Any]:
        """Settings that every job which runs a model over whole clips shares, but for the split."""
        batch = round(self.evaluation.batch_s * RATE_HZ)
        return {"device": self.config.device, "batch_samples": batch}

    @property
    def explaining(self) -> dict[str, Any]:
        """Settings that every job which sonifies whole clips shares, but for the split."""
        stage = self.config.sonification
        return {**self.on_clips, "method": stage.method, "precision": stage.precision}

    def recipe(self, name: str) -> Recipe:
        """The recipe of this name as its jobs take it."""
        options = self.training.recipes[name]
        named = {field.name: getattr(options, field.name) for field in fields(Hyperparameters)}
        return Recipe(**named, shuffle_clips=self.training.reader.shuffle_clips)
