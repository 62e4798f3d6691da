"""Runs of one configuration in other folders, orders of jobs and numbers of threads."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from checkouts import Workflow, digests, fresh_checkout
from safetensors.numpy import load_file

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3_600)]  # a smoke run each
EARLY = [f"results/evaluation/{table}.parquet" for table in ("layer_importance", "coherence")]
# A training, one that starts from it, and what is computed of either.
THREADED = [
    *["sonification/contrastive-s0/sonifications", "evaluation/coherence/contrastive-s0"],
    *(f"evaluation/{table}/fsd50k-contrastive-full-s0" for table in ("metrics", "removal")),
]
NOT_NUMBERS = ["pcm", "replicates"]  # but lists of what the other columns sum up


@pytest.fixture
def elsewhere(tmp_path, snakemake) -> Workflow:
    """A workflow of which nothing has run, in a folder with another kind of name."""
    folder = tmp_path / "a folder with spaces and ümlauts"
    folder.mkdir()
    return Workflow(folder, fresh_checkout(tmp_path / "checkout"), snakemake)


def test_order_of_jobs_folder_and_hashing_change_no_table_and_no_weight(
    finished_run, elsewhere, monkeypatch
):
    monkeypatch.setenv("PYTHONHASHSEED", "7")
    for table in EARLY:
        elsewhere("--cores", "1", "--", table)
    elsewhere("--cores", "3")
    expected, found = digests(finished_run.folder), digests(elsewhere.folder)
    assert expected.keys() == found.keys() and len(expected) > 200
    assert [name for name in expected if found[name] != expected[name]] == []


def test_two_threads_move_last_digits_at_most(finished_run, elsewhere):
    """Sums may be rounded in another order, and so maps that are nearly as strong change places.

    Where this was written no bit changed.
    """
    settings = elsewhere.checkout / "workflow/configs/smoke.yaml"
    settings.write_text(f"{settings.read_text(encoding='utf-8')}\nthreads: 2\n", encoding="utf-8")
    elsewhere("--cores", "2", "--", *(f"results/{table}.parquet" for table in THREADED))
    one, two = (run.folder / "results" for run in (finished_run, elsewhere))
    weights = sorted(two.glob("models/*/model.safetensors"))
    assert len(weights) == 2
    for file in weights:
        theirs = load_file(file)
        for name, values in load_file(one / file.relative_to(two)).items():
            np.testing.assert_allclose(theirs[name], values, rtol=1e-3, atol=1e-4, err_msg=name)
    for table in THREADED:
        check_close(*(run / f"{table}.parquet" for run in (one, two)))


def check_close(one: Path, two: Path) -> None:
    """Nearly all rows are of the same clip, layer, filter and so on, and their numbers close."""
    ours, theirs = (
        pd.read_parquet(file).drop(columns=NOT_NUMBERS, errors="ignore") for file in (one, two)
    )
    assert len(ours) == len(theirs) > 0
    measured = ours.select_dtypes("float").columns
    keys = ours.columns.difference(measured)
    same = (ours[keys] == theirs[keys]).all(axis=1)
    assert same.mean() > 0.9, one.parent.name
    for name in measured:
        np.testing.assert_allclose(
            theirs.loc[same, name], ours.loc[same, name], rtol=1e-2, atol=1e-3, err_msg=name
        )
