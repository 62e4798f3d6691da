"""The worked example of docs/audio_files.md, from a folder of recordings to a gallery."""

import csv
import io
import re
import shlex
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
from checkouts import ROOT, Workflow, jobs_listed

PAGE = (ROOT / "docs" / "audio_files.md").read_text(encoding="utf-8")
EXAMPLE = PAGE.split("## From a folder to its gallery\n")[1]
BLOCKS = {
    path: (kind, text)
    for kind, path, text in re.findall(
        r"^```(\w+) ?(\S*)\n(.*?)^```$", EXAMPLE, re.MULTILINE | re.DOTALL
    )
}
RATES = {"bird": 3_000.0, "dog": 300.0, "rain": 0.0}


@pytest.fixture
def recordings(workflow) -> Workflow:
    """A workflow in a folder with the page's files, and the recordings that its list names."""
    for name in ("recordings/clips.csv", "mine.yaml"):
        file = workflow.folder / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(BLOCKS[name][1], encoding="utf-8")
    rng = np.random.default_rng(0)
    t = np.arange(24_000) / 16_000
    for row in listed():
        frequency = RATES[row["labels"].split(";")[0]] * rng.uniform(0.9, 1.1)
        tone = np.sin(2 * np.pi * frequency * t) * (np.sin(2 * np.pi * 3 * t) > 0)
        sound = 0.4 * tone + (0.05 if frequency else 0.3) * rng.standard_normal(len(t))
        soundfile.write(workflow.folder / "recordings" / row["path"], sound / 4, 16_000)
    return workflow


def listed() -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(BLOCKS["recordings/clips.csv"][1])))


def commands(folder: Path) -> list[list[str]]:
    """The arguments for Snakemake of each command of the page, run in `folder`."""
    found = []
    for line in BLOCKS[""][1].splitlines():
        make, run, config, arguments = shlex.split(line)
        assert (make, run, config) == ("make", "run", "CONFIG=mine.yaml")
        found.append(
            [*arguments.removeprefix("ARGS=").split(), "--configfile", str(folder / "mine.yaml")]
        )
    return found


def test_the_example_has_all_its_parts():
    kinds = {path: kind for path, (kind, _) in BLOCKS.items()}
    assert kinds == {"recordings/clips.csv": "csv", "mine.yaml": "yaml", "": "sh"}
    assert {row["split"] for row in listed()} == {"train", "val", "eval"}


def test_the_configuration_is_accepted_and_plans_that_run_alone(recordings):
    look, run = commands(recordings.folder)
    assert look == ["-n", *run], "first what would run, then the same"
    planned = jobs_listed(recordings(*look))
    assert planned["prepare_folder"] == planned["train"] == planned["gallery"] == 1
    assert planned["mine"] == planned["render"] == 1 and sum(planned.values()) == 15


@pytest.mark.slow
def test_the_example_ends_in_a_gallery_of_the_users_recordings(recordings):
    recordings(*commands(recordings.folder)[1])
    places = re.findall(r"^\| `(results/\S+)` \|", EXAMPLE, re.MULTILINE)
    assert len(places) == 6
    for place in places:
        assert (recordings.folder / place).exists(), place
    results = Path(recordings.folder, "results")
    data = results / "data" / "folder"
    assert pd.read_parquet(data / "rejected.parquet").empty
    assert len(pd.read_parquet(data / "manifest.parquet")) == len(listed())
    history = pd.read_parquet(results / "models" / "mine-s0" / "history.parquet")
    assert history["val_score"].notna().all() and history["chosen"].sum() == 1
    shown = pd.read_parquet(results / "sonification" / "mine-s0" / "sonifications.parquet")
    heard = {row["path"] for row in listed() if row["split"] == "eval"}
    assert set(shown["clip_id"]) == heard and not shown["dead"].all()
    assert (results / "reporting" / "gallery" / "index.html").is_file()
