"""The pages of findings say what the tables beside them say."""

from pathlib import Path

import pytest

from sonify.reporting.findings import rendered

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("folder", ["docs", "docs/recorded"])
def test_the_page_is_that_of_its_tables(folder):
    page = (ROOT / folder / "findings.md").read_text(encoding="utf-8")
    assert page == rendered(ROOT / folder), f"run: python -m sonify.reporting.findings {folder}"
