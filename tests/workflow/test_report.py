"""Snakemake's report of the smoke run: made without a network, opened without one."""

import json
import re
import zipfile
from pathlib import Path

import pytest
import yaml

from sonify.reporting.page_figures import FIGURES as WORDS
from sonify.workflow import FIGURES, TABLES

ROOT = Path(__file__).resolve().parents[2]
CATEGORIES = ("Claims", "Tables", "Figures", "Listening", "Runs")
VIEW = "iframe, .grow img"
DECODE = """async (player) => {
  const file = await (await fetch(player.src)).arrayBuffer();
  const sound = await new OfflineAudioContext(1, 1, 8000).decodeAudioData(file);
  return [sound.duration, Math.max(...sound.getChannelData(0).map(Math.abs))];
}"""


@pytest.fixture(scope="module")
def report(finished_run, tmp_path_factory) -> Path:
    """The report, unzipped."""
    folder = tmp_path_factory.mktemp("report")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
            patch.setenv(name, "http://127.0.0.1:9")  # nobody listens there
        finished_run("--report", str(folder / "report.zip"))
    with zipfile.ZipFile(folder / "report.zip") as file:
        file.extractall(folder)
    return folder / "report" / "report.html"


@pytest.fixture(scope="module")
def listed(report) -> dict[str, dict]:
    """What the report lists, by path of the result."""
    found = re.search(r"var results = (\{.*\});", report.read_text(encoding="utf-8"))
    return json.loads(found[1])


@pytest.fixture(scope="module")
def layers() -> list[str]:
    config = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    return [f"{layer:02d}" for layer in config["reporting"]["listen"]["layers"]]


def test_it_holds_every_table_figure_claim_account_and_sound(report, listed, layers):
    wanted = [f"figures/{name}.svg" for name in FIGURES]
    wanted += [f"{folder}/table_{n}" for n in TABLES for folder in ("tables", "cards/tables")]
    wanted += ["claims.md", "cards/claims.html", "cards/clips.html", "cards/time.html"]
    models = ("contrastive-s0", "supervised-s0")
    wanted += [f"cards/listening/{m}/layer_{n}.html" for m in models for n in layers]
    suffix = {"tables": ".csv", "cards/tables": ".html"}
    wanted = [path + suffix.get(path.rpartition("/")[0], "") for path in wanted]
    assert sorted(listed) == sorted(f"results/reporting/{path}" for path in wanted)
    for entry in listed.values():
        assert (report.parent / entry["data_uri"]).stat().st_size > 100
        assert entry["labels"] and len(entry["caption"]) > 60


def test_figures_are_explained_by_the_words_of_the_results_page(listed):
    for name in FIGURES:
        caption = re.sub(
            r"<[^>]+>|\s+", " ", listed[f"results/reporting/figures/{name}.svg"]["caption"]
        )
        for words in (WORDS[name]["read"], WORDS[name]["paper"]):
            assert words.replace("'", "’") in caption.replace("'", "’"), name


def test_everything_opens_in_a_browser_without_a_network(browser, report, listed, layers):
    troubles, seen = [], set()
    context = browser.new_context(viewport={"width": 1280, "height": 900}, offline=True)
    page = context.new_page()
    page.on("console", lambda message: message.type == "error" and troubles.append(message.text))
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("requestfailed", lambda request: troubles.append(request.url))

    def shown(control):
        """Where what `control` shows lies, once it is there."""
        control.click()
        change = "seen => ![undefined, ...seen].includes(document.querySelector('%s')?.src)"
        page.wait_for_function(change % VIEW, arg=sorted(seen))
        seen.add(page.locator(VIEW).evaluate("view => view.src"))
        view = page.locator(VIEW)
        if view.evaluate("view => view.tagName") == "IMG":
            assert view.evaluate("async view => { await view.decode(); return view.naturalWidth }")
            return
        page.frame_locator(VIEW).locator("h1").wait_for()
        for player in page.frame_locator(VIEW).locator("audio").all():
            seconds, peak = player.evaluate(DECODE)
            assert seconds == 2.5 and peak > 0.01

    for category in CATEGORIES:
        page.goto(report.as_uri())
        page.locator(".prose").get_by_role("link", name=category, exact=True).click()
        page.locator("tbody tr").first.wait_for()
        for row in page.locator("tbody tr").all():
            shown(row.locator("a").first)  # the eye
        if category == "Listening":  # the last layer by the other regime
            shown(page.get_by_text("supervised-s0", exact=True))
    context.close()
    assert not troubles
    assert len(seen) == len(FIGURES) + len(TABLES) + 1 + 2 + len(layers) + 1
