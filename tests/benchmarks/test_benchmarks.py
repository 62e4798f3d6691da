"""The benchmarks still run, and write what they promise."""

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).resolve().parents[2]
BENCHMARKS = [
    file.stem
    for file in sorted((ROOT / "benchmarks").glob("*.py"))
    if "from harness import" in file.read_text(encoding="utf-8")
]


@pytest.mark.slow
@pytest.mark.parametrize("name", BENCHMARKS)
def test_the_quick_mode_measures_every_variant(name, tmp_path):
    command = [sys.executable, str(ROOT / "benchmarks" / f"{name}.py"), "--quick"]
    paths = os.pathsep.join(str(ROOT / part) for part in ("src", "tests/support"))
    done = subprocess.run(
        [*command, "--threads", "1", "--out", str(tmp_path)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": paths},
        check=False,
    )
    assert done.returncode == 0 and "Warning" not in done.stderr, done.stderr
    table = pd.read_parquet(tmp_path / f"{name}.parquet")
    assert (table["median"] > 0).all() and (table["threads"] == 1).all()
    assert not table.duplicated(["case", "variant", "quantity"]).any()
    page = (tmp_path / f"{name}.md").read_text(encoding="utf-8")
    assert page.startswith("# ") and "1 thread, torch" in page and "|--" in page
