"""Mining part by part: what a kill, a share or a change of the inputs does to the table."""

import json
import runpy
import sys
from argparse import ArgumentTypeError
from dataclasses import replace
from functools import partial
from pathlib import Path
from unittest.mock import patch

import codedeps
import numpy as np
import pandas as pd
import pytest
import torch
from oracles import before_pooling

from sonify.contracts import tables
from sonify.data.clips import load, part_sizes
from sonify.data.clips import parts as data_parts
from sonify.data.kept import Kept
from sonify.data.mined import left_out
from sonify.models import checkpoint
from sonify.models.architecture import LAYOUTS
from sonify.models.checkpoint import ModelCard
from sonify.models.cnn import Architecture
from sonify.runtime.errors import SonifyError
from sonify.sonification.deconvnet.sonifier import Sonifier
from sonify.sonification.mining.parts import discard, mine_parts, share
from sonify.sonification.rendering import render_layers
from sonify.sonification.settings import Mining

PART_LENGTHS = [[2_500, 3_001, 2_500], [2_500], [2_370, 2_500, 2_370, 2_370], [3_000, 2_500]]
LABELS = {"0-1": ["a", "b, c"], "1-0": ["b, c"], "2-3": ["d"], "3-0": ["b, c", "d"]}
SHAPE = Architecture(width=1 / 32)


@pytest.fixture
def folder(tmp_path: Path, rng: np.random.Generator) -> Path:
    """A prepared dataset with one split of four parts."""
    vocabulary = {"dataset": "fsd50k", "index": range(3), "label": ["a", "b, c", "d"], "mid": ""}
    vocabulary = pd.DataFrame(vocabulary)
    tables.write(vocabulary, tmp_path / "data" / "vocabulary.parquet", "vocabulary")
    for part, lengths in enumerate(PART_LENGTHS):
        store(tmp_path / "data", part, lengths, rng)
    return tmp_path / "data"


