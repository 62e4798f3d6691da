"""The files of each rule of a checked configuration.

Light: imported while the Snakefile is read.
"""

from collections.abc import Iterable
from pathlib import Path

from sonify.data.corpora.registry import DATASETS
from sonify.data.download.catalogue import pending_bytes
from sonify.evaluation.stage import Stage
from sonify.plan.plan import Plan
from sonify.plan.registry import (
    ALL_FIGURES,
    ALL_TABLES,
    BEYOND_FIGURES,
    BEYOND_TABLES,
    EVALUATION_TABLES,
    FIGURES,
    FINDINGS,
    HISTORY,
    STAGES,
)
from sonify.reporting.figure import FigureSpec

Inputs = dict[str, str | list[str]]  # of a rule, by name

Seed = int | str
EACH = "{seed}"  # in place of a seed: the pattern of all, for a rule

TABLES = ("A1", "A2", "A3", "A4", "A5", "A6")


class Files:
    """Input and output files of every job of a plan."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.sources = plan.config.data.sources

    @property
    def model_files(self) -> list[str]:
        """Everything that training writes."""
        names = ("model.safetensors", "model.json", *HISTORY.values(), "checkpoints")
        return [f"results/models/{model}/{name}" for model in self.plan.models for name in names]

    @property
    def prepared_files(self) -> list[str]:
        """Everything that preparation writes."""
        tables = [f"{t}.parquet" for t in ("vocabulary", "manifest", "rejected", "attrition")]
        return [
            f"{self.data_folder(d, seed)}/{name}"
            for d in self.plan.prepared
            for seed in self._corpora(d)
            for name in (*tables, *DATASETS[d].splits)
        ]

    @property
    def prepared_folders(self) -> list[str]:
        """The folders of all prepared corpora."""
        return [self.data_folder(d, seed) for d in self.plan.prepared for seed in self._corpora(d)]

    def parts(self, table: str) -> list[str]:
        """The single-job files that make up an evaluation table."""
        jobs = ALL_TABLES[table].jobs(self.plan)
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
            if not stage.beyond
            for table in stage.kept
            for job in stage.jobs(self.plan)
        ]

    @property
    def table_files(self) -> list[str]:
        """The paper's tables."""
        return [file for table in TABLES for file in _table_files(f"table_{table}").values()]

    @property
    def curve_files(self) -> list[str]:
        """The numbers of the paper's figures of curves."""
        return [file for f in FIGURES.values() for file in self.figure_numbers(f).values()]

    def figure_numbers(self, figure: FigureSpec) -> dict[str, str]:
        """The files with a figure's numbers, by kind; none if it has no table."""
        return _table_files(figure.name) if figure.numbers else {}

    @property
    def figure_files(self) -> list[str]:
        """The paper's figures, and ours."""
        return _images(FIGURES)

    @property
    def beyond_tables(self) -> list[str]:
        """Tables of what the paper does not measure."""
        return [self.evaluation_table(table) for table in self._beyond]

    @property
    def beyond_figures(self) -> list[str]:
        """Figures of what the paper does not measure."""
        known = set(self._beyond)
        return _images(name for name, f in BEYOND_FIGURES.items() if set(f.tables) <= known)

    @property
    def findings_files(self) -> dict[str, str]:
        """The page of what the paper does not measure, with its tables."""
        return {name: f"results/reporting/{file}" for name, file in FINDINGS.items()}

    @property
    def beyond_files(self) -> list[str]:
        """Everything that only the target `beyond` makes."""
        parts = [part for table in self._beyond for part in self.parts(table)]
        drawn = {Path(image).stem for image in self.beyond_figures}
        numbers = [f for name in drawn for f in self.figure_numbers(BEYOND_FIGURES[name]).values()]
        own = [*self.beyond_tables, *self.beyond_figures, *self.findings_files.values()]
        return [*parts, *numbers, *own]

    @property
    def _beyond(self) -> dict[str, None]:
        """Tables of `beyond` that there is something to measure for."""
        return {name: None for name, stage in BEYOND_TABLES.items() if stage.jobs(self.plan)}

    @property
    def histories(self) -> Inputs:
        """The tables that trainings leave, by contract, a file for each model."""
        folders = [f"results/models/{model}" for model in self.plan.models]
        return {table: [f"{f}/{name}" for f in folders] for table, name in HISTORY.items()}

    def figure_tables(self, figure: FigureSpec) -> Inputs:
        """The tables that a figure is drawn from, by name."""
        own = {"pairs": "results/reporting/pairs.parquet", **self.histories}
        return {t: own.get(t) or self.evaluation_table(t) for t in figure.tables}

    @property
    def jobs(self) -> dict[str, list[str]]:
        """All jobs but those for the pages, by rule, named as their logs."""
        made = [
            self.corpus(d, seed)
            for d, source in self.sources.items()
            if source.source == "synthetic"
            for seed in self._corpora(d)
        ]
        fetched = [d for d in self.plan.prepared if d in self.plan.downloaded]
        prepared = [Path(folder).name for folder in self.prepared_folders]
        jobs = {"synthesise": made, "download": fetched, "prepare": prepared}
        jobs |= {"train": list(self.plan.models)}
        jobs |= {"mine": self.plan.sonified_models, "render": self.plan.sonified_models}
        jobs |= {stage.name: stage.jobs(self.plan) for stage in STAGES.values()}
        jobs |= {"gather": list(ALL_TABLES)}
        jobs |= {"reporting": [*(f"table_{t}" for t in TABLES), *ALL_FIGURES, "claims", "gallery"]}
        return jobs

    @property
    def benchmarks(self) -> list[str]:
        """Files with the costs of all jobs but those for the pages."""
        named = [(rule, job) for rule, jobs in self.jobs.items() for job in jobs]
        return [f"results/benchmarks/{rule}/{job}.tsv" for rule, job in named]

    def corpus(self, dataset: str, seed: Seed) -> str:
        """Name of the corpus that models of this seed are trained and measured on.

        Every seed has a synthesised corpus of its own, so that intervals over seeds are over clips
        too; other corpora serve all seeds.
        """
        own = self.sources[dataset].source == "synthetic"
        return f"{dataset}-s{seed}" if own else dataset

    def data_folder(self, dataset: str, seed: Seed) -> str:
        """Folder of the prepared corpus of a dataset and seed."""
        return f"results/data/{self.corpus(dataset, seed)}"

    def raw_root(self, dataset: str, seed: Seed = EACH) -> str:
        """Root of the raw corpus of a dataset and seed."""
        source = self.sources[dataset]
        if source.source == "synthetic":
            return f"results/data/raw/{self.corpus(dataset, seed)}"
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

    def raw_input(self, dataset: str, seed: Seed = EACH) -> Inputs:
        """Inputs of preparation: the synthesised corpus, the list of what was downloaded, or
        the lists of a local one."""
        root = self.raw_root(dataset, seed)
        if dataset in self.plan.downloaded:
            return {"downloads": f"results/data/downloads/{dataset}.parquet"}
        if self.sources[dataset].source == "local":
            return {
                "lists": [f"{root}/{name}" for name in DATASETS[dataset].present_lists(Path(root))]
            }
        return {"root": root}

    def training_input(self, name: str, seed: str) -> Inputs:
        """Prepared splits and, for finetuning, the model to start from."""
        run = self.plan.run(name)
        validated = self.plan.recipe(run.recipe).validated_split
        splits = [*run.splits, *([validated] if validated else [])]
        files = self._prepared(run.dataset, splits, seed)
        if run.start:
            files |= self._model_files(f"{run.start}-s{seed}")
        return files

    def mining_input(self, model: str) -> Inputs:
        """A model and the clips that are mined."""
        clips = self._prepared(*self.plan.mined_clips, self.plan.seed_of(model))
        return self._model_files(model) | clips

    @property
    def shown_data(self) -> list[str]:
        """Folders of the corpora whose clips the models that pages show were mined on."""
        dataset, _ = self.plan.mined_clips
        seeds = map(self.plan.seed_of, self.plan.shown_models)
        return list(dict.fromkeys(self.data_folder(dataset, seed) for seed in seeds))

    @property
    def shown_clips(self) -> list[str]:
        """List the files read of these corpora: which clips there are, and those that are mined."""
        _, splits = self.plan.mined_clips
        return [f"{d}/{name}" for d in self.shown_data for name in ("manifest.parquet", *splits)]

    def stage_input(self, stage: Stage, job: str) -> Inputs:
        """The model that a job of an evaluation stage runs, its clips, and what else it needs."""
        model = stage.model(self.plan, job)
        clips = self._prepared(*stage.clips(self.plan, job), self.plan.seed_of(model))
        files = self._model_files(model) | clips
        needed = {name: self._needed(stage, job, name) for name in stage.needs}
        return files | {name: file for name, file in needed.items() if file is not None}

    def start_option(self, name: str, seed: str) -> str:
        """The --start option of finetuning, or nothing."""
        run = self.plan.run(name)
        return f"--start results/models/{run.start}-s{seed}" if run.start else ""

    def _needed(self, stage: Stage, job: str, name: str) -> str | None:
        """A further input of an evaluation stage, see `Stage.needs`; None if there are no stems."""
        model = stage.model(self.plan, job)
        if name == "stems":
            dataset = stage.clips(self.plan, job).dataset
            if self.plan.stems_inside(dataset) is None:
                return None
            own = self.raw_root(dataset, self.plan.seed_of(model))
            return self.plan.evaluation.stems.folder or own
        if name == "checkpoints":
            return f"results/models/{model}/checkpoints"
        return f"results/sonification/{model}/{name}.parquet"

    def _corpora(self, dataset: str) -> list[Seed]:
        """A seed for each corpus of a dataset."""
        seeds = self.plan.training.seeds
        return list({self.corpus(dataset, seed): seed for seed in seeds}.values())

    def _prepared(self, dataset: str, splits: Iterable[str], seed: Seed) -> Inputs:
        folder = self.data_folder(dataset, seed)
        return {
            "vocabulary": f"{folder}/vocabulary.parquet",
            "splits": [f"{folder}/{split}" for split in splits],
        }

    def _model_files(self, model: str) -> Inputs:
        folder = f"results/models/{model}"
        return {"weights": f"{folder}/model.safetensors", "card": f"{folder}/model.json"}


def _table_files(name: str) -> dict[str, str]:
    """A table for programs and for readers, by kind."""
    stem = f"results/reporting/tables/{name}"
    return {"parquet": f"{stem}.parquet", "csv": f"{stem}.csv", "markdown": f"{stem}.md"}


def _images(figures: Iterable[str]) -> list[str]:
    return [f"results/reporting/figures/{n}.{kind}" for n in figures for kind in ("png", "svg")]
