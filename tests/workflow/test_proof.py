"""What `make verify` and `make why` find, on a plan of four jobs."""

import json
import os
import shlex
import shutil
import sys
from collections import defaultdict
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import soundfile
from checkouts import Workflow

from sonify.contracts import tables
from sonify.runtime import seals

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "workflow"))
import answers  # noqa: E402
import proof  # noqa: E402
import words  # noqa: E402
from parts import lost_part  # noqa: E402

PARTS = ("results/evaluation/coherence/a-s0.parquet", "results/evaluation/coherence/b-s0.parquet")
WHOLE, PAGE = "results/evaluation/coherence.parquet", "results/reporting/index.html"
CONFIG = {"evaluation": {"coherence": {"k": 5}}, "device": "cpu"}


class Job(SimpleNamespace):
    __hash__ = object.__hash__

    def is_group(self) -> bool:
        return False


def job(rule, code, settings, inputs, outputs, apart="", outside=None) -> Job:
    task = {"rule": rule, "code": code, "settings": settings, "inputs": inputs, "outputs": outputs}
    if outside:
        task["outside"] = outside
    if apart:
        task |= {"inputs": [], "apart": apart}
    params = {
        "made": f"export {seals.VARIABLE}={shlex.quote(json.dumps(task))};",
        "script": f"{rule}.py",
    }
    return Job(rule=SimpleNamespace(name=rule), params=params, input=inputs)


class Plan:
    """Two measurements, gathered, and a page: what Snakemake's DAG is asked."""

    targetrules = (SimpleNamespace(name="all"),)

    def __init__(self, code: str = "c1", k: int = 5, parts=PARTS, apart: str = "") -> None:
        self.workflow = SimpleNamespace(touch=False, default_target="all")
        settings = {"settings": {"k": k}}
        self.jobs = [
            job("coherence", code, settings, [f"results/{Path(part).name[0]}.safetensors"], [part])
            for part in PARTS
        ]
        self.jobs.append(job("gather", "g", {}, list(parts), [WHOLE]))
        self.jobs.append(job("page", "p", {}, [WHOLE], [PAGE], apart))
        self.dependencies = defaultdict(dict)
        self.dependencies[self.jobs[2]] = dict.fromkeys(self.jobs[:2])
        self.dependencies[self.jobs[3]] = {self.jobs[2]: None}
        self.running = []
        self.finished_jobs = self.jobs

    def toposorted(self):
        return [self.jobs[:2], [self.jobs[2]], [self.jobs[3]]]

    def needrun_jobs(self):
        return self.running

    def reason(self, job):
        return SimpleNamespace(updated_input=set())


@pytest.fixture(autouse=True)
def forgetful(monkeypatch):
    """Each process that plans reads seals once; here files change in between."""
    monkeypatch.setattr(proof, "_seal", seals.seal)
    monkeypatch.setattr(proof, "_expected", proof._expected.__wrapped__)


def make(job, monkeypatch, index: int = 0) -> None:
    """Do what a job does."""
    task = proof.task_of(job)
    told = task | {"inputs": []} if "apart" in task else task
    monkeypatch.setenv(seals.VARIABLE, json.dumps(told))
    seals._made.cache_clear()
    for path in map(Path, task["outputs"]):
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".parquet":
            row = {"dataset": "d", "index": index, "label": "l" * 500, "mid": ""}
            tables.write(pd.DataFrame([row]), path, "vocabulary")
        else:
            path.write_text("<p>")
    seals.write_receipts()


@pytest.fixture
def made(tmp_path, monkeypatch) -> Plan:
    """A finished run."""
    monkeypatch.chdir(tmp_path)
    plan = Plan()
    for n, job in enumerate(plan.jobs):
        make(job, monkeypatch, n)
    return plan


def found(plan: Plan) -> dict[str, tuple[str, str]]:
    return {str(p): f for p, f in answers.findings(plan, CONFIG) if f[0] != "intact"}


def test_what_is_as_it_would_be_made_now_is_intact(made, capsys):
    assert answers.verify(made, CONFIG) == 0
    assert capsys.readouterr().out == "4 intact, 0 stale, 0 missing, 0 foreign, 0 damaged\n"


AFTER = {  # a part that is not what it would be made now
    WHOLE: ("stale", f"made from {PARTS[0]}, which is {{}}"),
    PAGE: ("stale", f"made from {WHOLE}, which is stale"),
}


def after(kind: str) -> dict[str, tuple[str, str]]:
    return {path: (stale, why.format(kind)) for path, (stale, why) in AFTER.items()}


