"""What each rule needs: its input files and the config values it uses, as canonical JSON.

A rule's `settings` hold exactly the leaves its script reads, so that a change of one value reruns
the stages that use it and no others. One JSON string with sorted keys, because Snakemake compares
parameters as an unnamed set. Light: imported while the Snakefile is read.
"""

import json
from dataclasses import asdict
from functools import cached_property
from pathlib import Path

from sonify.conventions import RATE_HZ
from sonify.data.download.catalogue import pending_bytes
from sonify.data.layouts.required import SPLITS, lists, names_hash
from sonify.runs import Run, has_classifier, resolve, scored_split


class Plan:
    """The jobs of a checked configuration. Methods named after a rule give that rule's settings."""

    def __init__(self, config: dict) -> None:
        self.config = config
        self.training = config["training"]
        self.evaluation = config["evaluation"]

    # --- the matrix ----------------------------------------------------------------------------

    @cached_property
    def models(self) -> dict[str, Run]:
        """Every trained model by name, <run>-s<seed>."""
        runs = {run: self.run(run) for run in self.training["runs"]}
        return {f"{run}-s{seed}": runs[run] for run in runs for seed in self.training["seeds"]}

    @property
    def sonified_models(self) -> list[str]:
        """Models whose filters are mined and sonified."""
        return self._models(self.config["sonification"]["runs"])

    @property
    def listened_models(self) -> list[str]:
        """The first seed of each sonified run: the ones on the results page."""
        seed = self.training["seeds"][0]
        return [f"{run}-s{seed}" for run in self.config["sonification"]["runs"]]

    @property
    def setting(self) -> str:
        """The sounds and networks of this configuration in words, for those who read results."""
        recorded = [d for d in SPLITS if self.config["data"][d]["source"] != "synthetic"]
        if 0 < len(recorded) < len(SPLITS):
            sounds = f"recorded sounds for {', '.join(recorded)}, else synthesised ones"
        else:
            sounds = "recorded sounds" if recorded else "synthesised sounds"
        networks = [
            f"{name} at {model['width']:g} times its width"
            for name, model in self.config["models"].items()
        ]
        return f"{sounds}; {', '.join(networks)}"

    def run(self, name: str) -> Run:
        """The run called `name`, resolved."""
        return resolve(self.config, name)

    def run_of(self, model: str) -> Run:
        """The run a model comes from."""
        return self.models[model]

    @property
    def model_files(self) -> list[str]:
        """Everything that training writes."""
        names = ("model.safetensors", "model.json", "history.parquet")
        return [f"results/models/{model}/{name}" for model in self.models for name in names]

    @property
    def prepared(self) -> list[str]:
        """Datasets that are prepared; one that no job reads is not downloaded for that."""
        return [d for d in SPLITS if d not in self.downloaded or self.used_splits(d)]

    @property
    def prepared_files(self) -> list[str]:
        """Everything that preparation writes."""
        tables = [f"{t}.parquet" for t in ("vocabulary", "manifest", "rejected", "attrition")]
        return [f"results/data/{d}/{name}" for d in self.prepared for name in (*tables, *SPLITS[d])]

    @property
    def benchmarks(self) -> list[str]:
        """Where the run times of all jobs of this configuration stand, <rule>/<job>.tsv."""
        data = self.config["data"]
        made = [d for d in SPLITS if data[d]["source"] == "synthetic"]
        fetched = [d for d in self.prepared if d in self.downloaded]
        jobs = {"synthesise": made, "download": fetched, "prepare": self.prepared}
        jobs |= {"train": list(self.models)}
        jobs |= {"mine": self.sonified_models, "render": self.sonified_models}
        for rule, table in (("score", "metrics"), ("removal",) * 2, ("coherence",) * 2):
            jobs[rule] = [Path(part).stem for part in self.parts(table)]
        return [f"results/benchmarks/{rule}/{job}.tsv" for rule in jobs for job in jobs[rule]]

    def parts(self, table: str) -> list[str]:
        """The single-model files that make up an evaluation table."""
        if table == "metrics":
            runs = [run for run in self.training["runs"] if has_classifier(self.config, run)]
        else:
            runs = self.evaluation[table]["runs"]
        return [f"results/evaluation/{table}/{model}.parquet" for model in self._models(runs)]

    # --- input files ---------------------------------------------------------------------------

    def raw_root(self, dataset: str) -> str:
        """Root of a dataset's raw corpus."""
        source = self.config["data"][dataset]
        if source["source"] == "synthetic":
            return f"results/data/raw/{dataset}"
        return source["path"] or f"corpora/{dataset}"

    @property
    def downloaded(self) -> list[str]:
        """Datasets that are downloaded."""
        return [d for d in SPLITS if self.config["data"][d]["source"] == "download"]

    def pending_downloads(self) -> dict[str, int | None]:
        """Bytes still to download, by dataset, as far as the corpus folders tell; None where there
        is something of unknown size."""
        return {
            d: pending_bytes(d, Path(self.raw_root(d)), self.used_splits(d), source.get("backend"))
            for d, source in self.config["data"].items()
            if d in self.downloaded
        }

    def raw_input(self, dataset: str) -> dict:
        """What preparation waits for: the synthesised corpus, the list of what was downloaded, or
        the lists of a local one."""
        root = self.raw_root(dataset)
        if dataset in self.downloaded:
            return {"downloads": f"results/data/downloads/{dataset}.parquet"}
        if self.config["data"][dataset]["source"] == "local":
            return {"lists": [f"{root}/{name}" for name in lists(dataset, Path(root))]}
        return {"root": root}

    def data_folder(self, dataset: str) -> str:
        """Folder of a prepared dataset."""
        return f"results/data/{dataset}"

    def used_splits(self, dataset: str) -> list[str]:
        """Splits of a dataset that some job of this configuration reads."""
        runs = [run for run in self.models.values() if run.dataset == dataset]
        used = {split for run in runs for split in run.splits}
        used |= {scored_split(dataset) for run in runs if has_classifier(self.config, run.name)}
        stages = (self.config["sonification"], *map(self.evaluation.get, ("removal", "coherence")))
        used |= {stage["split"] for stage in stages if stage["dataset"] == dataset}
        return sorted(used)

    def training_input(self, name: str, seed: str) -> dict:
        """Prepared splits and, for finetuning, the model to start from."""
        run = self.run(name)
        files = self._prepared(run.dataset, run.splits)
        if run.start:
            files |= self._model_files(f"{run.start}-s{seed}")
        return files

    def model_input(self, model: str, stage: str) -> dict:
        """A model and the clips that a stage (sonification, removal, coherence) runs it on."""
        stage_config = self.config.get(stage) or self.evaluation[stage]
        return self._model_files(model) | self._prepared(
            stage_config["dataset"], [stage_config["split"]]
        )

    def scored_input(self, model: str) -> dict:
        """A classifier and the clips its published results are measured on."""
        dataset = self.run_of(model).dataset
        return self._model_files(model) | self._prepared(dataset, [scored_split(dataset)])

    def start_option(self, name: str, seed: str) -> str:
        """The --start option of finetuning, or nothing."""
        run = self.run(name)
        return f"--start results/models/{run.start}-s{seed}" if run.start else ""

    # --- settings, by rule ---------------------------------------------------------------------

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
        return self._on_clips(split=stage["split"], top=stage["top"])

    def render(self) -> str:
        """Where the mined clips are, and how they are sonified."""
        stage = self.config["sonification"]
        return self._on_clips(split=stage["split"], precision=stage["precision"])

    def score(self, model: str) -> str:
        """The split that published results are measured on."""
        return self._on_clips(split=scored_split(self.run_of(model).dataset))

    def removal(self) -> str:
        """What is removed from which clips."""
        stage = self.evaluation["removal"]
        return self._on_clips(
            split=stage["split"],
            rescale_residual=stage["rescale_residual"],
            **self._most_active(),
        )

    def coherence(self) -> str:
        """How coherence is measured, and on which clips."""
        stage = self.evaluation["coherence"]
        return self._on_clips(
            split=stage["split"],
            top_k=stage["top_k"],
            nperseg=stage["nperseg"],
            **self._most_active(),
        )

    def scale(self) -> str:
        """The label of every figure."""
        return _canonical({"scale": self.config["scale"]})

    def label(self) -> str:
        """The scale, and the sounds and networks behind it in words."""
        return _canonical({"scale": self.config["scale"], "setting": self.setting})

    def page(self) -> str:
        """What the results page shows."""
        return _canonical(
            {
                "scale": self.config["scale"],
                "setting": self.setting,
                "listen": self.config["reporting"]["listen"],
            }
        )

    # -------------------------------------------------------------------------------------------

    def _models(self, runs: list[str]) -> list[str]:
        return [f"{run}-s{seed}" for run in runs for seed in self.training["seeds"]]

    def _prepared(self, dataset: str, splits) -> dict:
        folder = self.data_folder(dataset)
        return {
            "vocabulary": f"{folder}/vocabulary.parquet",
            "splits": [f"{folder}/{split}" for split in splits],
        }

    def _model_files(self, model: str) -> dict:
        return {
            "weights": f"results/models/{model}/model.safetensors",
            "card": f"results/models/{model}/model.json",
        }

    def _most_active(self) -> dict:
        stage = self.config["sonification"]
        return {"rule": stage["rule"], "precision": stage["precision"]}

    def _on_clips(self, **settings) -> str:
        batch = round(self.evaluation["batch_s"] * RATE_HZ)
        return _canonical({"device": self.config["device"], "batch_samples": batch, **settings})


def _canonical(settings: dict) -> str:
    return json.dumps(settings, sort_keys=True)
