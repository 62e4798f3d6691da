"""Mining part by part: what a kill, a share or a change of the inputs does to the table."""

import json
import runpy
import shutil
import sys
import weakref
from dataclasses import replace
from functools import partial
from pathlib import Path
from unittest.mock import patch

import codedeps
import numpy as np
import pandas as pd
import pytest
import torch
from deaths import Killed
from oracles import before_pooling

from sonify.contracts import tables
from sonify.data.clips import Part, load, part_sizes
from sonify.data.clips import parts as data_parts
from sonify.data.kept import Kept
from sonify.data.mined import left_out
from sonify.models import checkpoint
from sonify.models.architecture import LAYOUTS
from sonify.models.checkpoint import ModelCard
from sonify.models.cnn import Architecture
from sonify.runtime.errors import SonifyError
from sonify.sonification.deconvnet.sonifier import Sonifier
from sonify.sonification.mining.parts import mine_parts
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
    """`mine_parts` on the stored clips, counting how many of them it ran the model on.

    What it has made of a part is in the folder `work`, or in one given as `kept`.
    """

    def __init__(self, folder: Path, card: ModelCard) -> None:
        self.model, self.card = checkpoint.build(card).eval(), card
        self.folder, self.work = folder, folder.parent / "work"

    def __call__(self, stop_after: int | None = None, **changes) -> pd.DataFrame:
        told, self.seen = [], 0

        maps = Sonifier.maps

        def counting(sonifier: Sonifier, x: torch.Tensor, pooled: bool):
            self.seen += len(x)
            return maps(sonifier, x, pooled)

        def progress(done: int) -> None:
            told.append(done)
            if stop_after and done > stop_after:
                raise KeyboardInterrupt

        self.work.mkdir(exist_ok=True)
        parts = [Part(*part) for part in part_sizes(self.folder, ["eval"]).items()]
        options = {"kept": Kept(self.work), "top": 2, "max_samples": 5_000, "progress": progress}
        options["mining"] = Mining()
        with patch.object(Sonifier, "maps", counting):
            return mine_parts(Sonifier(self.model), self.card, parts, **options | changes)


@pytest.fixture
def mine(folder, card) -> Miner:
    return Miner(folder, card)


def test_progress_is_the_number_of_clips_done(mine):
    told = list[int]()
    mine(progress=told.append)
    assert told[-1] == sum(map(len, PART_LENGTHS))
    assert told == sorted(told) and told[0] in (1, 2), "at most two clips fit into a batch"


def test_no_part_s_candidates_outlive_the_next_part(mine, monkeypatch):
    """With thousands of filters and of parts they would fill the memory."""
    read, made = tables.read, []

    def reading(file: Path, name: str) -> pd.DataFrame:
        table = read(file, name)
        if name == "top_activations":
            assert all(reference() is None for reference in made[:-1])
            made.append(weakref.ref(table))
        return table

    mine()
    monkeypatch.setattr(tables, "read", reading)
    assert mine() is not None and len(made) == len(PART_LENGTHS)


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


def test_a_label_that_is_none_and_labels_of_all_clips_are_refused(mine):
    with pytest.raises(SonifyError, match=r"exclude_labels has 'b,c', .* did you mean 'b, c'\?"):
        mine(mining=Mining(exclude_labels=("b,c",)))
    with pytest.raises(SonifyError, match="exclude_labels leaves no clip to mine: name fewer"):
        mine(mining=Mining(exclude_labels=("a", "b, c", "d")))


def test_nothing_is_left_out_without_excluded_labels(folder, card):
    unused = left_out(part_sizes(folder, ["eval"]), []).assign(**card.keys)
    assert tables.checked(unused, "left_out").num_rows == 0


def test_a_killed_job_goes_on_where_it_stopped_to_the_same_bits(mine):
    whole = mine(kept=Kept())
    assert mine.seen == 10
    with pytest.raises(KeyboardInterrupt):
        mine(stop_after=5)  # in the third part
    resumed = mine()
    assert mine.seen == 6, "the parts that were finished are not mined again"
    pd.testing.assert_frame_equal(resumed, whole, check_exact=True)


SETTINGS = {"device": "cpu", "split": "eval", "top": 2, "batch_samples": 5_000}
SETTINGS["mining"] = {"rule": "mean", "exclude_labels": [], "crop_s": None}


class Script:
    """workflow/scripts/mine.py on the stored clips; shares and tables lie beside them."""

    def __init__(self, mine: Miner, monkeypatch, capsys) -> None:
        self.mine, self.here, self.settings = mine, mine.folder.parent, SETTINGS
        self.patch, self.capsys = monkeypatch, capsys
        checkpoint.save(self.here / "model", mine.model, mine.card)

    def __call__(self, work: str, *options: str, out: tuple[str, ...] = ("top", "left")) -> str:
        script = str(codedeps.SCRIPTS / "mine.py")
        files = [str(self.here / name) for name in out]
        words = [
            script,
            *("--model", str(self.here / "model"), "--data", str(self.mine.folder)),
            *("--settings", json.dumps(self.settings), "--work", str(self.here / work)),
            *options,
            *("--out", *files),
        ]
        self.patch.setattr(sys, "argv", words)
        runpy.run_path(script)
        return self.capsys.readouterr().err

    def share(self, i: int, n: int) -> str:
        """Make one share; the folder that it leaves."""
        assert "top activations" not in self(
            f"begun-{i}", "--scatter", str(i), str(n), out=(f"{i}",)
        )
        assert not (self.here / f"begun-{i}").exists()
        return str(self.here / f"{i}")


@pytest.fixture
def script(mine, monkeypatch, capsys) -> Script:
    return Script(mine, monkeypatch, capsys)


