"""The config values that each rule uses, as canonical JSON.

A rule's settings hold exactly the leaves its script reads, so that a change of one value reruns the
stages that use it and no others. One JSON string with sorted keys, because Snakemake compares
parameters as an unnamed set. Light: imported while the Snakefile is read.
"""

import json
from dataclasses import asdict
from pathlib import Path

import msgspec

from sonify.contracts.audio_format import RATE_HZ
from sonify.data.corpora.roots import names_hash
from sonify.evaluation.stage import Stage
from sonify.plan.matrix import Matrix
from sonify.plan.registry import FIGURES
from sonify.plan.runs import facts
from sonify.reporting.figure import FigureSpec


class Settings(Matrix):
    """Methods named after a rule give that rule's settings."""

    @property
    def setting(self) -> str:
        """The sounds and networks of this configuration in words, for those who read results."""
        recorded = [d for d in self.datasets if self.config["data"][d]["source"] != "synthetic"]
        if 0 < len(recorded) < len(self.datasets):
            sounds = f"recorded sounds for {', '.join(recorded)}, else synthesised ones"
        else:
            sounds = "recorded sounds" if recorded else "synthesised sounds"
        networks = [
            f"{name} at {model['width']:g} times its width"
            for name, model in self.config["models"].items()
        ]
        return f"{sounds}; {', '.join(networks)}"

    def synthesise(self, dataset: str) -> str:
        """Sizes of a synthesised corpus."""
        return _canonical(self.config["data"]["synthetic"][dataset])

    def download(self, dataset: str) -> str:
        """Which splits are downloaded, from where, and what becomes of the archives."""
        source = self.config["data"][dataset]
        options = {k: v for k, v in source.items() if k not in ("source", "path")}
        return _canonical({"splits": self.used_splits(dataset), **options})

    def version(self, dataset: str) -> str:
        """What else tells one published corpus from another, for those that have a choice."""
        source = self.config["data"][dataset]
        return _canonical({k: source[k] for k in ("backend", "revision") if k in source})

    def prepare(self, dataset: str) -> str:
        """What is too short or too long, and how large a shard is."""
        data = self.config["data"]
        return _canonical({k: data[k] for k in ("min_samples", "max_s", "clips_per_part")})

    def corpus(self, dataset: str) -> str:
        """What tells one state of a local corpus from another; nothing for a synthetic one."""
        source = self.config["data"][dataset]
        return names_hash(Path(source["path"])) if source["source"] == "local" else ""

    def train(self, name: str) -> str:
        """The run, its recipe and the encoder it builds if it starts from scratch."""
        run = self.run(name)
        return _canonical(
            {
                "run": asdict(run),
                "recipe": self.training["recipes"][run.recipe] | self.training["reader"],
                "architecture": self.config["models"][run.architecture],
                "device": self.config["device"],
            }
        )

    def mine(self) -> str:
        """What is mined, and how many clips are kept."""
        stage = self.config["sonification"]
        return _canonical({**self.on_clips, "split": stage["split"], "top": stage["top"]})

    def render(self) -> str:
        """Where the mined clips are, and how they are sonified."""
        stage = self.config["sonification"]
        return _canonical({**self.explaining, "split": stage["split"]})

    def pairs(self) -> str:
        """What Figures 1 to 3 show."""
        pairs = dict(self.config["reporting"]["pairs"])
        chosen = [
            {k: v for k, v in choice.items() if k != "run"} | {"model": self.shown(choice["run"])}
            for choice in pairs.pop("chosen")
        ]
        figures = {
            name: {
                "models": [self.shown(run) for run in figure["runs"]],
                "layers": figure["layers"],
                "per_layer": figure["per_layer"],
            }
            for name, figure in pairs.items()
        }
        return _canonical({"figures": figures, "chosen": chosen})

    def evaluation_job(self, stage: Stage, job: str) -> str:
        """The settings of one job of an evaluation stage."""
        return _canonical(msgspec.to_builtins(stage.settings(self, job)))

    def figure(self, figure: FigureSpec) -> str:
        """How a figure is labelled, and which of the measured conditions it shows."""
        return _canonical({"scale": self.config["scale"], **figure.settings(self)})

    def label(self) -> str:
        """The scale, and the sounds and networks behind it in words."""
        return _canonical({"scale": self.config["scale"], "setting": self.setting})

    def table(self) -> str:
        """The label, and what tells which line of the paper a run is."""
        return _canonical(self._labelled())

    def summary(self) -> str:
        """The label, the runs, and which of the measured conditions is told."""
        rule, rescaled = self._main
        return _canonical(self._labelled(rule=rule, rescaled=rescaled))

    def claims(self) -> str:
        """The label, the runs, and which of the measured conditions is meant."""
        rule, rescaled = self._main
        return _canonical(
            self._labelled(
                rule=rule,
                rescaled=rescaled,
                strided=self.evaluation["strided"],
                probes={probe.run.name: probe.run.start for probe in self.probes.values()},
            )
        )

    def gallery(self) -> str:
        """Which models are shown."""
        words = {"scale": self.config["scale"], "setting": self.setting}
        audio = self.config["reporting"]["gallery"]["audio"]
        return _canonical({**words, "models": self.shown_models, "audio": audio})

    def page(self) -> str:
        """What the results page shows."""
        return _canonical(
            {
                "scale": self.config["scale"],
                "setting": self.setting,
                "listen": self.config["reporting"]["listen"],
                "captions": {name: figure.caption for name, figure in FIGURES.items()},
            }
        )

    @property
    def _main(self) -> tuple[str, bool]:
        """The rule for the most active map, and whether residuals are rescaled."""
        rescaled = self.evaluation["removal"]["rescale_residual"]
        return self.config["sonification"]["rule"], rescaled

    def _labelled(self, **more) -> dict:
        runs = {run: asdict(facts(self.config, run)) for run in self.training["runs"]}
        return {"scale": self.config["scale"], "setting": self.setting, "runs": runs, **more}

    @property
    def on_clips(self) -> dict:
        """Settings that every job which runs a model over whole clips shares, but for the split."""
        batch = round(self.evaluation["batch_s"] * RATE_HZ)
        return {"device": self.config["device"], "batch_samples": batch}

    @property
    def explaining(self) -> dict:
        """Settings that every job which sonifies whole clips shares, but for the split."""
        stage = self.config["sonification"]
        return {**self.on_clips, "method": stage["method"], "precision": stage["precision"]}


def _canonical(settings: dict) -> str:
    return json.dumps(settings, sort_keys=True)
