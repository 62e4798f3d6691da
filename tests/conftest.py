"""The strict world of the tests: named seeds, no network, one thread."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import settings

from sonify.data.clips import Clips

torch.set_num_threads(1)
# The same cases in every run, and no deadline: the machines that run this are shared and uneven.
settings.register_profile("sonify", deadline=None, derandomize=True)
settings.load_profile("sonify")
# Scripts that tests start find the library as the workflow's jobs do.
os.environ["PYTHONPATH"] = str(Path(__file__).resolve().parents[1] / "src")


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20241)


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(20241)


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
