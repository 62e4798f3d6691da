"""The stages of a rehearsal: the workflow's own scripts, in order, and what each may hold.

Settings and files are those of the plan, under `rehearsal.yaml`. The network that is mined and
shown has the paper's number of filters and is not trained: a gallery's size depends on its number,
not on what it has learned.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sonify.config.__main__ import overlaid
from sonify.config.loading import load
from sonify.plan.files import Files
from sonify.plan.plan import Plan
from sonify.plan.registry import STAGES as MEASURED
from sonify.plan.settings import Settings
from sonify.rehearsal.sizes import MINED, listed

OVERLAY = Path(__file__).with_name("rehearsal.yaml")
TRAINED, CLASSIFIER, SHOWN = "contrastive", "balanced-contrastive-fconly", "shown"
SHOWN_CARD = f"results/models/{SHOWN}-s0/model.json"  # below the folder of a rehearsal
OWN = ""  # in place of a script: a job of `sonify.rehearsal.jobs`
MB = 1e6

Job = tuple[str, ...]  # a script of the workflow, or OWN, and its arguments


@dataclass(frozen=True)
class Bound:
    """Most bytes that a process of a stage may hold: a fixed number, and some per clip.

    `of` says which clips count: all that are listed, those of the split that is scored, or of these
    only as many as can be mined, which are all that `render` keeps.
    """

    fixed_mb: int
    per_clip: int
    of: str = "listed"

    def clips(self, n: int) -> int:
        """Return the clips that count, of `n` listed ones."""
        if self.of == "listed":
            return n
        return min(listed(n).eval, MINED) if self.of == "mined" else listed(n).eval

    def megabytes(self, n: int) -> float:
        """Return what may be held, of `n` listed clips."""
        return self.fixed_mb + self.clips(n) * self.per_clip / MB


# PyTorch and pandas take 500 MB of a process; what a batch, a part of 256 clips or the filters of a
# network take stands in the fixed part as well. Real clips of 10 s add 40 MB for each part in work.
BOUNDS: dict[str, Bound] = {
    "corpus": Bound(300, 20),
    "list": Bound(300, 800),
    "prepare": Bound(500, 1_600),
    "pretrain": Bound(900, 150),
    "classify": Bound(900, 150),
    "mine": Bound(1_500, 100, "eval"),
    "render": Bound(1_400, 5_000, "mined"),
    "filters": Bound(1_500, 1_000, "eval"),
    "score": Bound(900, 16_000, "eval"),
    "gather": Bound(600, 0),
    "gallery": Bound(900, 100),
    "page": Bound(900, 300),
    "summary": Bound(900, 300),
    "record": Bound(400, 600),
}


@dataclass(frozen=True)
class Stage:
    """Jobs that run one after another and are measured together."""

    name: str
    jobs: tuple[Job, ...]


class Stages:
    """The stages of a rehearsal with `clips` listed clips; `width` of the network that is shown."""

    def __init__(self, clips: int, width: float = 1.0) -> None:
        self.clips = clips
        self.width = width
        plan = Plan(load(overlaid([OVERLAY])))
        self.files, self.settings = Files(plan), Settings(plan)
        self.raw = self.files.raw_root("audioset", 0)
        self.data = self.files.data_folder("audioset", 0)

    def all(self) -> list[Stage]:
        """Return all stages in order."""
        clips = str(self.clips)
        made = [
            Stage("corpus", ((OWN, "corpus", "--at", self.raw, "--clips", clips),)),
            Stage("list", ((OWN, "list", "--at", self.raw),)),
            Stage("prepare", (self._prepare(),)),
            Stage("pretrain", (self._train(TRAINED),)),
            Stage("classify", (self._train(CLASSIFIER, "--start", _model(TRAINED)),)),
            Stage("mine", (self._network(), self._mine())),
            Stage("render", (self._render(),)),
            Stage("filters", (self._measure("filters", SHOWN, TRAINED),)),
            Stage("score", (self._measure("score", CLASSIFIER, CLASSIFIER),)),
            Stage("gather", (self._gather("metrics", CLASSIFIER), self._gather("filters", SHOWN))),
            Stage("gallery", (self._empty(), self._gallery())),
            Stage("page", (self._table(), self._page())),
            Stage("summary", (self._summary(),)),
            Stage("record", ((OWN, "record", "--at", self.data),)),
        ]
        assert [stage.name for stage in made] == list(BOUNDS)
        return made

    def _prepare(self) -> Job:
        settings = self.settings.prepare("audioset")
        place = "--dataset", "audioset", "--root", self.raw, "--out", self.data
        return "prepare.py", *place, "--settings", settings

    def _train(self, run: str, *start: str) -> Job:
        place = "--data", self.data, "--out", _model(run), "--work", f"results/unfinished/{run}"
        return "train.py", "--seed", "0", "--settings", self.settings.train(run), *place, *start

    def _network(self) -> Job:
        like = "--like", _model(TRAINED), "--width", str(self.width)
        return OWN, "network", "--at", _model(SHOWN), *like

    def _mine(self) -> Job:
        out = [f"{_sonified(SHOWN)}/{name}.parquet" for name in ("top_activations", "left_out")]
        return self._job("mine.py", SHOWN, self.settings.mine(), *out)

    def _render(self) -> Job:
        top = f"{_sonified(SHOWN)}/top_activations.parquet"
        job = self._job("render.py", SHOWN, self.settings.render(), _sounds(SHOWN))
        return *job, "--input", f"top_activations={top}"

    def _measure(self, stage: str, run: str, planned: str) -> Job:
        """The job of an evaluation stage with a run, as it is planned for another."""
        declared = MEASURED[stage]
        settings = self.settings.evaluation_job(declared, f"{planned}-s0")
        out = [f"results/evaluation/{table}/{run}-s0.parquet" for table in declared.tables]
        job = self._job(declared.script, run, settings, *out)
        if not declared.needs:
            return job
        return *job, "--input", *(f"{n}={_sonified(run)}/{n}.parquet" for n in declared.needs)

    def _job(self, script: str, run: str, settings: str, *out: str) -> Job:
        work = f"results/unfinished/{Path(script).stem}-{run}"
        place = "--model", _model(run), "--data", self.data, "--work", work
        return script, *place, "--settings", settings, "--out", *out

    def _gather(self, table: str, run: str) -> Job:
        part = f"results/evaluation/{table}/{run}-s0.parquet"
        out = self.files.evaluation_table(table)
        return "gather.py", "--table", table, "--parts", part, "--out", out

    def _empty(self) -> Job:
        return OWN, "empty", "--at", "results/empty"

    def _gallery(self) -> Job:
        settings = self._with(self.settings.gallery(), models=[f"{SHOWN}-s0"])
        tables = "--filters", self.files.evaluation_table("filters")
        none = "--evolution", "results/empty/evolution.parquet"
        out = "--settings", settings, "--out", "results/reporting/gallery"
        return "gallery.py", *self._shown, *tables, *none, *out

    def _table(self) -> Job:
        metrics = "--metrics", self.files.evaluation_table("metrics")
        out = "--settings", self.settings.table(), "--out", _table("A1")
        return "table.py", "--table", "A1", *metrics, *out

    def _page(self) -> Job:
        none = [f"results/empty/{name}.parquet" for name in ("claims", "claims_beside")]
        claims = "--claims", none[0], "--beside", none[1], "--figures", "results/reporting/figures"
        out = "--settings", self.settings.page(), "--out", "results/reporting/index.html"
        return "page.py", *self._shown, "--tables", _table("A1"), *claims, *out

    def _summary(self) -> Job:
        metrics = "--metrics", self.files.evaluation_table("metrics")
        empty = ("removal", "coherence", "claims", "claims_beside")
        none = [word for name in empty for word in (f"--{name}", f"results/empty/{name}.parquet")]
        histories = [f"{_model(run)}/history.parquet" for run in (TRAINED, CLASSIFIER)]
        out = "--settings", self.settings.summary(), "--out", "results/reporting/summary.txt"
        return "summary.py", "--data", self.data, *metrics, *none, "--history", *histories, *out

    @property
    def _shown(self) -> tuple[str, ...]:
        return "--data", self.data, "--sonification", _sonified(SHOWN)

    def _with(self, settings: str, **changed: Any) -> str:
        return json.dumps({**json.loads(settings), **changed}, sort_keys=True)


def _model(run: str) -> str:
    return f"results/models/{run}-s0"


def _sonified(run: str) -> str:
    return f"results/sonification/{run}-s0"


def _sounds(run: str) -> str:
    return f"{_sonified(run)}/sonifications.parquet"


def _table(name: str) -> str:
    return f"results/reporting/tables/table_{name}.parquet"
