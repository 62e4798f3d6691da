"""Every job of a plan with its work, what it waits for, and what it needs of disk and memory."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from graphlib import TopologicalSorter

from sonify.contracts.audio_format import RATE_HZ
from sonify.data.corpora.registry import DATASETS
from sonify.estimate import network
from sonify.estimate.clips import clips, several
from sonify.estimate.measuring import measuring, mine, mined, render, sonified_s
from sonify.estimate.training import MAP_BYTES, probings, training
from sonify.estimate.work import Work, other
from sonify.evaluation.stage import Stage
from sonify.models.architecture import Architecture
from sonify.plan.files import Files
from sonify.plan.plan import Plan
from sonify.plan.registry import FIGURES, STAGES
from sonify.plan.runs import present
from sonify.plan.scatter import Scatter

SOURCE_HZ = {"audioset": 16_000, "fsd50k": 44_100, "speech_commands": 16_000}
DECODED_AGAIN = {"audioset": 8_000}  # what a download leaves to prepare, if not the published rate
HOST = frozenset(
    {
        *("synthesise", "download", "prepare", "prepare_share"),
        *("coherence_by_filter", "gather", "reporting"),
    }
)
PAGES = ("pairs", "database", "cards", "page", "summary")
BASE_BYTES = 500e6  # of a process with PyTorch and pandas, benchmarks of the miniature
STREAM_BYTES = 256e6  # of maps on their way back (sonification.deconvnet.sonifier)
SAMPLE_BYTES = 2
STORED = 0.75  # bytes of stored sonifications per byte of samples: they are compressed
GALLERY = {"flac": 1.2, "opus": 0.3}  # bytes of the gallery per byte of the samples it shows
RAW = 1.25  # bytes of a synthesised corpus per byte of its clips: stems are there too


@dataclass(frozen=True)
class Job:
    """A job: rule and name, work, the jobs it waits for, bytes it leaves on the disk, and bytes of
    memory that it needs beyond those of the process. host: it uses no network, and so no GPU."""

    rule: str
    name: str
    work: Work
    needs: tuple[str, ...] = ()
    disk: float = 0.0
    memory: float = 0.0

    @property
    def id(self) -> str:
        """Rule and name."""
        return f"{self.rule}/{self.name}"

    @property
    def host(self) -> bool:
        """Tell whether it runs no network, so that it needs no GPU."""
        return self.rule in HOST


def jobs(plan: Plan) -> list[Job]:
    """Return all jobs of the default target, each behind those that it waits for."""
    scatter = Scatter(plan, Files(plan))
    every = [job for whole in _Jobs(plan).all() for job in _shared(whole, scatter)]
    made = {job.id: job for job in every}
    graph = {name: [n for n in job.needs if n in made] for name, job in made.items()}
    return [made[name] for name in TopologicalSorter(graph).static_order()]


class _Jobs:
    """Makes the jobs of a plan."""

    def __init__(self, plan: Plan) -> None:
        self.plan, self.files = plan, Files(plan)
        self.names = self.files.jobs

    def all(self) -> Iterable[Job]:
        """Every job but those of the target `beyond`."""
        for rule, names in self.names.items():
            if rule in STAGES:
                yield from (self._stage(rule, name) for name in names if not STAGES[rule].beyond)
            else:
                yield from getattr(self, f"_{rule}")(names)

    def _synthesise(self, names: list[str]) -> Iterable[Job]:
        for name in names:
            dataset = name.rpartition("-s")[0]
            number, seconds = self._size(dataset)
            rate = SOURCE_HZ[dataset]
            done = other(synthesised_clip=number, synthesised_s=seconds * rate / 44_100)
            yield _job("synthesise", name, done, disk=seconds * rate * SAMPLE_BYTES * RAW)

    def _download(self, names: list[str]) -> Iterable[Job]:
        for name in names:
            seconds = self._size(name)[1] if name in DECODED_AGAIN else 0.0
            yield _job("download", name, other(decoded_s=seconds))

    def _prepare(self, names: list[str]) -> Iterable[Job]:
        for name in names:
            dataset = name.rpartition("-s")[0] or name
            number, seconds = self._size(dataset)
            downloaded = dataset in self.plan.downloaded
            rate = DECODED_AGAIN.get(dataset, 0) if downloaded else 0
            rate = rate or SOURCE_HZ.get(dataset, 44_100)
            done = other(prepared_clip=number, prepared_s=seconds * rate / 44_100)
            needs = (f"synthesise/{name}", f"download/{dataset}")
            part = self.plan.config.data.clips_per_part * seconds / max(1, number)
            yield _job(
                "prepare", name, done, needs, seconds * RATE_HZ * SAMPLE_BYTES, part * RATE_HZ * 6
            )

    def _train(self, names: list[str]) -> Iterable[Job]:
        for name in names:
            run = self.plan.run_of(name)
            recipe = self.plan.recipe(run.recipe)
            encoder, seed = self.plan.architecture(run.name), str(self.plan.seed_of(name))
            of = training(self.plan, name)
            weights = 4 * network.parameters(encoder) * (1 + len(recipe.kept_epochs))
            known = several(self.plan.config, run.dataset, run.splits)
            held = min(recipe.shuffle_clips, known.number) * of.step.samples * SAMPLE_BYTES
            memory = _training_bytes(encoder, of.step.kept_values, recipe.precision)
            needs = self._needs(self.files.training_input(run.name, seed))
            crops = held * (of.step.crops // of.step.clips)
            begin = other(network=2 if run.start else 1, first_step=not of.step.frozen)
            yield _job("train", name, begin + of.work, needs, weights, memory + crops)

    def _mine(self, names: list[str]) -> Iterable[Job]:
        for name in names:
            needs = self._needs(self.files.mining_input(name))
            yield _job("mine", name, mine(self.plan, name), needs, memory=self._passing(name))

    def _render(self, names: list[str]) -> Iterable[Job]:
        for name in names:
            needs = (*self._needs(self.files.mining_input(name)), f"mine/{name}")
            disk = sonified_s(self.plan, name) * RATE_HZ * SAMPLE_BYTES * STORED
            memory = self._passing(name) + STREAM_BYTES
            yield _job("render", name, render(self.plan, name), needs, disk, memory)

    def _stage(self, rule: str, name: str) -> Job:
        stage = STAGES[rule]
        needs = self._needs(self.files.stage_input(stage, name))
        model, disk = stage.model(self.plan, name), 0.0
        memory = self._passing(model) + STREAM_BYTES
        if rule == "score":
            dataset, splits = stage.clips(self.plan, name)
            some = several(self.plan.config, dataset, splits)
            disk = 4.0 * some.number * some.classes
        if stage.trains:
            probe = self.plan.probes[name]
            encoder, precision = self.plan.architecture(self.plan.run_of(model).name), "float32"
            if not probe.finetuned:
                precision = self.plan.recipe(probe.run.recipe).precision
            kept = [of.step.kept_values for of in probings(self.plan, probe)]
            memory = _training_bytes(encoder, max(kept, default=0.0), precision)
        done = measuring(self.plan, stage, name)
        return _job(rule, name, done, needs, disk, memory)

    def _gather(self, names: list[str]) -> Iterable[Job]:
        for name in names:
            parts = self.files.parts(name)
            stage = _writers()[name]
            if not stage.beyond:
                done = other(gathered=len(parts))
                yield _job("gather", name, done, self._needs({"parts": parts}))

    def _reporting(self, names: list[str]) -> Iterable[Job]:
        tables = [f"gather/{name}" for name in self.names["gather"]]
        sounds = [f"render/{model}" for model in self.plan.shown_models]
        for name in [*names, *PAGES]:
            needs, done, disk = [*tables, *sounds], other(drawn=1), 0.0
            if name.startswith("table_"):
                needs, done = ["gather/metrics"], other(gathered=1)
            elif name in FIGURES:
                needs = list(self._needs(self.files.figure_tables(FIGURES[name])))
            elif name.startswith("figure_"):
                continue  # of the target beyond
            elif name == "gallery":
                seconds = sum(sonified_s(self.plan, model) for model in self.plan.shown_models)
                codec = self.plan.config.reporting.gallery.audio
                done = other(shown_s=seconds)
                disk = seconds * RATE_HZ * SAMPLE_BYTES * GALLERY[codec]
            elif name in ("cards", "page"):
                needs += ["reporting/claims", "reporting/gallery", "reporting/pairs"]
            elif name == "summary":
                needs += ["reporting/page"]
            yield _job("reporting", name, done, tuple(needs), disk)

    def _needs(self, files: Mapping[str, str | list[str]]) -> tuple[str, ...]:
        """The jobs that write some files, each once."""
        flat = [f for each in files.values() for f in ([each] if isinstance(each, str) else each)]
        return tuple(dict.fromkeys(name for file in flat if (name := self._maker(file))))

    def _maker(self, file: str) -> str | None:
        """The job that writes a file; None for what nothing here writes."""
        _, kind, *place = file.split("/")
        if kind == "data":
            return f"prepare/{place[0]}"
        if kind == "models":
            return f"train/{place[0]}"
        if kind == "sonification":
            rule = "mine" if place[1].startswith("top_activations") else "render"
            return f"{rule}/{place[0]}"
        if kind == "evaluation":
            name = place[-1].removesuffix(".parquet")
            return f"gather/{name}" if len(place) == 1 else f"{_writers()[place[0]].name}/{name}"
        return "reporting/pairs" if place[-1:] == ["pairs.parquet"] else None

    def _size(self, dataset: str) -> tuple[int, float]:
        """Clips of a dataset that are made or prepared, and their seconds."""
        config, splits = self.plan.config, self.plan.used_splits(dataset)
        if dataset not in self.plan.downloaded:
            splits = list(present(config, dataset, DATASETS[dataset].splits))
        each = [clips(config, dataset, split) for split in splits]
        return sum(some.number for some in each), sum(some.seconds for some in each)

    def _passing(self, model: str) -> float:
        """Bytes of the maps of a batch that passes through a model, and of their switches."""
        encoder = self.plan.architecture(self.plan.run_of(model).name)
        seconds = max(self.plan.evaluation.batch_s, mined(self.plan).mean_s)
        widest = max(network.layers(encoder, seconds * RATE_HZ), key=lambda layer: layer.values)
        return 3 * 4 * widest.values


def _shared(job: Job, scatter: Scatter) -> Iterable[Job]:
    """Yield a job or, where it is shared, its shares and then what is left to it: to merge them.

    Every share starts and has the network; metrics are computed of all scores at once, and so by
    the job that merges.
    """
    number, begin = scatter.number(job.rule), {"start": 1.0}
    if number == 1:
        yield job
        return
    amounts = job.work.amounts
    apart = begin | {u: n for u, n in amounts.items() if u in ("score", "ranking")}
    every = begin | {u: n for u, n in amounts.items() if u == "network"}
    rest = Work({u: n for u, n in amounts.items() if u not in apart | every})
    each = rest * (1 / number) + Work(every)
    shares = [
        Job(f"{job.rule}_share", f"{job.name}-{i}-of-{number}", each, job.needs, memory=job.memory)
        for i in range(1, number + 1)
    ]
    yield from shares
    needs = (*job.needs, *(share.id for share in shares))
    yield replace(job, work=Work(apart), needs=needs)


def _job(
    rule: str,
    name: str,
    work: Work,
    needs: tuple[str, ...] = (),
    disk: float = 0.0,
    memory: float = 0.0,
) -> Job:
    return Job(rule, name, work + other(start=1), needs, disk, memory)


def _training_bytes(encoder: Architecture, kept_values: float, precision: str) -> float:
    """Bytes of a training: maps, and weights with gradients and both moments of Adam."""
    each = MAP_BYTES["bfloat16" if precision == "bfloat16" else "float32"]
    return kept_values * each + 16 * network.parameters(encoder)


def _writers() -> dict[str, Stage]:
    return {table: stage for stage in STAGES.values() for table in stage.tables}
