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
MINED = [f"sonification/contrastive-s0/{name}" for name in ("top_activations", "sonifications")]
THREADED = [
    *MINED,
    "evaluation/coherence/contrastive-s0",
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


def test_two_threads_move_weights_and_numbers_a_little_and_mine_the_same_clips(
    finished_run, elsewhere
):
    """Sums are rounded in another order. Adam divides each gradient by its own running magnitude,
    so that rounding errors in very small gradients reach the weights at full size."""
    settings = elsewhere.checkout / "workflow/configs/smoke.yaml"
    settings.write_text(f"{settings.read_text(encoding='utf-8')}\nthreads: 2\n", encoding="utf-8")
    elsewhere("--cores", "2", "--", *(f"results/{table}.parquet" for table in THREADED))
    check_close(finished_run.folder, elsewhere.folder)


def check_close(one: Path, two: Path) -> None:
    """Assert that data in `two` are the same bytes as in `one`, mined rows the same, numbers close.

    Each number of a table within 0.03 + 2 %, its column's mean within 0.001 + 0.2 %; weights within
    10⁻³ of their norm, and each within 0.005.
    """
    expected, found = digests(one / "results/data"), digests(two / "results/data")
    assert found and all(expected[name] == digest for name, digest in found.items())
    files = sorted(two.glob("results/models/*/model.safetensors"))
    assert len(files) == 2
    for file in files:
        ours, theirs = load_file(one / file.relative_to(two)), load_file(file)
        far = np.concatenate([(theirs[name] - ours[name]).ravel() for name in ours])
        weights = np.concatenate([values.ravel() for values in ours.values()])
        # Of single weights less than the few steps could move them.
        assert np.linalg.norm(far) < 1e-3 * np.linalg.norm(weights), file.parent.name
        assert np.abs(far).max() < 5e-3, file.parent.name
    for table in THREADED:
        ours, theirs = (
            pd.read_parquet(run / f"results/{table}.parquet").drop(
                columns=NOT_NUMBERS, errors="ignore"
            )
            for run in (one, two)
        )
        measured = ours.select_dtypes("float").columns
        keys = ours.columns.difference(measured)
        assert len(ours) == len(theirs) > 0
        same = (ours[keys] == theirs[keys]).all(axis=1)
        if table in MINED:  # by clip, frame, layer and filter
            assert same.all(), table
        else:  # another map, nearly as strong, may be a clip's most active
            assert same.mean() > 0.9, table
        for name in measured:
            a, b = ours.loc[same, name], theirs.loc[same, name]
            np.testing.assert_allclose(b, a, rtol=2e-2, atol=3e-2, err_msg=f"{table}: {name}")
            np.testing.assert_allclose(b.mean(), a.mean(), rtol=2e-3, atol=1e-3, err_msg=name)