@pytest.mark.parametrize("n", [1, 3, 7])
@pytest.mark.parametrize("excluded", [[], ["b, c", "d"]])
def test_any_number_of_shares_gives_the_bytes_of_one_job(script, n, excluded):
    """Of four parts, of which excluded labels leave one without a clip."""
    script.settings = SETTINGS | {"mining": SETTINGS["mining"] | {"exclude_labels": excluded}}
    told = script("work", out=("whole", "whole_left"))
    assert f"over {6 if excluded else 10} clips" in told and not (script.here / "work").exists()
    shares = [script.share(i, n) for i in reversed(range(1, n + 1))]
    made = [len(list(Path(share).glob("part-*.parquet"))) for share in shares]
    assert sorted(made) == sorted({1: [4], 3: [2, 1, 1], 7: [1, 1, 1, 1, 0, 0, 0]}[n])
    with patch.object(Sonifier, "maps", side_effect=AssertionError("it only merges")):
        script("work", "--gather", *shares)
    for name in ("top", "left"):
        whole = "whole" if name == "top" else "whole_left"
        assert (script.here / name).read_bytes() == (script.here / whole).read_bytes()


def test_a_split_of_fewer_clips_than_top_is_told(script):
    assert "there are no more clips" not in script("work")
    script.settings = SETTINGS | {"top": 10_000}
    told = script("work")
    assert "over 10 clips, 0 left out; sonification.top is 10000, but there are no more" in told


def test_a_share_that_was_killed_goes_on(script):
    shares = [script.share(1, 2)]
    maps, seen = Sonifier.maps, []

    def dying(sonifier: Sonifier, x: torch.Tensor, pooled: bool):
        seen.append(len(x))
        if len(seen) == 2:  # the second of its two parts
            raise Killed
        return maps(sonifier, x, pooled)

    with patch.object(Sonifier, "maps", dying):
        with pytest.raises(Killed):
            script.share(2, 2)
        assert not (script.here / "2").exists()
        shares.append(script.share(2, 2))
    assert seen == [1, 1, 1, 1], "a part of one clip once, and of one of two the first clip twice"
    script("work", "--gather", *shares)
    expected = tables.checked(script.mine(), "top_activations").to_pandas()
    found = tables.read(script.here / "top", "top_activations")
    pd.testing.assert_frame_equal(found, expected, check_exact=True)


def test_a_job_without_shares_that_was_killed_goes_on(script):
    maps, seen = Sonifier.maps, []

    def counted(sonifier: Sonifier, x: torch.Tensor, pooled: bool):
        seen.append(len(x))
        if len(seen) == dies:
            raise Killed
        return maps(sonifier, x, pooled)

    with patch.object(Sonifier, "maps", counted):
        dies = 0
        script("undisturbed", out=("whole", "whole_left"))
        undisturbed = len(seen)
        seen.clear()
        dies = undisturbed  # the last batch of all
        with pytest.raises(Killed):
            script("work")
        seen.clear()
        dies = 0
        script("work")
    assert undisturbed > 4 > len(seen), "of four parts three are there"
    assert (script.here / "top").read_bytes() == (script.here / "whole").read_bytes()
    assert not (script.here / "work").exists()


def test_shares_of_anything_else_are_refused(script, rng):
    shares = [script.share(i, 2) for i in (1, 2)]

    def said(*of: str) -> str:
        with pytest.raises(SystemExit) as ended:
            script("work", "--gather", *of)
        return str(ended.value)

    script.settings = SETTINGS | {"top": 3}
    assert said(*shares) == (
        f"error: {shares[0]} was made with other configuration: delete it and run again"
    )
    script.settings = SETTINGS
    assert "was made with other number of shares: delete" in said(*shares, shares[0])
    store(script.mine.folder, 1, [2_500], rng)  # another recording of the same length and name
    assert "was made with other clips or tables: delete" in said(*shares)
    shutil.rmtree(shares[0])
    Path(shares[0]).mkdir()
    assert f"{shares[0]} is no share: delete it and run again" in said(*shares)


def test_a_part_that_a_share_lost_is_named(script):
    shares = [script.share(i, 2) for i in (1, 2)]
    file = Path(shares[1]) / "part-00003.parquet"
    file.write_bytes(file.read_bytes()[:-40])
    with pytest.raises(SystemExit, match=f"{file} is damaged .*: delete {shares[1]} and run again"):
        script("work", "--gather", *shares)
    file.unlink()
    with pytest.raises(SystemExit, match=f"part-00003.parquet is in none of {shares[0]}, "):
        script("work", "--gather", *shares)


@pytest.mark.parametrize(
    "named", ["configuration", "code", "clips or tables", "weights", "torch or device"]
)
def test_what_was_begun_with_something_else_is_set_aside(script, rng, monkeypatch, named):
    def died(code: str = "a") -> str:
        with patch.object(Sonifier, "maps", side_effect=Killed), pytest.raises(Killed):
            script("work", "--code", code)
        return script.capsys.readouterr().err

    assert "set aside" not in died() + died()
    if named == "configuration":
        script.settings = SETTINGS | {"top": 3}
    elif named == "clips or tables":
        store(script.mine.folder, 1, [2_500], rng)  # another recording of the same length and name
    elif named == "weights":
        with torch.no_grad():
            next(script.mine.model.encoder.parameters()).add_(1e-3)
        checkpoint.save(script.here / "model", script.mine.model, script.mine.card)
    elif named == "torch or device":
        monkeypatch.setattr(torch, "__version__", "3.0")
    said = died("b" if named == "code" else "a")
    assert f" was started with other {named}: it is set aside" in said
