"""Jobs that make a folder are killed in the middle of it: the folder of before stays, or none.

Else a part would be taken for the whole once Snakemake's own notes are lost.
"""

import itertools
import os
import re
import runpy
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from galleries import write_tables

from sonify.data.shares import Work
from sonify.data.synthesis import corpora
from sonify.models.checkpoint import KEPT
from sonify.reporting.gallery.build import build
from sonify.reporting.page import cards
from sonify.training.resume import Saver

ROOT = Path(__file__).resolve().parents[2]
KILLED = 9
NEVER = 1_000_000
WRITES = os.O_WRONLY | os.O_RDWR


def synthesis(folder: Path, place: Path) -> None:
    corpora.raw_corpus = lambda *_: [(f"lists/{i}.csv", b"clips") for i in range(3)]
    sys.argv = ["synthesise.py", "--dataset", "fsd50k", "--seed", "0", "--settings", "{}"]
    sys.argv += ["--out", str(place)]
    runpy.run_path(str(ROOT / "workflow/scripts/synthesise.py"), run_name="__main__")


def gallery(folder: Path, place: Path) -> None:
    build(**write_tables(folder / "tables", {1: 2}), out=place)


def tables_of_cards(folder: Path, place: Path) -> None:
    cards.write({f"tables/table_{i}.html": "table" for i in range(3)}, place.parent)


def sounds_of_cards(folder: Path, place: Path) -> None:
    cards.write({f"listening/a-s0/layer_{i}.html": "sounds" for i in range(3)}, place.parent)


def checkpoints(folder: Path, place: Path) -> None:
    names = [f"epoch-{i}.safetensors" for i in range(3)]
    (folder / "work" / KEPT).mkdir(parents=True)
    for name in names:
        (folder / "work" / KEPT / name).write_bytes(b"weights")
    Saver.deliver(SimpleNamespace(place=folder / "work", _kept=names), place.parent)


def share(folder: Path, place: Path) -> None:
    work = Work(folder / "work", {"code": "a"}, share=(0, 2))
    for i in range(3):
        (work.kept().place / f"part-{i}").write_bytes(b"part")
    work.hand_over(place)


# What makes each folder that the rules name, and the folder's name.
MAKERS = {
    '"results/data/raw/{dataset}-s{seed}"': (synthesis, "fsd50k-s0"),
    '"results/reporting/gallery"': (gallery, "gallery"),
    '"results/reporting/cards/tables"': (tables_of_cards, "tables"),
    '"results/reporting/cards/listening"': (sounds_of_cards, "listening"),
    '"results/models/{run}-s{seed}/checkpoints"': (checkpoints, KEPT),
    "scatter.folder(shared.name)": (share, "share"),
    'scatter.folder("prepare", corpus)': (share, "share"),
}
# The manifest, written last, names each part of a split: test_proof.py::test_a_missing_part.
IN_PARTS = {'f"{files.data_folder(dataset, EACH)}/{split}"'}


def test_each_folder_that_a_rule_makes_is_tried():
    rules = "".join(file.read_text() for file in sorted((ROOT / "workflow/rules").glob("*.smk")))
    named = re.findall(r"\bdirectory\((.+?)\)+,?$", rules, re.MULTILINE)
    named = [name + ")" * (name.count("(") - name.count(")")) for name in named]
    assert rules.count("directory(") == len(named)
    assert set(named) == MAKERS.keys() | IN_PARTS


def killed_at(write: int, place: Path, make: Callable[[], None]) -> int:
    """Run `make` in a process of its own, which is killed when it opens a file for the n-th time
    after `place` was given to it; return the process's status."""
    if child := os.fork():
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    status = 1
    try:
        opened = itertools.count(1)

        def watch(event: str, arguments: tuple) -> None:
            if event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITES:
                below = str(arguments[0]).startswith(str(place.parent))
                if below and next(opened) == write:
                    os._exit(KILLED)

        sys.addaudithook(watch)
        make()
        status = 0
    finally:
        os._exit(status)


def held(place: Path) -> set[str]:
    return {str(file.relative_to(place)) for file in place.rglob("*") if file.is_file()}


@pytest.mark.parametrize(
    ("make", "name"),
    dict.fromkeys(MAKERS.values()),
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_folder_is_whole_or_what_it_was_whenever_its_job_is_killed(tmp_path, make, name):
    place = tmp_path / "results" / name
    place.mkdir(parents=True)
    (place / "of_before").write_text("whole")
    for write in (2, NEVER):
        again = tmp_path / str(write)
        again.mkdir()
        status = killed_at(write, place, lambda: make(again, place))  # noqa: B023
        if status:
            assert (write, status, held(place)) == (2, KILLED, {"of_before"})
        else:
            assert write == NEVER or make is share, "which is moved as it is"
    assert len(held(place)) >= 3 and "of_before" not in held(place)
