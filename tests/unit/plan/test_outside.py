"""What jobs read outside the results: its words, and what changes its digest."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from snakemake.utils import update_config

from sonify.config.loading import load
from sonify.plan.outside import Outside
from sonify.plan.plan import Plan
from sonify.plan.registry import STAGES
from sonify.plan.settings import Settings

ROOT = Path(__file__).resolve().parents[3]
BACKGROUNDS = {"background_snr_db": [3.0, 30.0], "background_folder": "noise"}


def planned(**blocks: dict) -> Plan:
    config = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    update_config(config, blocks)
    return Plan(load(config))


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """A working folder with files of the user's in it."""
    monkeypatch.chdir(tmp_path)
    for name in (
        *("mine/train/dog/a.wav", "mine/eval/dog/b.wav", "mine/notes.txt"),
        *("noise/rain.flac", "noise/deep/wind.WAV", "noise/tram.mp3"),
        *("stems/a/0.flac", "stems/a/1.flac", "stems/a/notes.txt", "lab_a.parquet"),
    ):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(name)
    return tmp_path


def seen(read: Callable[[Outside], dict], plan: Plan, *changes: Callable[[], object]) -> list[str]:
    """The digest of the one thing that is read, at first and after each change."""
    digests = []
    for change in (lambda: None, *changes):
        change()
        ((_, digest),) = read(Outside(plan)).values()
        digests.append(digest)
    return digests


def test_of_synthesised_and_downloaded_corpora_nothing_is_read_outside():
    plan = planned(data={"audioset": {"source": "download"}})
    outside = Outside(plan)
    for dataset in ("audioset", "fsd50k", "speech_commands"):
        assert outside.prepare(dataset) == {} and outside.local_names(dataset) == ""
    settings = Settings(plan)
    assert all(outside.train(settings.train(run)) == {} for run in plan.training.runs)
    for stage in STAGES.values():
        for job in stage.jobs(plan):
            assert outside.measure(stage, settings.evaluation_job(stage, job)) == {}
    assert outside.claims() == {}


def test_a_local_corpus_is_read_where_it_lies_and_known_wherever_that_is(folder):
    plan = planned(data={"folder": {"source": "local", "path": "mine"}})
    words = {name: words for name, (words, _) in Outside(plan).prepare("folder").items()}
    assert words == {"corpus": "the files of the corpus in mine"}
    first, note, clip = seen(
        lambda outside: outside.prepare("folder"),
        plan,
        lambda: Path("mine/notes.txt").write_text("other"),
        lambda: Path("mine/train/dog/a.wav").write_text("other"),
    )
    assert first == note != clip == Outside(plan).local_names("folder")
    Path("mine").rename("moved")
    moved = planned(data={"folder": {"source": "local", "path": "moved"}})
    assert Outside(moved).local_names("folder") == clip


def test_a_training_reads_the_recordings_that_it_mixes_in(folder):
    recipes = {"contrastive": {"augmentation": BACKGROUNDS}}
    plan = planned(training={"recipes": recipes})
    settings = Settings(plan)

    def read(outside: Outside) -> dict:
        return outside.train(settings.train("contrastive"))

    assert {words for words, _ in read(Outside(plan)).values()} == {"the backgrounds in noise"}
    first, other, changed, added = seen(
        read,
        plan,
        lambda: Path("noise/tram.mp3").write_text("other"),  # of no format that is mixed in
        lambda: os.utime("noise/deep/wind.WAV", (1, 1)),
        lambda: Path("noise/sea.wav").write_text("sea"),
    )
    assert first == other and len({first, changed, added}) == 3
    (Path("noise") / "gone.wav").symlink_to("nowhere")  # which the job will say
    assert read(Outside(plan))
    assert Outside(plan).train(settings.train("supervised")) == {}
    without = settings.train("contrastive_mask")
    assert "noise" in without and Outside(plan).train(without) == {}, "it mixes nothing in"


@pytest.mark.parametrize("name", ["stems", "rivals", "specificity"])
def test_stages_read_stems(folder, name):
    plan = planned(evaluation={"stems": {"folder": "stems"}})
    stage, settings = STAGES[name], Settings(plan)
    job = stage.jobs(plan)[0]

    def read(outside: Outside) -> dict:
        return outside.measure(stage, settings.evaluation_job(stage, job))

    assert {words for words, _ in read(Outside(plan)).values()} == {"the stems in stems"}
    first, note, changed, removed = seen(
        read,
        plan,
        lambda: Path("stems/a/notes.txt").write_text("other"),
        lambda: Path("stems/a/0.flac").write_text("other"),
        lambda: Path("stems/a/1.flac").unlink(),
    )
    assert first == note and len({first, changed, removed}) == 3
    score = STAGES["score"]
    assert Outside(plan).measure(score, settings.evaluation_job(score, score.jobs(plan)[0])) == {}


def test_claims_of_other_runs_are_known_by_column_and_content(folder):
    """Two laboratories' files may have one name, and a column may be renamed."""
    Path("b").mkdir()
    Path("b/lab_a.parquet").write_text("b")
    plan = planned(reporting={"beside": {"A": "lab_a.parquet", "B": "b/lab_a.parquet"}})
    read = Outside(plan).claims()
    assert [words for words, _ in read.values()] == ["the claims of A", "the claims of B"]
    Path("b/lab_a.parquet").write_text("c")
    now = Outside(plan).claims()
    assert [name for name in read if now[name] != read[name]] == ["the claims of B"]
