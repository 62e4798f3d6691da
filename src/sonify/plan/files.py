"""The files of each rule of a checked configuration.

Light: imported while the Snakefile is read.
"""

from pathlib import Path

from sonify.data.corpora.required import SPLITS, lists
from sonify.data.download.catalogue import pending_bytes
from sonify.plan.runs import scored_split
from sonify.plan.settings import Settings

# The tables that each figure is drawn from; what is not named here comes from evaluation.
FIGURES = {
    "figure_1": ("pairs",),
    "figure_2": ("pairs",),
    "figure_3": ("pairs",),
    "figure_4": ("layer_importance",),
    "figure_5": ("evolution",),
    "figure_6": ("removal",),
    "figure_7": ("coherence",),
    "figure_B3": ("invariance", "invariance_example"),
    "figure_sensitivity_6": ("removal",),
    "figure_sensitivity_7": ("coherence",),
    "figure_strided": ("coherence",),
}
TABLES = ("A1", "A2", "A3", "A4", "A5", "A6")
EVALUATIONS = (
    *("metrics", "layer_importance", "removal", "coherence", "filters"),
    *("invariance", "invariance_example", "evolution"),
)


class Plan(Settings):
    """The jobs of a checked configuration: their files here, their settings and names inherited."""

    # --- what all jobs write -------------------------------------------------------------------

    @property
    def model_files(self) -> list[str]:
        """Everything that training writes."""
        names = ("model.safetensors", "model.json", "history.parquet", "checkpoints")
        return [f"results/models/{model}/{name}" for model in self.models for name in names]

    @property
    def prepared_files(self) -> list[str]:
        """Everything that preparation writes."""
        tables = [f"{t}.parquet" for t in ("vocabulary", "manifest", "rejected", "attrition")]
        return [f"results/data/{d}/{name}" for d in self.prepared for name in (*tables, *SPLITS[d])]

    def parts(self, table: str) -> list[str]:
        """The single-model files that make up an evaluation table."""
        return [f"results/evaluation/{table}/{job}.parquet" for job in self.measured(table)]

    @property
    def evaluation_files(self) -> list[str]:
        """Everything that evaluation writes."""
        whole = [f"results/evaluation/{table}.parquet" for table in EVALUATIONS]
        return whole + [part for table in EVALUATIONS for part in self.parts(table)]

    @property
    def table_files(self) -> list[str]:
        """The paper's tables."""
        folder = "results/reporting/tables"
        return [f"{folder}/table_{t}.{kind}" for t in TABLES for kind in ("parquet", "csv", "md")]

    @property
    def figure_files(self) -> list[str]:
        """The paper's figures, and ours."""
        folder = "results/reporting/figures"
        return [f"{folder}/{name}.{kind}" for name in FIGURES for kind in ("png", "svg")]

    def figure_tables(self, name: str) -> dict[str, str]:
        """Where the tables of a figure are, by their names."""
        own = {"pairs": "results/reporting/pairs.parquet"}
        return {t: own.get(t, f"results/evaluation/{t}.parquet") for t in FIGURES[name]}

    @property
    def benchmarks(self) -> list[str]:
        """Where the run times of all jobs of this configuration stand, <rule>/<job>.tsv."""
        data = self.config["data"]
        made = [d for d in SPLITS if data[d]["source"] == "synthetic"]
        fetched = [d for d in self.prepared if d in self.downloaded]
        jobs = {"synthesise": made, "download": fetched, "prepare": self.prepared}
        jobs |= {"train": list(self.models)}
        jobs |= {"mine": self.sonified_models, "render": self.sonified_models}
        jobs |= {"score": self.measured("metrics")}
        jobs |= {"gallery": ["all"]}
        rules = ("layer_importance", "removal", "coherence", "filters", "invariance", "evolution")
        jobs |= {rule: self.measured(rule) for rule in rules}
        return [f"results/benchmarks/{rule}/{job}.tsv" for rule in jobs for job in jobs[rule]]

    # --- input files ---------------------------------------------------------------------------

    def raw_root(self, dataset: str) -> str:
        """Root of a dataset's raw corpus."""
        source = self.config["data"][dataset]
        if source["source"] == "synthetic":
            return f"results/data/raw/{dataset}"
        return source["path"] or f"corpora/{dataset}"

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

    def probe_input(self, name: str) -> dict:
        """The encoder that a probe reads, and the clips it is trained and scored on."""
        probe = self.probes[name]
        splits = sorted({*probe.run.splits, probe.split})
        start = self._model_files(f"{probe.run.start}-s{probe.seed}")
        return start | self._prepared(probe.run.dataset, splits)

    def mined_input(self, model: str) -> dict:
        """A model, the clips it was mined on, and what was found."""
        top = f"results/sonification/{model}/top_activations.parquet"
        return self.model_input(model, "sonification") | {"top": top}

    # -------------------------------------------------------------------------------------------

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
