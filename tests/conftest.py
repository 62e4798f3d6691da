"""The strict world of the tests: named seeds, no network, one thread."""

import os
import sys
from contextlib import ExitStack
from pathlib import Path

import fuzz
import numpy as np
import pandas as pd
import pytest
import torch
from browsers import chromium
from hypothesis import settings

from sonify.contracts import tables
from sonify.data.clips import Clips
from sonify.data.stored import StoredClips, stored

torch.set_num_threads(1)
# The same cases in every run, and no deadline: the machines that run this are shared and uneven.
settings.register_profile("sonify", deadline=None, derandomize=True)
# Other cases in each run, and those that fail are kept in .hypothesis for the next.
settings.register_profile("fuzz", deadline=None, print_blob=True)
settings.load_profile("fuzz" if fuzz.NUMBER else "sonify")
# Whatever is said of it outside: else every process that a test starts compiles the library anew.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
# Scripts that tests start find the library as the workflow's jobs do.
os.environ["PYTHONPATH"] = str(Path(__file__).resolve().parents[1] / "src")


# Of the unit tests, those of more than 20 s.
LONG_FILES = [
    *("test_exactness.py", "test_figures.py", "test_pairs.py", "test_parts.py", "test_ranks.py"),
    *("test_rivals.py", "test_sensitivity.py", "test_table.py"),
]


def pytest_configure(config: pytest.Config) -> None:
    """Without pytest's own plugin the mark `filterwarnings` is unknown and no warning an error."""
    if not config.pluginmanager.hasplugin("warnings"):
        raise pytest.UsageError("-p no:warnings lets warnings pass, which fail tests: leave it out")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Several processes share the tests file by file: files that take long come first, so that no
    process is left with one when the others have ended. What brings up a Slurm of its own is left
    out unless asked for, with -m slurm."""

    def turn(item: pytest.Item) -> int:
        if "finished_run" in getattr(item, "fixturenames", ()):
            return 0
        long = item.path.parent.name in ("workflow", "web") or item.path.name in LONG_FILES
        return 1 if long else 2

    if "slurm" not in (config.option.markexpr or ""):
        apart = [item for item in items if item.get_closest_marker("slurm")]
        config.hook.pytest_deselected(items=apart)
        items[:] = [item for item in items if item not in apart]
    items.sort(key=turn)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20241)


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(20241)


@pytest.fixture(scope="session")
def browser():
    """One for all: playwright can be started but once. Without it, its tests are skipped."""
    with ExitStack() as stack:
        try:
            opened = stack.enter_context(chromium())
        except LookupError as missing:
            pytest.skip(str(missing))
        yield opened


@pytest.fixture
def make_clips(rng):
    """Clips in memory: `make_clips(lengths, n_classes)`, of noise with random labels."""

    def make(lengths: list[int], n_classes: int = 4, splits: str = "eval") -> Clips:
        lengths_ = np.array(lengths, np.int64)
        targets = (rng.random((len(lengths), n_classes)) < 0.4).astype(np.uint8)
        targets[: 2 * n_classes] = np.tile(np.eye(n_classes, dtype=np.uint8), (2, 1))[
            : len(lengths)
        ]
        return Clips(
            dataset="fsd50k",
            ids=[f"clip{i:03d}" for i in range(len(lengths))],
            splits=[splits] * len(lengths),
            classes=[f"class {c}" for c in range(n_classes)],
            targets=targets,
            lengths=lengths_,
            offsets=np.cumsum(lengths_) - lengths_,
            samples=rng.integers(-32767, 32768, lengths_.sum()).astype(np.int16),
        )

    return make


@pytest.fixture
def store(tmp_path):
    """The same clips as prepared on disk: `store(clips, clips_per_part, **writer_options)`."""

    def write(clips: Clips, clips_per_part: int = 5, **options) -> StoredClips:
        rows = {"dataset": clips.dataset, "index": range(len(clips.classes)), "mid": ""}
        vocabulary = pd.DataFrame({**rows, "label": clips.classes})
        tables.write(vocabulary, tmp_path / "vocabulary.parquet", "vocabulary")
        splits = list(dict.fromkeys(clips.splits))
        for split in splits:
            chosen = [i for i, s in enumerate(clips.splits) if s == split]
            for part in range(-(-len(chosen) // clips_per_part)):
                rows = chosen[part * clips_per_part : (part + 1) * clips_per_part]
                frame = pd.DataFrame(
                    {
                        "dataset": clips.dataset,
                        "split": split,
                        "clip_id": [clips.ids[i] for i in rows],
                        "labels": [
                            [c for c, on in zip(clips.classes, clips.targets[i], strict=True) if on]
                            for i in rows
                        ],
                        "n_samples": clips.lengths[rows].astype(np.int32),
                        "source_rate": np.int32(8_000),
                        "gain": 1.0,
                        "pcm": [clips.pcm(i).tobytes() for i in rows],
                    }
                )
                how = {"compression": "none", "use_dictionary": False, "row_group_size": 3}
                file = tmp_path / split / f"part-{part:05d}.parquet"
                tables.write(frame, file, "clips", **(how | options))
        return stored(tmp_path, splits)

    return write
