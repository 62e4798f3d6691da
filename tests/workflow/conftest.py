"""Running the workflow itself, in folders of its own."""

import shutil

import codedeps
import pytest
from checkouts import ROOT, Workflow, fresh_checkout
from warm import Warm


@pytest.fixture(scope="session")
def snakemake():
    for script in codedeps.SCRIPTS.glob("*.py"):
        codedeps.code_hash(script.name)
    codedeps.keep()  # so that no checkout's sources are parsed, as they are those of here
    packages = ("cli", "profiles", "report.html_reporter", "storage")
    snakemake = Warm(*(f"snakemake.{name}" for name in packages), "jsonschema", "msgspec")
    snakemake.start()
    yield snakemake
    snakemake.stop()


@pytest.fixture
def workflow(tmp_path, snakemake) -> Workflow:
    """A workflow of which nothing has run."""
    (tmp_path / "work").mkdir()
    return Workflow(tmp_path / "work", fresh_checkout(tmp_path / "checkout"), snakemake)


@pytest.fixture(scope="session")
def finished_run(tmp_path_factory, snakemake):
    """The whole smoke run, made once; use `finished` to get a copy that may be changed."""
    folder = tmp_path_factory.mktemp("smoke")
    (folder / "work").mkdir()
    workflow = Workflow(folder / "work", fresh_checkout(folder / "checkout"), snakemake)
    workflow.printed = workflow()
    yield workflow


@pytest.fixture
def finished(finished_run) -> Workflow:
    """The finished smoke run; its sources are put back after the test."""
    yield finished_run
    for part in ("src", "workflow"):
        shutil.rmtree(finished_run.checkout / part)
        shutil.copytree(ROOT / part, finished_run.checkout / part)
    shutil.copy2(ROOT / "config.yaml", finished_run.checkout / "config.yaml")
