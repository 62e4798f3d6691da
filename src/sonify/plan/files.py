"""The files of each rule of a checked configuration.

Light: imported while the Snakefile is read.
"""

from collections.abc import Iterable
from pathlib import Path

from sonify.data.corpora.registry import DATASETS
from sonify.data.download.catalogue import pending_bytes
from sonify.evaluation.stage import Stage
from sonify.plan.plan import Plan
from sonify.plan.registry import EVALUATION_TABLES, FIGURES, STAGES
from sonify.reporting.figure import FigureSpec

Inputs = dict[str, str | list[str]]  # of a rule, by name

TABLES = ("A1", "A2", "A3", "A4", "A5", "A6")


class Files:
    """Input and output files of every job of a plan."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.sources = plan.config.data.sources

    # --- what all jobs write -------------------------------------------------------------------

    @property
    def model_files(self) -> list[str]:
        """Everything that training writes."""
        names = ("model.safetensors", "model.json", "history.parquet", "checkpoints")
        return [f"results/models/{model}/{name}" for model in self.plan.models for name in names]

    @property
    def prepared_files(self) -> list[str]:
        """Everything that preparation writes."""
        tables = [f"{t}.parquet" for t in ("vocabulary", "manifest", "rejected", "attrition")]
        return [
            f"results/data/{d}/{name}"
            for d in self.plan.prepared
            for name in (*tables, *DATASETS[d].splits)
        ]

    def parts(self, table: str) -> list[str]:
        """The single-job files that make up an evaluation table."""
        jobs = EVALUATION_TABLES[table].jobs(self.plan)
        return [f"results/evaluation/{table}/{job}.parquet" for job in jobs]

    def evaluation_table(self, table: str) -> str:
        """An evaluation table of all jobs."""
        return f"results/evaluation/{table}.parquet"

    @property
    def evaluation_files(self) -> list[str]:
        """Everything that evaluation writes."""
        whole = [self.evaluation_table(table) for table in EVALUATION_TABLES]
        parts = [part for table in EVALUATION_TABLES for part in self.parts(table)]
        return whole + parts + self.kept_files

    @property
    def kept_files(self) -> list[str]:
        """Evaluation tables that stay one file a job."""
        return [
            f"results/evaluation/{table}/{job}.parquet"
            for stage in STAGES.values()
            for table in stage.kept
            for job in stage.jobs(self.plan)
        ]

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

    def figure_tables(self, figure: FigureSpec) -> dict[str, str]:
        """The tables that a figure is drawn from, by name."""
        own = {"pairs": "results/reporting/pairs.parquet"}
        return {t: own.get(t) or self.evaluation_table(t) for t in figure.tables}

    @property
    def benchmarks(self) -> list[str]:
        """Files with the run times of all jobs, <rule>/<job>.tsv."""
        made = [d for d, source in self.sources.items() if source.source == "synthetic"]
        fetched = [d for d in self.plan.prepared if d in self.plan.downloaded]
        jobs = {"synthesise": made, "download": fetched, "prepare": self.plan.prepared}
        jobs |= {"train": list(self.plan.models)}
        jobs |= {"mine": self.plan.sonified_models, "render": self.plan.sonified_models}
        jobs |= {stage.name: stage.jobs(self.plan) for stage in STAGES.values()}
        jobs |= {"gallery": ["all"]}
        return [f"results/benchmarks/{rule}/{job}.tsv" for rule in jobs for job in jobs[rule]]

    # --- input files ---------------------------------------------------------------------------

    def raw_root(self, dataset: str) -> str:
        """Root of a dataset's raw corpus."""
        source = self.sources[dataset]
        if source.source == "synthetic":
            return f"results/data/raw/{dataset}"
        return source.path or f"corpora/{dataset}"

    def pending_downloads(self) -> dict[str, int | None]:
        """Bytes still to download, by dataset, as far as the corpus folders tell; None where there
        is something of unknown size."""
        return {
            d: pending_bytes(
                d,
                Path(self.raw_root(d)),
                self.plan.used_splits(d),
                getattr(self.sources[d], "backend", None),
            )
            for d in self.plan.downloaded
        }

    def raw_input(self, dataset: str) -> Inputs:
        """Inputs of preparation: the synthesised corpus, the list of what was downloaded, or
        the lists of a local one."""
        root = self.raw_root(dataset)
        if dataset in self.plan.downloaded:
            return {"downloads": f"results/data/downloads/{dataset}.parquet"}
        if self.sources[dataset].source == "local":
            return {
                "lists": [f"{root}/{name}" for name in DATASETS[dataset].present_lists(Path(root))]
            }
        return {"root": root}

    def data_folder(self, dataset: str) -> str:
        """Folder of a prepared dataset."""
        return f"results/data/{dataset}"

    def training_input(self, name: str, seed: str) -> Inputs:
        """Prepared splits and, for finetuning, the model to start from."""
        run = self.plan.run(name)
        validated = self.plan.recipe(run.recipe).validated_split
        files = self._prepared(run.dataset, [*run.splits, *([validated] if validated else [])])
        if run.start:
            files |= self._model_files(f"{run.start}-s{seed}")
        return files

    def mining_input(self, model: str) -> Inputs:
        """A model and the clips that are mined."""
        return self._model_files(model) | self._prepared(*self.plan.mined_clips)

    def stage_input(self, stage: Stage, job: str) -> Inputs:
        """The model that a job of an evaluation stage runs, its clips, and what else it needs."""
        model = stage.model(self.plan, job)
        files = self._model_files(model) | self._prepared(*stage.clips(self.plan, job))
        return files | {name: _needed(name, model) for name in stage.needs}

    def start_option(self, name: str, seed: str) -> str:
        """The --start option of finetuning, or nothing."""
        run = self.plan.run(name)
        return f"--start results/models/{run.start}-s{seed}" if run.start else ""

    # -------------------------------------------------------------------------------------------

    def _prepared(self, dataset: str, splits: Iterable[str]) -> Inputs:
        folder = self.data_folder(dataset)
        return {
            "vocabulary": f"{folder}/vocabulary.parquet",
            "splits": [f"{folder}/{split}" for split in splits],
        }

    def _model_files(self, model: str) -> Inputs:
        return {
            "weights": f"results/models/{model}/model.safetensors",
            "card": f"results/models/{model}/model.json",
        }


def _needed(name: str, model: str) -> str:
    """A further input of an evaluation stage, see `Stage.needs`."""
    if name == "checkpoints":
        return f"results/models/{model}/checkpoints"
    return f"results/sonification/{model}/{name}.parquet"
