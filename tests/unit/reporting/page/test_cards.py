import base64
import dataclasses
import io
import re
import wave

import numpy as np
import pytest

from sonify.paper.published import PAPER_TABLES
from sonify.reporting.page.build import page as results_page
from sonify.reporting.page.cards import cards

LAYERS = [f"{m}-s0/layer_{n}" for m in ("contrastive", "supervised") for n in ("01", "04")]


def sounds(text: str) -> list[np.ndarray]:
    """Samples of all players, (time,) each, full scale 1."""
    made = []
    for data in re.findall(r'src="data:audio/wav;base64,([^"]+)"', text):
        with wave.open(io.BytesIO(base64.b64decode(data))) as file:
            made.append(np.frombuffer(file.readframes(file.getnframes()), "<i2") / 32767)
    return made


def test_a_card_for_each_table_account_and_layer(content):
    made = cards(content())
    assert sorted(made) == sorted(
        [f"tables/table_{name}.html" for name in PAPER_TABLES]
        + ["claims.html", "clips.html", "time.html"]
        + [f"listening/{layer}.html" for layer in LAYERS]
    )
    for name, table in PAPER_TABLES.items():
        text = made[f"tables/table_{name}.html"]
        assert f"<h1>{table.title}</h1>" in text
        assert text.count('class="system"') == len(table.lines)
    assert "contradicted" in made["claims.html"]
    assert "2 missing file, 1 silent" in made["clips.html"]
    assert "1 min 30 s" in made["time.html"]


def test_a_card_needs_nothing_else_and_says_its_scale(content):
    for path, text in cards(content()).items():
        addresses = re.findall(r'(?:href|src)="([^"]+)"', text)
        strange = {a for a in addresses if not a.startswith("data:")}
        assert strange <= {"https://freesound.org/s/7/"}, path
        assert "url(" not in text and "@import" not in text
        assert "<strong>Miniature:</strong> sounds &lt;x&gt;" in text
        assert text.count("<h1>") == 1 and "<script>alert" not in text


def test_a_layer_without_live_filters_says_so(content):
    text = cards(content())["listening/supervised-s0/layer_04.html"]
    assert "No live filter to show at this layer." in text and not sounds(text)


@pytest.mark.parametrize(("share", "factor"), [(0.25, 1.0), (-1.0, 0.5), (-0.5, 1 / 1.5)])
def test_one_hears_all_sounds_of_a_clip_at_one_level(content, share, factor):
    """With s = -x the residual is 2x: all three are played at half their level, and none clips."""
    x = np.sin(np.linspace(0, 60, 4000))
    x /= np.abs(x).max()
    pair = dataclasses.replace(content().pairs[0], x=x, s=share * x)
    path = f"listening/{pair.model}/layer_{pair.layer:02d}.html"
    text = cards(content(pairs=[pair]))[path]
    wanted = {"input": x, "sonification": share * x, "residual": (1 - share) * x}
    for found, sound in zip(sounds(text), wanted.values(), strict=True):
        assert np.abs(found - factor * sound).max() < 1 / 32767
    assert re.findall(r'class="name">(\w+)', text) == list(wanted)
    assert "turned down equally" in text


def test_the_page_plays_a_clip_as_loud_as_the_card_does(content):
    """The page has no residual, but the same sounds: they shall not differ in level."""
    x = np.sin(np.linspace(0, 60, 4000))
    pair = dataclasses.replace(content().pairs[0], x=x, s=-x)
    shown = content(pairs=[pair])
    on_card = sounds(cards(shown)[f"listening/{pair.model}/layer_{pair.layer:02d}.html"])
    on_page = sounds(results_page(shown))
    assert len(on_page) == 2 and len(on_card) == 3
    for found, wanted in zip(on_page, on_card[:2], strict=True):
        assert (found == wanted).all() and np.abs(found).max() == pytest.approx(0.5, abs=1e-4)
