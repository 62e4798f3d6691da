"""A gallery opened from disk in headless Chromium, without a network.

Where playwright or a Chromium is missing, each of these tests is skipped by name and says what to
install. SONIFY_CHROMIUM names another browser, SONIFY_SCREENSHOTS a folder that keeps the pictures,
and SONIFY_GALLERY another gallery to take them of:

    SONIFY_GALLERY=results/reporting/gallery SONIFY_SCREENSHOTS=docs/images \\
      pytest tests/web -k readme

writes docs/images/gallery.png, and `-k sideways` the first view at three widths, light and dark.
"""

import os
from pathlib import Path

import pytest
from galleries import write_tables

from sonify.contracts import tables
from sonify.reporting.gallery.build import build


@pytest.fixture(scope="session")
def gallery(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("results")
    build(**write_tables(folder, {1: 6, 2: 30}), out=folder / "reporting" / "gallery")
    return folder / "reporting" / "gallery"


@pytest.fixture
def visit(browser, gallery):
    """`visit(hash, width, height, color_scheme, folder, policy)`: a page, in a context of its own.

    A console error, warning or exception of any page fails the test.
    """
    contexts, troubles = [], []

    def go(link="", width=1280, height=900, color_scheme="light", folder=gallery, policy=False):
        size = {"width": width, "height": height}
        # The page's policy forbids playwright's own waiting for expressions.
        context = browser.new_context(
            viewport=size, color_scheme=color_scheme, offline=True, bypass_csp=not policy
        )
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda m: m.type in ("error", "warning") and troubles.append(m.text))
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.goto((folder / "index.html").as_uri() + link)
        page.locator(".supervised .card[data-ready]").wait_for()
        page.locator(".contrastive .card[data-ready]").wait_for()
        return page

    yield go
    for context in contexts:
        context.close()
    assert not troubles


@pytest.fixture
def pictured(gallery) -> Path:
    return Path(os.environ.get("SONIFY_GALLERY", gallery)).resolve()


@pytest.fixture
def screenshots(tmp_path) -> Path:
    return Path(os.environ.get("SONIFY_SCREENSHOTS", tmp_path))


@pytest.fixture(scope="session")
def uneven(tmp_path_factory) -> Path:
    """A gallery whose contrastive model lacks layer 2."""
    folder = tmp_path_factory.mktemp("uneven")
    given = write_tables(folder, {1: 6, 2: 30})
    files = {folder / "filters.parquet": "filters"}
    for name in ("top_activations", "sonifications"):
        files[folder / f"sonification/contrastive-s0/{name}.parquet"] = name
    for file, schema in files.items():
        frame = tables.read(file, schema)
        kept = (frame["model"] != "contrastive-s0") | (frame["layer"] == 1)
        tables.write(frame[kept], file, schema)
    build(**given, out=folder / "gallery")
    return folder / "gallery"
