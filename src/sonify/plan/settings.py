"""The configuration values that each rule uses, as canonical JSON.

A rule's settings hold exactly the leaves its script reads, so that a change of one value reruns the
stages that use it and no others. One JSON string with sorted keys, because Snakemake compares
parameters as an unnamed set. Light: imported while the Snakefile is read.
"""

import json
from dataclasses import asdict
from typing import Any

import msgspec

from sonify.data.corpora.registry import DATASETS
from sonify.evaluation.stage import Stage
from sonify.plan.plan import Plan
from sonify.plan.registry import BEYOND_FIGURES, FIGURES, STAGES
from sonify.plan.runs import facts
from sonify.reporting.figure import FigureSpec
from sonify.sonification.settings import MiningSettings, RenderingSettings
from sonify.training.settings import TrainingSettings

# Keys of a dataset's block that do not concern its download.
SOURCE_ONLY = ("source", "path", "min_duration_s", "parts")


class Settings:
    """The settings of every rule's jobs; methods are named after the rules."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.config = plan.config

    @property
    def setting(self) -> str:
        """The sounds and networks of this configuration in words, for those who read results."""
        sources = self.config.data.sources
        recorded = [d for d, source in sources.items() if source.source != "synthetic"]
        sounds = "recorded sounds" if recorded else "synthesised sounds"
        if 0 < len(recorded) < len(sources):
            sounds += f" for {', '.join(recorded)}, else synthesised ones"
        if len(recorded) < len(sources):
            sounds += ", drawn anew for each seed"
        sounds += "".join(
            f"; of {DATASETS[d].display_name} {' and '.join(parts)} alone"
            for d, source in sources.items()
            if (parts := getattr(source, "parts", None))
        )
        networks = [
            f"{name} at {model.width:g} times its width"
            for name, model in self.config.models.items()
        ]
        return f"{sounds}; {', '.join(networks)}"

    def synthesise(self, dataset: str) -> str:
        """Sizes of a synthesised corpus."""
        return _canonical(getattr(self.config.data.synthetic, dataset))

    def download(self, dataset: str) -> str:
        """The splits to download, their source, and whether archives are kept."""
        source = msgspec.to_builtins(self.config.data.sources[dataset])
        options = {k: v for k, v in source.items() if k not in SOURCE_ONLY}
        return _canonical({"splits": self.plan.used_splits(dataset), **options})

    def version(self, dataset: str) -> str:
        """Options that tell one published corpus from another, for datasets that have a choice."""
        source = msgspec.to_builtins(self.config.data.sources[dataset])
        return _canonical({k: source[k] for k in ("backend", "revision") if k in source})

    def prepare(self, dataset: str) -> str:
        """Bounds on the length of clips, how they are stored, and the size of a shard."""
        data = self.config.data
        keys = ("min_samples", "max_s", "clips_per_part", "peak_scaling")
        shortest = data.sources[dataset].min_duration_s
        return _canonical({**{k: getattr(data, k) for k in keys}, "min_duration_s": shortest})

    def train(self, name: str) -> str:
        """The run, its recipe and the encoder it builds if it starts from scratch."""
        run = self.plan.run(name)
        return _canonical(
            TrainingSettings(
                run=run,
                recipe=self.plan.recipe(run.recipe),
                architecture=self.plan.architecture(name),
                device=self.config.device,
            )
        )

    def mine(self) -> str:
        """The split that is mined, which of its clips, by what rule, and how many are kept."""
        stage = self.config.sonification
        known = self.plan.on_clips | {"split": stage.split}
        return _canonical(MiningSettings(**known, top=stage.top, mining=stage.mining))

    def render(self) -> str:
        """The split that was mined, and how its clips are sonified."""
        split = self.config.sonification.split
        return _canonical(RenderingSettings(**self.plan.explaining, split=split))

    def pairs(self) -> str:
        """Models and layers that Figures 1 to 3 show."""
        pairs = self.config.reporting.pairs
        chosen = [msgspec.to_builtins(choice) for choice in pairs.chosen]
        for choice in chosen:
            choice["model"] = self.plan.shown(choice.pop("run"))
        figures = {
            name: {
                "models": [self.plan.shown(run) for run in figure.runs],
                "layers": figure.layers,
                "per_layer": figure.per_layer,
            }
            for name, figure in pairs.figures.items()
        }
        return _canonical({"figures": figures, "chosen": chosen})

    def measuring_job(self, rule: str, job: str) -> str:
        """The settings of one job that runs a model over clips, by its rule."""
        if rule in STAGES:
            return self.evaluation_job(STAGES[rule], job)
        return {"mine": self.mine, "render": self.render}[rule]()

    def evaluation_job(self, stage: Stage, job: str) -> str:
        """The settings of one job of an evaluation stage."""
        return _canonical(stage.settings(self.plan, job))

    def figure(self, figure: FigureSpec) -> str:
        """The label of a figure, and the measured condition that it shows."""
        return _canonical({"scale": self.config.scale, **figure.settings(self.plan)})

    def label(self) -> str:
        """The scale, and the sounds and networks behind it in words."""
        return _canonical({"scale": self.config.scale, "setting": self.setting})

    def table(self) -> str:
        """The label, and the facts that match a run with a line of the paper."""
        return _canonical(self._labelled())

    def summary(self) -> str:
        """The label, the runs, and the measured condition that is summarised."""
        rule, rescaled = self._main
        return _canonical(self._labelled(rule=rule, rescaled=rescaled))

    def claims(self) -> str:
        """The label, the runs, and the measured condition that claims are about."""
        rule, rescaled = self._main
        return _canonical(
            self._labelled(
                rule=rule,
                rescaled=rescaled,
                strided=self.config.evaluation.strided.by_downsampling,
                probes=self.plan.probe_starts,
            )
        )

    def gallery(self) -> str:
        """The models that are shown, and the codec of their sounds."""
        words = {"scale": self.config.scale, "setting": self.setting}
        audio = self.config.reporting.gallery.audio
        return _canonical({**words, "models": self.plan.shown_models, "audio": audio})

    def page(self) -> str:
        """The label, the captions, and the layers to listen to."""
        return _canonical(
            {
                "scale": self.config.scale,
                "setting": self.setting,
                "listen": self.config.reporting.listen,
                "captions": {n: f.caption for n, f in (FIGURES | BEYOND_FIGURES).items()},
            }
        )

    @property
    def _main(self) -> tuple[str, bool]:
        """The rule for the most active map, and whether residuals are rescaled."""
        rescaled = self.config.evaluation.removal.rescale_residual
        return self.config.sonification.rule, rescaled

    def _labelled(self, **more: object) -> dict[str, object]:
        runs = {run: asdict(facts(self.config, run)) for run in self.config.training.runs}
        return {"scale": self.config.scale, "setting": self.setting, "runs": runs, **more}


def _canonical(settings: Any) -> str:
    return json.dumps(msgspec.to_builtins(settings), sort_keys=True)