def store(folder: Path, part: int, lengths: list[int], rng: np.random.Generator) -> None:
    rows = [
        {
            "dataset": "fsd50k", "split": "eval", "clip_id": f"{part}-{i}",
            "labels": LABELS.get(f"{part}-{i}", ["a"]),
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

        def counting(sonifier: Sonifier, x: torch.Tensor, pooled: bool):
            self.seen += len(x)
            return maps(sonifier, x, pooled)

        def progress(done: int) -> None:
            told.append(done)
            if stop_after and done > stop_after:
                raise KeyboardInterrupt

        sizes = part_sizes(self.folder, ["eval"])
        options = {"work": self.work, "top": 2, "max_samples": 5_000, "progress": progress}
        options["mining"] = Mining()
        with patch.object(Sonifier, "maps", counting):
            explainer = Sonifier(self.model)
            return mine_parts(explainer, self.model, self.card, sizes, **options | changes)


@pytest.fixture
def mine(folder, card) -> Miner:
    return Miner(folder, card)


def by_hand(mine: Miner, clips: list[np.ndarray], k: int = 2) -> np.ndarray:
    """The k best means over time of every filter's map before the pool, filter after filter."""
    trunk, means = mine.model.encoder.trunk, []
    for x in clips:
        with torch.no_grad():
            maps = before_pooling(trunk, torch.from_numpy(x.astype(np.float32))[None])
        means.append(torch.cat([h[0].mean(-1) for h in maps.values()]))
    return np.sort(torch.stack(means).numpy(), axis=0)[: -k - 1 : -1].T.ravel()


def test_the_table_is_that_of_all_clips_one_at_a_time(mine, folder):
    found = tables.checked(mine(), "top_activations").to_pandas()
    clips = load(folder, ["eval"])
    best = by_hand(mine, [clips.waveform(i) for i in range(len(clips))])
    np.testing.assert_allclose(found["score"], best, rtol=1e-4, atol=1e-6)
    lengths = dict(zip(clips.ids, clips.lengths, strict=True))
    assert found["n_samples"].tolist() == found["clip_id"].map(lengths).tolist()
    grids = Sonifier(mine.model).grids(pooled=False)
    for row in found.itertuples():
        at = grids[row.layer - 1].first + row.frame * grids[row.layer - 1].hop
        assert row.time_s == pytest.approx(min(at, row.n_samples - 1) / 8_000, abs=1e-12)
    assert set(found["dataset"]) == {"fsd50k"} and set(found["split"]) == {"eval"}


@pytest.mark.parametrize("padding", ["same", "valid"])
def test_excluded_clips_are_not_mined_and_long_ones_are_cut_to_their_centre(
    folder, tmp_path, padding
):
    layout = replace(LAYOUTS["cnn12"], padding=padding)
    shape = Architecture(width=1 / 32, layout=layout)
    card = ModelCard("run", 1, "fsd50k", "supervised", "none", shape, "CNN12", "classifier", 1)
    mine = Miner(folder, card)
    crop_s = 2_400 / 8_000 if padding == "valid" else 1_800 / 8_000
    excluded = ["b, c", "d"] if padding == "same" else ["d"]
    if padding == "valid":  # then the shortest clip has 2,370 samples
        rng = np.random.default_rng(3)
        for part, lengths in enumerate(PART_LENGTHS):
            store(folder, part, [n + 900 for n in lengths], rng)
    mining = Mining(exclude_labels=tuple(excluded), crop_s=crop_s)
    whole = mine(mining=mining)
    found = tables.checked(whole, "top_activations").to_pandas()
    clips, n = load(folder, ["eval"]), round(crop_s * 8_000)
    kept = {}
    for i, clip in enumerate(clips.ids):
        if not set(LABELS.get(clip, [])) & set(excluded):
            x = clips.waveform(i)
            start = (len(x) - n) // 2 if len(x) > n else 0
            kept[clip] = x[start : start + n]
    np.testing.assert_allclose(found["score"], by_hand(mine, list(kept.values())), rtol=1e-4)
    assert mine.seen == len(kept) == 10 - sum(bool(set(e) & set(excluded)) for e in LABELS.values())
    assert found["n_samples"].tolist() == [len(kept[clip]) for clip in found["clip_id"]]

    # What is rendered is what was mined.
    parts = list(data_parts(folder, ["eval"]))
    explainer, rendered, sounds = Sonifier(mine.model), 0, []
    for frame in render_layers(explainer, parts, found, max_samples=9_000):
        rendered += len(frame)
        sounds.append(tables.checked(frame, "sonifications"))
        for row in frame[::24].itertuples():
            x = torch.from_numpy(kept[row.clip_id])[None]
            expected = explainer.sonify(x, row.layer, row.filter)[0].numpy()
            assert row.n_samples == x.shape[1]
            heard = np.frombuffer(row.pcm, "<i2") / 32767 * row.peak
            assert np.abs(heard - expected).max() <= 1 / 32767
    assert rendered == len(found)

    # Killed with the ninth layer, it renders those behind it alone.
    render = partial(render_layers, explainer, parts, found, max_samples=9_000)
    for _, frame in zip(range(9), render(kept=Kept(tmp_path / "kept")), strict=False):
        assert set(frame["layer"]) <= set(range(1, 10))
    seen: list[int] = []
    again = list(render(kept=Kept(tmp_path / "kept"), progress=seen.append))
    assert [tables.checked(frame, "sonifications") for frame in again] == sounds
    assert min(seen) > (found["layer"] <= 9).sum() and max(seen) == len(found)

    unused = left_out(part_sizes(folder, ["eval"]), excluded).assign(**card.keys)
    unused = tables.checked(unused, "left_out").to_pandas()
    assert sorted([*unused["clip_id"], *kept]) == sorted(clips.ids), "each is used or left out"
    said = dict(zip(unused["clip_id"], unused["detail"], strict=True))
    for clip, detail in said.items():
        assert detail == "; ".join(x for x in LABELS[clip] if x in excluded)
    # Shares of parts, one of which is left out as a whole, give the same bits.
    again = Miner(folder, card)
    again.model, again.work = mine.model, folder.parent / "shared"
    for i in (1, 2):
        assert again(mining=mining, share=(i, 2)) is None
    pd.testing.assert_frame_equal(again(mining=mining), whole, check_exact=True)


def test_a_label_that_is_none_and_labels_of_all_clips_are_refused(mine):
    with pytest.raises(SonifyError, match=r"exclude_labels has 'b,c', .* did you mean 'b, c'\?"):
        mine(mining=Mining(exclude_labels=("b,c",)))
    with pytest.raises(SonifyError, match="exclude_labels leaves no clip to mine: name fewer"):
        mine(mining=Mining(exclude_labels=("a", "b, c", "d")))


def test_nothing_is_left_out_without_excluded_labels(folder, card):
    unused = left_out(part_sizes(folder, ["eval"]), []).assign(**card.keys)
    assert tables.checked(unused, "left_out").num_rows == 0


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
    crop, rule = Mining(crop_s=0.3125), Mining(rule="max")
    changes = [{"top": 3}, {"max_samples": 2_500}, {"code": "edited"}]
    for change in [*changes, {"mining": crop}, {"mining": rule}]:
        mine(**change)
        assert mine.seen == 10, change
    store(folder, 1, [2_500], rng)  # another recording of the same length and name
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
    settings = {"device": "cpu", "split": "eval", "top": 2, "batch_samples": 5_000}
    settings["mining"] = {"rule": "mean", "exclude_labels": [], "crop_s": None}

    def run(*options: str) -> str:
        script = str(codedeps.SCRIPTS / "mine.py")
        words = [
            script,
            *("--model", str(folder.parent / "model"), "--data", str(folder)),
            *("--settings", json.dumps(settings), "--work", str(mine.work)),
            *("--out", str(folder.parent / "top.parquet"), str(folder.parent / "left.parquet")),
            *options,
        ]
        monkeypatch.setattr(sys, "argv", words)
        runpy.run_path(script)
        return capsys.readouterr().err

    assert not run("--share", "2/2")
    assert len(list(mine.work.iterdir())) == 2 and not (folder.parent / "top.parquet").exists()
    told = run()
    assert "top activations over 10 clips, 0 left out" in told and not mine.work.exists()
    assert tables.read(folder.parent / "left.parquet", "left_out").empty
    found = tables.read(folder.parent / "top.parquet", "top_activations")
    expected = tables.checked(mine(), "top_activations").to_pandas()
    pd.testing.assert_frame_equal(found, expected, check_exact=True)
