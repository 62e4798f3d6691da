"""Work that several jobs share gives the bytes that one job would write, for any number of them."""

import json
import runpy
import sys
from pathlib import Path

import codedeps
import pytest
from shallow import SHAPE

from sonify.contracts import tables
from sonify.models import checkpoint
from sonify.models.checkpoint import ModelCard

LENGTHS = [1_600, 900, 1_600, 2_001, 900, 1_600, 2_001, 3_000, 900, 1_600]
EXPLAINS = {"method": "deconvnet", "precision": "exact"}
MINING = {"rule": "mean", "exclude_labels": [], "crop_s": 0.2}  # cuts the longer clips
CONDITIONS = [
    {"rule": "max", "rescaled": False},
    {"rule": "mean", "rescaled": False},
    {"rule": "mean", "rescaled": True},
]
SETTINGS = {
    "mine": {"top": 2, "mining": MINING},
    "render": EXPLAINS,
    "score": {},
    "removal": EXPLAINS | {"conditions": CONDITIONS},
    "coherence": EXPLAINS | {"top_k": 5, "nperseg": 256, "rules": ["mean", "max"]},
    "filters": {"top_k": 5, "nperseg": 256, "mining": MINING},
}
NEEDS = {"render": ["top_activations"], "filters": ["top_activations", "sonifications"]}
TABLES = {"mine": ["top_activations", "left_out"], "render": ["sonifications"]}
TABLES |= {"score": ["metrics", "scores"]}
TABLES |= {name: [name] for name in ("removal", "coherence", "filters")}


class Scripts:
    """The scripts of stages, on one model and a split of four stored parts."""

    def __init__(self, folder: Path, monkeypatch) -> None:
        self.folder, self.patch = folder, monkeypatch

    def __call__(self, name: str, work: str, out: list[Path], *options: str) -> None:
        same = {"device": "cpu", "split": "eval", "batch_samples": 3_500}
        needs = [f"{need}={self.folder / need}.parquet" for need in NEEDS.get(name, [])]
        words = [
            *(f"{name}.py", "--model", self.folder / "model", "--data", self.folder),
            *("--settings", json.dumps(same | SETTINGS[name]), "--work", self.folder / work),
            *(("--input", *needs) if needs else ()),
            *options,
            *("--out", *out),
        ]
        self.patch.setattr(sys, "argv", [str(word) for word in words])
        runpy.run_path(str(codedeps.SCRIPTS / f"{name}.py"))

    def whole(self, name: str) -> list[Path]:
        """The tables of a stage as one job makes them."""
        files = [self.folder / f"{table}.parquet" for table in TABLES[name]]
        if not files[0].exists():
            for need, maker in (("top_activations", "mine"), ("sonifications", "render")):
                if need in NEEDS.get(name, []):
                    self.whole(maker)
            self(name, "work", files)
        return files

    def shared(self, name: str, n: int) -> list[Path]:
        """The same as n jobs and one that merges make them."""
        shares = [self.folder / f"{name}-{i}-of-{n}" for i in range(1, n + 1)]
        for i in reversed(range(n)):
            self(name, f"begun-{i}", [shares[i]], "--scatter", str(i + 1), str(n))
        files = [self.folder / f"{table}-of-{n}.parquet" for table in TABLES[name]]
        with self.patch.context() as patch:  # the job that merges reads no clip
            patch.setattr(
                "sonify.data.clips.load_part", lambda file: pytest.fail(f"{file} was read")
            )
            self(name, "merged", files, "--gather", *map(str, shares))
        return files


@pytest.fixture
def scripts(make_clips, store, tmp_path, monkeypatch) -> Scripts:
    clips = make_clips(LENGTHS)
    store(clips, clips_per_part=3)
    facts = {"run": "r", "seed": 1, "dataset": "fsd50k", "regime": "supervised"}
    facts |= {"finetune": "none", "architecture": SHAPE, "architecture_name": "CNN12"}
    card = ModelCard(**facts, head="classifier", outputs=4, classes=tuple(clips.classes))
    checkpoint.save(tmp_path / "model", checkpoint.build(card).eval(), card)
    return Scripts(tmp_path, monkeypatch)


@pytest.mark.parametrize("name", SETTINGS)
def test_any_number_of_shares_gives_the_bytes_of_one_job(scripts, name):
    whole = [file.read_bytes() for file in scripts.whole(name)]
    assert len(tables.read(scripts.folder / f"{TABLES[name][0]}.parquet", TABLES[name][0])) > 1
    for n in (1, 3, 7) if name == "mine" else (3, 7):  # of four parts
        assert [file.read_bytes() for file in scripts.shared(name, n)] == whole, n
    left = {file.name for file in scripts.folder.iterdir()}
    assert not [file for file in left if file.startswith(("begun", "work", "merged"))]


def test_what_is_not_shared_says_so(scripts, monkeypatch):
    name = "coherence_by_filter"
    monkeypatch.setitem(SETTINGS, name, {"nperseg": 160, "noverlap": 80, "nfft": 512, "peaks": 5})
    with pytest.raises(
        SystemExit, match="coherence_by_filter cannot be split .*: leave out --scatter"
    ):
        scripts(name, "work", [scripts.folder / "x"], "--scatter", "1", "2")
