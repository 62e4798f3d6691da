"""The benchmarks still run, and write what they promise."""

import os
import subprocess
import sys
from itertools import product
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).resolve().parents[2]
TEXTS = {
    file.stem: text
    for file in sorted((ROOT / "benchmarks").glob("*.py"))
    if "from harness import" in (text := file.read_text(encoding="utf-8"))
}


HALF = [name for name, text in TEXTS.items() if "bfloat16" in text]
# A program that takes the processor for one that computes in bfloat16, or for one that does not.
ON_ANOTHER = """\
import runpy, sys, torch
torch.cpu.get_capabilities = lambda: {{"avx512_bf16": {native}}}
sys.path.insert(0, sys.argv[1].rpartition("/")[0])
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def quick(name: str, out: Path, native: bool | None = None) -> subprocess.CompletedProcess[str]:
    """Run a benchmark as small as it gets; `native`: whether the processor is to have bfloat16."""
    before = [] if native is None else ["-c", ON_ANOTHER.format(native=native)]
    command = [sys.executable, *before, str(ROOT / "benchmarks" / f"{name}.py"), "--quick"]
    paths = os.pathsep.join(str(ROOT / part) for part in ("src", "tests/support"))
    return subprocess.run(
        [*command, "--threads", "1", "--out", str(out)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": paths},
        check=False,
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "native"),
    [*((n, None) for n in TEXTS if n not in HALF), *product(HALF, (True, False))],
)
def test_the_quick_mode_measures_every_variant(name, native, tmp_path):
    done = quick(name, tmp_path, native)
    assert done.returncode == 0 and "Warning" not in done.stderr, done.stderr
    if (name, native) == ("precision", False):
        why = "the processor only emulates bfloat16, so that the fast path is the exact one"
        assert done.stdout == f"nothing is measured: {why}\n" and not list(tmp_path.iterdir())
        return
    table = pd.read_parquet(tmp_path / f"{name}.parquet")
    assert (table["median"] > 0).all() and (table["threads"] == 1).all()
    assert not table.duplicated(["case", "variant", "quantity"]).any()
    page = (tmp_path / f"{name}.md").read_text(encoding="utf-8")
    assert page.startswith("# ") and "1 thread, torch" in page and "|--" in page
