"""A Chromium that playwright drives, for the tests and the benchmark of the gallery, and what its
visitors look at."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

CHROMIUMS = ("chromium", "chromium-browser", "google-chrome")
OPTIONS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


@contextmanager
def chromium() -> Iterator:
    """A headless Chromium: that of SONIFY_CHROMIUM, of the machine, or playwright's own.

    Raises LookupError with the command that installs what is missing.
    """
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        raise LookupError("playwright is missing: pip install playwright") from None
    own = next(filter(None, map(shutil.which, CHROMIUMS)), None)
    with sync_playwright() as playwright:
        program = os.environ.get("SONIFY_CHROMIUM") or own or playwright.chromium.executable_path
        if not shutil.which(program):
            raise LookupError(
                f"Chromium is missing ({program}): playwright install --with-deps chromium"
            )
        browser = playwright.chromium.launch(executable_path=program, args=OPTIONS)
        yield browser
        browser.close()


def card(page, regime="supervised"):
    """The gallery's card of a regime."""
    return page.locator(f".column.{regime} .card")


def shows(page, title, regime="supervised"):
    """Wait until the card of a regime has this title."""
    from playwright.sync_api import expect

    expect(card(page, regime).locator("h3")).to_have_text(title)


def violations(page):
    """What axe-core finds that keeps people from using the page: rule and place of each."""
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright",
        reason="axe-core is missing: pip install axe-playwright-python",
    ).Axe()
    found = axe.run(page, options={"preload": False}).response["violations"]
    return [(one["id"], one["nodes"][0]["html"]) for one in found]
