"""Mining part by part: what a kill, a share or a change of the inputs does to the table."""

import json
import runpy
import sys
from argparse import ArgumentTypeError
from pathlib import Path
from unittest.mock import patch

import codedeps
import numpy as np
import pandas as pd
import pytest
import torch

from sonify.contracts import tables
from sonify.data.clips import load, part_sizes
from sonify.models import checkpoint
from sonify.models.checkpoint import ModelCard
from sonify.models.cnn import Architecture
from sonify.sonification.deconvnet.sonifier import Sonifier
from sonify.sonification.mining.parts import discard, mine_parts, share

PART_LENGTHS = [[2_000, 3_001, 2_000], [2_000], [1_500, 2_000, 1_500, 1_500], [2_500, 2_000]]
SHAPE = Architecture(width=1 / 32)


@pytest.fixture
def folder(tmp_path: Path, rng: np.random.Generator) -> Path:
    """A prepared dataset with one split of four parts."""
    vocabulary = pd.DataFrame({"dataset": "fsd50k", "index": [0], "label": ["a"], "mid": ""})
    tables.write(vocabulary, tmp_path / "data" / "vocabulary.parquet", "vocabulary")
    for part, lengths in enumerate(PART_LENGTHS):
        store(tmp_path / "data", part, lengths, rng)
    return tmp_path / "data"


def store(folder: Path, part: int, lengths: list[int], rng: np.random.Generator) -> None:
    rows = [
        {
            "dataset": "fsd50k", "split": "eval", "clip_id": f"{part}-{i}", "labels": ["a"],
            "n_samples": n, "source_rate": 16000, "gain": 1.0,
            "pcm": rng.integers(-32767, 32768, n).astype("<i2").tobytes(),
        }
        for i, n in enumerate(lengths)
    ]  # fmt: skip
    tables.write(pd.DataFrame(rows), folder / "eval" / f"part-{part:05d}.parquet", "clips")


@pytest.fixture
def card() -> ModelCard:
    return ModelCard("run", 1, "fsd50k", "supervised", "none", SHAPE, "CNN12", "classifier", 1)


class Miner:
    """`mine_parts` on the stored clips, counting how many of them it ran the model on."""

    def __init__(self, folder: Path, card: ModelCard) -> None:
        self.model, self.card = checkpoint.build(card).eval(), card
        self.folder, self.work = folder, folder.parent / "work"

    def __call__(self, stop_after: int | None = None, **changes) -> pd.DataFrame | None:
        told, self.seen = [], 0

        maps = Sonifier.maps

        def counting(sonifier: Sonifier, x: torch.Tensor):
            self.seen += len(x)
            return maps(sonifier, x)

        def progress(done: int) -> None:
            told.append(done)
            if stop_after and done > stop_after:
                raise KeyboardInterrupt

        sizes = part_sizes(self.folder, ["eval"])
        options = {"work": self.work, "top": 2, "max_samples": 4_000, "progress": progress}
        with patch.object(Sonifier, "maps", counting):
            explainer = Sonifier(self.model)
            return mine_parts(explainer, self.model, self.card, sizes, **options | changes)


@pytest.fixture
def mine(folder, card) -> Miner:
    return Miner(folder, card)


def test_the_table_is_that_of_all_clips_one_at_a_time(mine, folder):
    found = tables.checked(mine(), "top_activations").to_pandas()
    clips, sonifier = load(folder, ["eval"]), Sonifier(mine.model)
    values = [
        torch.cat([m[0].amax(-1) for m in sonifier.forward(torch.from_numpy(x)[None]).maps])
        for x in map(clips.waveform, range(len(clips)))
    ]
    best = np.sort(torch.stack(values).numpy(), axis=0)[:-3:-1].T.ravel()
    np.testing.assert_allclose(found["activation"], best, rtol=1e-4, atol=1e-6)
    strides = np.array(SHAPE.strides)[found["layer"] - 1]
    np.testing.assert_array_equal(found["time_s"], found["frame"] * strides / 8_000)
    assert set(found["dataset"]) == {"fsd50k"} and set(found["split"]) == {"eval"}


def test_a_killed_job_goes_on_where_it_stopped_to_the_same_bits(mine):
    whole = mine(work=mine.work / "undisturbed")
    assert mine.seen == 10
    with pytest.raises(KeyboardInterrupt):
        mine(stop_after=5)  # in the third part
    resumed = mine()
    assert mine.seen == 6, "the parts that were finished are not mined again"
    pd.testing.assert_frame_equal(resumed, whole, check_exact=True)


@pytest.mark.parametrize("n", [2, 3, 7])
def test_shares_of_any_number_of_workers_give_the_same_bits(mine, n):
    whole = mine(work=mine.work / "undisturbed")
    seen = 0
    for i in reversed(range(1, n + 1)):
        assert mine(share=(i, n)) is None
        seen += mine.seen
    assert seen == 10, "every clip is in one share"
    merged = mine()
    assert mine.seen == 0
    pd.testing.assert_frame_equal(merged, whole, check_exact=True)


def test_a_share_left_out_is_mined_by_the_call_that_merges(mine):
    mine(share=(1, 2))
    mine()
    assert mine.seen == 3  # parts 2 and 4


def test_stale_candidates_are_never_used(mine, folder, card, rng):
    mine()
    for change in ({"top": 3}, {"max_samples": 2_000}, {"code": "edited"}):
        mine(**change)
        assert mine.seen == 10, change
    store(folder, 1, [2_000], rng)  # another recording of the same length and name
    mine()
    assert mine.seen == 1
    with torch.no_grad():
        mine.model.encoder.trunk.conv9.bias += 1e-3
    mine()
    assert mine.seen == 10


def test_finished_work_is_discarded_and_nothing_else_is(mine):
    mine()
    (mine.work / "notes.txt").touch()
    discard(mine.work)
    assert [f.name for f in mine.work.iterdir()] == ["notes.txt"]
    (mine.work / "notes.txt").unlink()
    discard(mine.work)
    assert not mine.work.exists()


@pytest.mark.parametrize("text", ["2/8", "1/1"])
def test_a_share_is_read(text):
    assert "{}/{}".format(*share(text)) == text


@pytest.mark.parametrize("text", ["0/2", "3/2", "2", "a/b", "1/2/3"])
def test_what_is_no_share_is_refused(text):
    with pytest.raises(ArgumentTypeError, match="is not a share: give i/n"):
        share(text)


def test_the_script_shares_merges_and_tidies_up(mine, folder, card, monkeypatch, capsys):
    checkpoint.save(folder.parent / "model", mine.model, card)
    settings = {"device": "cpu", "split": "eval", "top": 2, "batch_samples": 4_000}

    def run(*options: str) -> str:
        script = str(codedeps.SCRIPTS / "mine.py")
        words = [
            script,
            *("--model", str(folder.parent / "model"), "--data", str(folder)),
            *("--settings", json.dumps(settings), "--work", str(mine.work)),
            *("--out", str(folder.parent / "top.parquet"), *options),
        ]
        monkeypatch.setattr(sys, "argv", words)
        runpy.run_path(script)
        return capsys.readouterr().err

    assert not run("--share", "2/2")
    assert len(list(mine.work.iterdir())) == 2 and not (folder.parent / "top.parquet").exists()
    told = run()
    assert "top activations over 10 clips" in told and not mine.work.exists()
    found = tables.read(folder.parent / "top.parquet", "top_activations")
    expected = tables.checked(mine(), "top_activations").to_pandas()
    pd.testing.assert_frame_equal(found, expected, check_exact=True)
