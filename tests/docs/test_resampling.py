"""docs/resampling.md shows what its benchmark measured, and what it measures still."""

import importlib.util
from pathlib import Path

from resamplers import torchaudio_functional

ROOT = Path(__file__).resolve().parents[2]


def test_the_page_shows_the_measured_table():
    measured = (ROOT / "benchmarks/results/resampling.md").read_text(encoding="utf-8")
    assert measured in (ROOT / "docs/resampling.md").read_text(encoding="utf-8")


def test_our_resampler_still_measures_the_same():
    torchaudio_functional()
    spec = importlib.util.spec_from_file_location("resampling", ROOT / "benchmarks/resampling.py")
    benchmark = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(benchmark)
    tones = benchmark.levels("soxr HQ (Sonify)", 16000)
    line = benchmark.table(tones).splitlines()[-1]
    assert line in (ROOT / "docs/resampling.md").read_text(encoding="utf-8")
