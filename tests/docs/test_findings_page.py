"""docs/findings.md says what the tables beside it say."""

from pathlib import Path

from sonify.reporting.findings import rendered

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_the_page_is_that_of_its_tables():
    page = (DOCS / "findings.md").read_text(encoding="utf-8")
    assert page == rendered(DOCS), "run: python -m sonify.reporting.findings docs"
