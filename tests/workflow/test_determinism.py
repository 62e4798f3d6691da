"""Two runs of the same configuration, in other folders, orders and numbers of threads."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from checkouts import Workflow, digests, fresh_checkout
from safetensors.numpy import load_file

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3_600)]  # a smoke run each
EARLY = [f"results/evaluation/{table}.parquet" for table in ("layer_importance", "coherence")]


@pytest.fixture
def elsewhere(tmp_path, snakemake) -> Workflow:
    """A workflow of which nothing has run, in a folder with a longer name."""
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
    """Sums may be rounded in another order. Where this was written they were not."""
    settings = elsewhere.checkout / "workflow/configs/smoke.yaml"
    settings.write_text(f"{settings.read_text(encoding='utf-8')}\nthreads: 2\n", encoding="utf-8")
    elsewhere()
    one, two = (run.folder / "results" for run in (finished_run, elsewhere))
    for file in sorted(one.glob("models/*/*.safetensors")):
        weights = load_file(two / file.relative_to(one))
        for name, values in load_file(file).items():
            np.testing.assert_allclose(
                weights[name], values, rtol=1e-3, atol=1e-4, err_msg=str(file)
            )
    compared = [_compared(file, two / file.relative_to(one)) for file in _tables(one)]
    assert sum(compared) > 20


def _tables(results: Path) -> list[Path]:
    """Tables over all models; which clips are in those of mining may hang on ties."""
    return sorted((results / "evaluation").glob("*.parquet"))


def _compared(file: Path, other: Path) -> bool:
    """Compare the means of all numbers of two tables, which ties in their rows hardly move."""
    ours, theirs = pd.read_parquet(file), pd.read_parquet(other)
    assert len(ours) == len(theirs), file.name
    columns = ours.select_dtypes("number").columns
    means = ours[columns].mean(), theirs[columns].mean()
    pd.testing.assert_series_equal(*means, rtol=0.02, atol=2e-3, obj=file.name)
    return True
