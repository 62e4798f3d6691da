"""The gallery: how long until the first sound, what is loaded until then, what is stored."""

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlparse

import numpy as np
import pandas as pd
from browsers import chromium
from galleries import write_tables
from harness import Bench, bench

from sonify.contracts.audio_format import RATE_HZ
from sonify.models.cnn import Architecture
from sonify.reporting.gallery.build import build
from sonify.runtime.seeds import generator

SECONDS = 1.0
PAPER_SECONDS = 10  # of an AudioSet clip
RANKS = 3
NOTES = f"""\
Two models side by side, {RANKS} clips of {SECONDS:g} s for each filter (falling noise, so that no
codec has it easy). The page is opened from a disk with the network off, in a new profile: `first
sound` is from opening it to the moment it plays, `loaded` what it read until then, `slowest frame`
that while the overview is scrolled through. `all layers` has every filter in one overview.
`at {PAPER_SECONDS} s` is one model with clips of {PAPER_SECONDS} s, from the size of a second."""
SCROLL = """async () => {
  const grid = document.querySelector('.supervised .grid');
  let slowest = 0, before = await new Promise(requestAnimationFrame);
  for (let i = 0; i < 60; i++) {
    grid.scrollTop += 150;
    const now = await new Promise(requestAnimationFrame);
    slowest = Math.max(slowest, now - before);
    before = now;
  }
  return slowest / 1000;
}"""


def main() -> None:
    run = bench("gallery", __doc__)
    paper = dict(enumerate(Architecture().filters, start=1))
    cases = [("100 filters", {1: 100}, "flac"), ("100 filters", {1: 100}, "opus")]
    cases += [("1,000 filters", {1: 1000}, "flac"), ("6,016 filters", paper, "flac")]
    rows, notes = [], NOTES
    for case, layers, codec in [("12 filters", {1: 12}, "opus")] if run.quick else cases:
        with tempfile.TemporaryDirectory() as folder:
            name = f"{case}, {codec}"
            row = {"case": name, **built(run, name, layers, codec, Path(folder))}
            try:
                with chromium() as browser:
                    row |= visited(run, name, Path(folder), browser)
            except LookupError as missing:
                notes = f"{NOTES}\n\nNot opened: {missing}"
            rows.append(row)
    run.write("The gallery by its number of filters", pd.DataFrame(rows), notes)


def built(run: Bench, case: str, layers: dict[int, int], codec: str, folder: Path) -> dict:
    """Build a gallery; seconds it took, and sizes in MB."""
    tables = write_tables(folder, layers, SECONDS, falling_noise)
    tables["settings"]["audio"] = codec
    start = time.perf_counter()
    build(**tables, out=folder / "gallery", threads=run.threads)
    run.record(case, "stored", "build", "s", [time.perf_counter() - start])
    signals = [f for f in (folder / "gallery/data/models").rglob("*.js") if f.stem.isdecimal()]
    audio = sum(f.stat().st_size for f in signals) / 1e6
    rest = sum(f.stat().st_size for f in (folder / "gallery").rglob("*.*")) / 1e6 - audio
    second = audio / (2 * RANKS * sum(layers.values()) * SECONDS)
    long = second * PAPER_SECONDS * RANKS * sum(layers.values())
    sizes = {"sonifications (MB)": audio, "the rest (MB)": rest, f"at {PAPER_SECONDS} s (MB)": long}
    for quantity, value in sizes.items():
        run.record(case, "stored", quantity, "MB", [value])
    return {"build (s)": run.rows[-4]["median"], **sizes}


def visited(run: Bench, case: str, folder: Path, browser) -> dict:
    """Open the gallery several times, one layer and all of them; medians."""
    shown = {}
    for view, link in (("one layer", ""), ("all layers", "#?view=all")):
        found = [
            opened(folder / "gallery/index.html", link, browser)
            for _ in range(1 if run.quick else 5)
        ]
        for (quantity, unit), values in zip(UNITS.items(), zip(*found, strict=True), strict=True):
            run.record(case, view, quantity, unit, list(values))
            shown[f"{view}: {quantity} ({unit})"] = run.rows[-1]["median"]
    return shown


UNITS = {"first sound": "s", "loaded": "MB", "slowest frame": "s"}


def opened(page_file: Path, link: str, browser) -> tuple[float, float, float]:
    """Seconds to the first sound, MB loaded until then, slowest frame in s."""
    with visitor(browser) as page:
        loaded = []
        page.on("request", lambda request: loaded.append(urlparse(request.url)))
        start = time.perf_counter()
        page.goto(page_file.as_uri() + link)
        page.locator(".supervised .card[data-ready]").wait_for()
        page.keyboard.press("Space")
        page.wait_for_function("window.Gallery.player.time > 0")
        seconds = time.perf_counter() - start
        files = [Path(unquote(one.path)) for one in loaded if one.scheme == "file"]
        size = sum(file.stat().st_size for file in files) / 1e6
        return seconds, size, page.evaluate(SCROLL)


@contextmanager
def visitor(browser) -> Iterator:
    context = browser.new_context(offline=True, viewport={"width": 1280, "height": 900})
    yield context.new_page()
    context.close()


def falling_noise(hertz: float, seconds: float, fall: float) -> np.ndarray:
    """Noise that falls with frequency from `hertz` on, as 16 bits at full scale."""
    rng = generator("benchmark", "gallery", f"{hertz} {fall}")
    spectrum = np.fft.rfft(rng.standard_normal(round(seconds * RATE_HZ)))
    spectrum /= 1 + np.arange(len(spectrum)) / (hertz * seconds)
    wave = np.fft.irfft(spectrum, round(seconds * RATE_HZ))
    return np.rint(32767 * wave / np.abs(wave).max()).astype("<i2")


if __name__ == "__main__":
    main()
