"""Links between the pages of the repository lead to files and headings that are there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("benchmarks/results/*.md")])
LINK = re.compile(r"\]\(([^()\s]+)\)")
FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


def prose(page: Path) -> str:
    """The text of a page without its code blocks."""
    return FENCED.sub("", page.read_text(encoding="utf-8"))


def anchors(page: Path) -> set[str]:
    """The headings of a page as GitHub makes anchors of them."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", [page.relative_to(ROOT).as_posix() for page in PAGES])
def test_links_lead_somewhere(page):
    for link in LINK.findall(prose(ROOT / page)):
        if re.match("[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (ROOT / page).parent / path if path else ROOT / page
        assert target.exists(), f"{page} links to {path}, which is not there"
        assert not anchor or anchor in anchors(target), f"{page} links to {link}: no such heading"


def test_the_paths_that_the_documents_name_are_there():
    """Paths in backticks that begin with a folder of the repository."""
    named = re.compile(
        r"`((?:src|docs|tests|workflow|benchmarks|profiles|envs|notebooks)/[\w./-]+)`"
    )
    made = "docs/api"  # by `make docs`
    for page in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "docs" / "architecture.md"):
        for path in named.findall(prose(page)):
            there = path.startswith(made) or (ROOT / path).exists()
            assert there, f"{page.name} names {path}, which is not there"


def test_the_code_that_the_readme_names_is_there():
    rows = [line.split("|") for line in prose(ROOT / "README.md").splitlines() if line[:1] == "|"]
    for code in (row[4] for row in rows if len(row) == 6):
        folder = Path()
        for path in map(Path, re.findall(r"`([^`]+)`", code)):
            folder = path.parent if len(path.parts) > 1 else folder  # a bare name: beside the last
            whole = ROOT / "src/sonify" / (path if len(path.parts) > 1 else folder / path)
            assert whole.exists() or "sonify" in code, f"README names {path}, which is not there"


def test_the_packages_and_modules_of_the_architecture_page_are_there():
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    packages = [p.name for p in (ROOT / "src/sonify").iterdir() if (p / "__init__.py").is_file()]
    paths = re.findall(rf"`((?:{'|'.join(packages)})(?:/[\w.]+)+)`", text)
    assert len(paths) > 10
    assert [path for path in paths if not (ROOT / "src/sonify" / path).exists()] == []