def test_a_flipped_byte_in_a_data_page(made, capsys):
    content = bytearray(Path(PARTS[0]).read_bytes())
    column = pq.read_metadata(PARTS[0]).row_group(0).column(2)
    content[column.data_page_offset + column.total_compressed_size // 2] ^= 1
    Path(PARTS[0]).write_bytes(content)
    why = "its bytes are not its checksum's: delete it and make run"
    assert found(made) == {PARTS[0]: ("damaged", why), **after("damaged")}
    assert answers.verify(made, CONFIG) == 1
    printed = capsys.readouterr().out.splitlines()
    assert f"damaged: {PARTS[0]}: {why}" in printed
    assert printed[-1] == "1 intact, 2 stale, 0 missing, 0 foreign, 1 damaged"


def test_a_table_of_older_code_and_the_module_that_changed(made, monkeypatch):
    proof.CODE.mkdir(parents=True)
    then = {"src/sonify/evaluation/metrics/coherence.py": "1", "src/sonify/runtime/jobs.py": "1"}
    (proof.CODE / "c1.json").write_text(json.dumps(then))
    now = then | {"src/sonify/evaluation/metrics/coherence.py": "2"}
    monkeypatch.setattr(words, "code_parts", lambda script: now)
    newer = Plan(code="c2")
    assert found(newer)[PARTS[1]] == ("stale", "evaluation/metrics/coherence.py changed")
    make(newer.jobs[0], monkeypatch, 0)
    kinds = {path: kind for path, (kind, _) in found(newer).items()}
    assert kinds == {PARTS[1]: "stale", WHOLE: "stale", PAGE: "stale"}


def test_a_table_of_another_configuration_and_the_key_that_changed(made):
    CONFIG["evaluation"]["coherence"]["k"] = 3
    kind, why = found(Plan(k=3))[PARTS[0]]
    assert (kind, why) == ("stale", "configuration: evaluation.coherence.k is 3, was 5")


def test_a_missing_part(made):
    Path(PARTS[0]).unlink()
    assert found(made) == {PARTS[0]: ("missing", "make run makes it"), **after("missing")}


def test_foreign_files_and_a_table_in_the_place_of_another(made):
    Path("results/old/deep").mkdir(parents=True)
    Path("results/old/deep/x.csv").write_text("x")
    Path("results/evaluation/notes.txt").write_text("x")
    Path("results/evaluation/.nfs0001").write_text("x")
    Path("results/logs").mkdir()
    Path("results/logs/a.log").write_text("x")
    Path(PARTS[0]).write_bytes(Path(PARTS[1]).read_bytes())
    away = "no planned job makes it: move it away"
    other = f"it was made as {PARTS[1]}: delete it and make run"
    assert found(made) == {
        "results/old": ("foreign", away),
        "results/evaluation/notes.txt": ("foreign", away),
        PARTS[0]: ("foreign", other),
        **after("foreign"),
    }


def test_of_some_targets_nothing_is_called_foreign(made, capsys):
    Path("results/notes.txt").write_text("x")
    made.targetrules = (SimpleNamespace(name="evaluation"),)
    assert answers.verify(made, CONFIG) == 0
    counts, said = capsys.readouterr().out.splitlines()
    assert counts == "4 intact, 0 stale, 0 missing, 0 foreign, 0 damaged"
    assert said == "Of the targets alone: whether other files are foreign was not looked at"


def test_an_older_gathered_table_put_back_is_remade(made, monkeypatch):
    older = Path(WHOLE).read_bytes()
    make(made.jobs[0], monkeypatch, 7)
    make(made.jobs[2], monkeypatch, 2)
    make(made.jobs[3], monkeypatch)
    assert found(made) == {}
    Path(WHOLE).write_bytes(older)
    assert list(proof.stale(made.jobs[2])) == [Path(WHOLE)]
    assert found(made)[WHOLE] == ("stale", f"{PARTS[0]} changed since it was made")


def test_a_table_of_other_inputs_is_stale_and_says_of_which(made):
    """A seed less: the table of all is no stranger for that."""
    assert found(Plan(parts=PARTS[:1]))[WHOLE] == (
        "stale",
        f"{PARTS[1]} no longer among its inputs",
    )


def test_a_table_of_another_rule_is_foreign(made):
    made.jobs[2] = job("collect", "g", {}, list(PARTS), [WHOLE])
    assert found(made)[WHOLE] == ("foreign", "it was made by gather: delete it and make run")


def test_a_page_of_inputs_that_its_job_is_not_told(made, monkeypatch):
    """Those of pages are too many, so that the run records them when it ends."""
    plan = Plan(apart="contents")
    make(plan.jobs[3], monkeypatch)
    assert found(plan) == {PAGE: ("stale", "no record says from which inputs it was made")}
    proof.write_inputs(plan)
    assert found(plan) == {}
    make(plan.jobs[2], monkeypatch, 7)  # other rows: the page shows those of before
    assert found(plan) == {PAGE: ("stale", f"{WHOLE} changed since it was made")}
    assert list(proof.stale(plan.jobs[3])) == [Path(PAGE)]
    plan.workflow.touch = True
    proof.write_inputs(plan)
    assert list(found(plan)) == [PAGE], "accepted is not made anew"
    older = {f: f.read_bytes() for f in (Path(PAGE), seals.receipt(Path(PAGE)))}
    plan.workflow.touch = False
    Path(PAGE).write_text("<p>newer")
    monkeypatch.setenv(seals.VARIABLE, json.dumps(proof.task_of(plan.jobs[3]) | {"inputs": []}))
    seals.write_receipts()
    proof.write_inputs(plan)
    assert found(plan) == {}
    for file, content in older.items():
        file.write_bytes(content)
    assert list(found(plan)) == [PAGE], "an older page put back, with its receipt"


@pytest.mark.parametrize(("before", "now"), [("", "contents"), ("contents", "")])
def test_a_page_whose_job_another_configuration_told_its_inputs_or_did_not(
    made, monkeypatch, capsys, before, now
):
    """A configuration of more runs has names too long to hand on; the reason is still the right
    one, and there is none if nothing else has changed."""
    plan = Plan(apart=before)
    make(plan.jobs[3], monkeypatch)
    proof.write_inputs(plan)
    plan = Plan(apart=now)
    assert found(plan) == {}
    plan.jobs[3].input = [*plan.jobs[3].input, PARTS[0]]
    if not now:
        plan.jobs[3] = job("page", "p", {}, plan.jobs[3].input, [PAGE])
    plan.running = plan.jobs[3:]
    answers.why(plan, CONFIG)
    assert capsys.readouterr().out.splitlines()[0] == f"page: {PARTS[0]} new among its inputs"


def test_of_a_database_of_views_it_counts_which_tables_there_are(made, monkeypatch):
    plan = Plan(apart="names")
    proof.write_inputs(plan)
    make(plan.jobs[2], monkeypatch, 7)
    assert found(plan) == {}
    Path(WHOLE).unlink()
    assert found(plan) == {WHOLE: ("missing", "make run makes it")}
    make(plan.jobs[2], monkeypatch, 7)
    plan.jobs[3].input.append(PARTS[0])
    assert found(plan) == {PAGE: ("stale", f"{PARTS[0]} new among its inputs")}


def test_what_only_beyond_makes_is_made_by_it(made):
    Path(PARTS[0]).unlink()
    kinds = dict(answers.findings(made, CONFIG, {PARTS[0]}))
    assert kinds[Path(PARTS[0])] == ("missing", "make run ARGS=beyond makes it")


def test_a_page_that_was_edited_and_one_that_nothing_vouches_for(made):
    Path(PAGE).write_text("<p>other")
    assert found(made)[PAGE][1].startswith("it has changed since it was written")
    seals.receipt(Path(PAGE)).unlink()
    assert found(made)[PAGE][1].startswith("no record says what made it")


def test_clips_and_weights_are_known_by_the_list_beside_them(made, tmp_path):
    """A part of a split or a kept epoch that is lost, damaged or too much."""
    split = Path("results/data/fsd50k/train")
    split.mkdir(parents=True)
    for n in (0, 1):
        row = {"dataset": "d", "index": n, "label": "l", "mid": ""}
        tables.write(pd.DataFrame([row]), split / f"part-0000{n}.parquet", "vocabulary")
    pd.DataFrame({"part": ["train/part-00000.parquet", "train/part-00001.parquet"]}).to_parquet(
        split.parent / "manifest.parquet"
    )
    assert answers._fault(split) is None and not list(answers._strangers(split))
    assert lost_part(split) is None
    (split / "part-00002.parquet").write_text("x")
    (split / ".snakemake_timestamp").write_text("Snakemake's, when the job is done")
    strange = ("foreign", f"it does not belong to {split}: move it away")
    assert list(answers._strangers(split)) == [(split / "part-00002.parquet", strange)]
    assert proof.note_of(split) == seals.read_note(split / "part-00000.parquet") is not None
    (split / "part-00001.parquet").unlink()
    assert lost_part(split) == split / "part-00001.parquet"
    assert lost_part(split.parent / "manifest.parquet") is None
    kept = Path("results/models/a-s0/checkpoints")
    kept.mkdir(parents=True)
    (kept.parent / seals.CARD).write_text("{}")
    (kept / "epoch-0.safetensors").write_text("of a run that was killed")
    (kept.parent / "history.parquet").write_bytes((split / "part-00000.parquet").read_bytes())
    assert proof.note_of(kept) == proof.note_of(split)


def test_why_says_what_will_run_and_for_what_reason(made, capsys):
    assert answers.why(made, CONFIG) == 0
    assert capsys.readouterr().out == "Nothing to be done\n"
    CONFIG["evaluation"]["coherence"]["k"] = 4
    plan = Plan(k=4)
    plan.running = plan.jobs
    Path(PAGE).unlink()
    answers.why(plan, CONFIG)
    assert capsys.readouterr().out.splitlines() == [
        "coherence ×2: configuration: evaluation.coherence.k is 4, was 5",
        "gather: follows from coherence",
        "page: not made yet, or lost",
        "4 jobs will run",
    ]


def test_a_column_of_other_claims_renamed_has_a_reason_in_words(made, monkeypatch):
    """And what is of no use any more is no input of another name."""

    def page(**labs: str) -> Plan:
        plan = Plan()
        read = {f"the claims of {lab}": (f"the claims of {lab}", d) for lab, d in labs.items()}
        plan.jobs[3] = job("page", "p", {}, [WHOLE], [PAGE], outside=read)
        return plan

    make(page(a="d", b="e").jobs[3], monkeypatch)
    proof.write_outside(page(a="d", b="e").jobs[3])
    assert found(page(a="d", b="e")) == {}
    lost, new = "the claims of b no longer among its inputs", "the claims of c new among its inputs"
    assert found(page(a="d", c="e")) == {PAGE: ("stale", f"{lost}; {new}")}
    changed = ("stale", "the claims of b have changed")
    assert found(page(a="d", b="f")) == {PAGE: changed}
    Path(PARTS[0]).unlink()  # so that the page is made from something stale as well
    assert found(page(a="d", b="f"))[PAGE] == changed
    assert found(page(a="d", b="e"))[PAGE] == AFTER[PAGE]


PREPARED = "results/data/folder/vocabulary.parquet"


def preparation(digest: str, root: str = "/data/mine") -> Plan:
    """A plan of one job, which prepares a local corpus whose files have this digest."""
    plan = Plan()
    read = {"corpus": [f"the files of the corpus in {root}", digest]}
    plan.jobs = [job("prepare_folder", "c", {}, [], [PREPARED], outside=read)]
    plan.dependencies.clear()
    plan.toposorted = lambda: [plan.jobs]
    plan.running = plan.jobs
    return plan


def test_a_corpus_that_has_changed_since_it_was_prepared(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    then, now = preparation("d1"), preparation("d2")
    make(then.jobs[0], monkeypatch)
    bytes_then = Path(PREPARED).read_bytes()
    unknown = "no record says whether the files of the corpus in /data/mine have changed"
    assert found(then) == {PREPARED: ("stale", unknown)}
    proof.write_outside(then.jobs[0])
    assert found(then) == found(preparation("d1", "/moved")) == {}
    changed = "the files of the corpus in /data/mine have changed"
    assert found(now) == {PREPARED: ("stale", changed)}
    assert list(proof.stale(now.jobs[0])) == [Path(PREPARED)], "so that it is made anew"
    answers.why(now, CONFIG)
    assert capsys.readouterr().out.splitlines()[0] == f"prepare_folder: {changed}"
    make(now.jobs[0], monkeypatch)
    assert Path(PREPARED).read_bytes() == bytes_then, "times are in the record, not in the bytes"
    proof.write_outside(now.jobs[0])
    assert found(now) == {} and list(found(then)) == [PREPARED]
    make(now.jobs[0], monkeypatch, 7)
    assert found(now) == {PREPARED: ("stale", unknown)}, "the record is of other bytes"


def test_a_record_that_cannot_be_written_is_one_sentence(tmp_path, monkeypatch, capsys):
    """Raised within Snakemake it would be a traceback, and end the jobs at work."""
    monkeypatch.chdir(tmp_path)
    plan = preparation("d1")
    make(plan.jobs[0], monkeypatch)
    place = Path("results/provenance/outside/data/folder")
    place.parent.mkdir(parents=True)
    place.write_text("a file where a folder is to be")
    proof.write_outside(plan.jobs[0])
    assert capsys.readouterr().err == f"error: File exists: {place}\n"


@pytest.fixture
def mine(workflow) -> Workflow:
    """A workflow with the user's own recordings, one for each split, and a run trained on them."""
    rng = np.random.default_rng(0)
    for split in ("train", "val", "eval"):
        folder = workflow.folder / "mine" / split / "dog"
        folder.mkdir(parents=True)
        soundfile.write(folder / "rex.wav", rng.uniform(-0.5, 0.5, 16_000), 16_000)
    workflow.overlay({"data": {"folder": {"source": "local", "path": "mine"}}})
    workflow("--", MANIFEST)
    return workflow


MANIFEST = "results/data/folder/manifest.parquet"


def told(workflow: Workflow, monkeypatch, question: str, fails: bool = False) -> list[str]:
    """What `make verify` or `make why` prints of the prepared recordings."""
    with monkeypatch.context() as asking:
        asking.setenv("SONIFY_ASKED", question)
        words = workflow("--dry-run", "--logger", "sonify", "--", MANIFEST, fails=fails)
    return [line for line in words.splitlines() if "profile" not in line]


def test_a_lost_part_of_prepared_clips_is_made_again(mine, monkeypatch):
    mine("--", MANIFEST)
    part = mine.folder / "results/data/folder/train/part-00000.parquet"
    before = part.read_bytes()
    part.unlink()
    listed = told(mine, monkeypatch, "verify", fails=True)
    lost = "part-00000.parquet is not there: make run makes all of it again"
    assert listed[0] == f"missing: results/data/folder/train: {lost}"
    name = "results/data/folder/train/part-00000.parquet"
    assert told(mine, monkeypatch, "why") == [f"prepare_folder: {name} missing", "1 job will run"]
    mine("--", MANIFEST)
    assert part.read_bytes() == before


def test_recordings_changed_are_noticed_without_snakemakes_records(mine, monkeypatch):
    prepared = Path(mine.folder, MANIFEST)
    (before,) = pd.read_parquet(prepared, filters=[("split", "==", "train")])["digest"]
    intact = "7 intact, 0 stale, 0 missing, 0 foreign, 0 damaged"
    of = "Of the targets alone: whether other files are foreign was not looked at"
    assert told(mine, monkeypatch, "verify") == [intact, of]
    shutil.rmtree(mine.folder / ".snakemake")
    assert "Nothing to be done" in mine("--dry-run", "--", MANIFEST)
    sound = np.random.default_rng(1).uniform(-0.5, 0.5, 16_000)
    soundfile.write(mine.folder / "mine/train/dog/rex.wav", sound, 16_000)
    os.utime(mine.folder / "mine/train/dog/rex.wav", (1, 1))
    changed = "the files of the corpus in mine have changed"
    assert mine.planned("--", MANIFEST) == {"prepare_folder": 1}, "which records nothing"
    listed = told(mine, monkeypatch, "verify", fails=True)
    assert f"stale: {MANIFEST}: {changed}" in listed
    assert listed[-2:] == ["0 intact, 7 stale, 0 missing, 0 foreign, 0 damaged", of]
    assert told(mine, monkeypatch, "why") == [f"prepare_folder: {changed}", "1 job will run"]
    mine("--", MANIFEST)
    (after,) = pd.read_parquet(prepared, filters=[("split", "==", "train")])["digest"]
    assert after != before
    assert told(mine, monkeypatch, "verify") == [intact, of]
    (mine.folder / "mine/val/dog/rex.wav").rename(mine.folder / "mine/val/dog/max.wav")
    assert told(mine, monkeypatch, "why") == [f"prepare_folder: {changed}", "1 job will run"]
    mine("--touch", "--", MANIFEST)
    accepted = f"stale: {MANIFEST}: {changed} (accepted by --touch)"
    assert accepted in told(mine, monkeypatch, "verify", fails=True)


def test_every_rule_that_runs_a_script_says_what_it_makes():
    for file in (ROOT / "workflow" / "rules").glob("*.smk"):
        text = file.read_text(encoding="utf-8")
        # Shares of work are no results: gone once they are merged, and refused if of other work.
        start = "job {log} " if file.name == "scatter.smk" else "{params.made} job {log} "
        assert text.count(f'"{start}') == text.count("    shell:"), file
