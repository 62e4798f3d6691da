import base64
import dataclasses
import io
import re
from html.parser import HTMLParser

import numpy as np
import pytest
import soundfile
from PIL import Image

from sonify.paper.claims.beside import laid_beside
from sonify.paper.published import PAPER_TABLES
from sonify.plan.registry import FIGURES
from sonify.reporting.accounting import jobs
from sonify.reporting.page.build import page
from sonify.reporting.page.figures import LARGE_BYTES, Drawing, drawings
from sonify.reporting.page.recording import Card, recording_page
from sonify.reporting.page.templates import duration

CAPTIONS = {name: figure.caption for name, figure in FIGURES.items()}


class Elements(HTMLParser):
    """All start tags with their attributes, and whether tags nest."""

    EMPTY = ("meta", "link", "img", "br")

    def __init__(self, text):
        super().__init__()
        self.found, self.open = [], []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def all(self, tag):
        return [attributes for name, attributes in self.found if name == tag]


def test_every_chosen_pair_can_be_heard_and_seen(content):
    elements = Elements(page(content()))
    sounds = elements.all("audio")
    assert len(sounds) == 2 * 6  # contrastive: 2 layers of 2; supervised: layer 4 is dead
    for sound in sounds:
        assert "controls" in sound and sound["preload"] == "none" and sound["aria-label"]
        kind, data = sound["src"].split(",")
        assert kind == "data:audio/wav;base64"
        assert base64.b64decode(data)[:4] == b"RIFF"
    pictures = elements.all("img")
    assert len(pictures) == len(sounds) + 1
    assert all(p["alt"] for p in pictures)


def test_a_pair_says_which_of_its_clips_it_is_and_what_is_shown_again(content):
    pair = content().pairs[0]
    one = dataclasses.replace(pair, rank=2, labels=("Tone, beep", "Hum"))
    text = " ".join(page(content(pairs=[one])).split())
    assert "its top clip 2, <code>" in text and "Tone, beep; Hum" in text
    again = dataclasses.replace(one, repeated=True)
    assert "its top clip 2, shown above too, <code>" in " ".join(
        page(content(pairs=[again])).split()
    )


def test_text_from_tables_is_escaped(content):
    text = page(content())
    assert "<script>alert(1)</script>" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "R&amp;B" in text
    assert len(Elements(text).all("script")) == 1


def test_credits_are_given_and_only_the_web_is_linked(content):
    text = page(content())
    assert "&lt;b&gt;ann&lt;/b&gt;" in text and "licence javascript:x" in text
    web = [a for a in Elements(text).all("a") if a["href"] == "https://freesound.org/s/7/"]
    assert len(web) == 6 and "javascript:" not in "".join(a["href"] for a in web)
    pair = content().pairs[0]
    unknown = dataclasses.replace(pair, source_url="", uploader="", licence="")
    assert 'class="soft credits"' not in page(content(pairs=[unknown]))


def test_no_other_host(content):
    """Links may lead to where a clip was published; nothing is loaded from there."""
    text = re.sub(r"data:[\w/+]+;base64,[A-Za-z0-9+/=]+", "", page(content()))
    text = re.sub(r'<a href="https://freesound.org/s/7/".*?</a>', "", text)
    assert not re.search(r"https?:|src=\"//|url\(|@import", text)


def test_links_stay_below_the_page(content):
    elements = Elements(page(content()))
    ids = {a["id"] for _, a in elements.found if "id" in a}
    for link in elements.all("a"):
        target = link["href"]
        if link.get("rel") == "noreferrer":
            continue
        below = ("tables/", "figures/", "gallery/index.html", "claims.md")
        assert target[1:] in ids if target[0] == "#" else target.startswith(below), target


SVG = b"""<svg xmlns="http://www.w3.org/2000/svg" width="40" height="40"><style>rect { fill: #f00 }
</style><rect style="stroke: #00f" width="40" height="40"/></svg>"""
FOREIGN = """<img src="x" onerror="document.title = 'foreign'" alt="">
<script>document.title = "foreign"</script>"""


def test_the_pages_work_under_their_policies_and_nothing_foreign_runs(browser, content, tmp_path):
    """The same pixels with and without; what an escaped label could not be is stopped here, too."""
    words = FIGURES["figure_6"].caption
    drawing = Drawing(SVG, "image/svg+xml", ("figure_6.svg",), words)
    soundfile.write(sound := io.BytesIO(), np.zeros(8_000), 8_000, format="WAV")
    Image.new("RGB", (8, 8), "red").save(picture := io.BytesIO(), "PNG")
    wav, png = sound.getvalue(), picture.getvalue()
    card = Card(1, 2, 0.5, 0.1, False, sound=wav, input_picture=png, picture=png)
    texts = {
        "page.html": page(content(figures={"figure_6": drawing})),
        "recording.html": recording_page("x", "y", wav, [card], 8_000),
    }
    for name, text in texts.items():
        file = tmp_path / name
        seen = []
        for policy in (True, False):
            context = browser.new_context(offline=True, bypass_csp=not policy)
            tab, said = context.new_page(), []
            tab.on("console", lambda message, said=said: said.append(message.text))
            file.write_text(text, encoding="utf-8")
            tab.goto(file.as_uri())
            seen.append(settled(tab))
            if name == "page.html":
                seen[-1] += tab.locator(".drawing").screenshot()
                seconds = tab.locator("audio").first.evaluate(
                    """player => new Promise((done, failed) => {
                      player.onloadedmetadata = () => done(player.duration);
                      player.onerror = () => failed(player.error.message);
                      player.preload = "auto"; player.load();
                    })"""
                )
                assert seconds > 0.1
            assert "Content Security Policy" not in " ".join(said)
            file.write_text(text.replace("</body>", f"{FOREIGN}</body>"), encoding="utf-8")
            tab.goto(file.as_uri())
            assert (tab.title() == "foreign") != policy
            context.close()
        assert seen[0] == seen[1], name


def settled(tab) -> bytes:
    """A picture of the page once its images and sounds are there and nothing moves."""
    there = """() => [...document.images].every(image => image.complete || image.loading === "lazy")
      && [...document.querySelectorAll("audio")].every(
        sound => sound.readyState || sound.preload === "none")"""
    shots = [b""]
    for _ in range(50):
        tab.wait_for_timeout(200)
        shots.append(tab.screenshot() if tab.evaluate(there) else b"")
        if shots[-1] and shots[-4:] == 4 * [shots[-1]]:
            return shots[-1]
    raise AssertionError("the page does not come to rest")


def test_scale_is_said(content):
    mini, paper = page(content("mini")), page(content("paper"))
    assert "<strong>Miniature:</strong> sounds &lt;x&gt;" in mini and "Paper scale:" not in mini
    assert "<strong>Paper scale:</strong> sounds &lt;x&gt;" in paper and "Miniature" not in paper


def test_numbers_and_accounts_are_there(content):
    text = page(content())
    for wanted in (
        "0.410 ± 0.127",
        "0.463 ± 0.002",
        "92.3 ± 0.5",
        "not run",
        "2 missing file, 1 silent",
        "4 of 4 filters dead",
        "No live filter to show at this layer.",
        "1 min 30 s",
        "1 min 28 s",
        "results/evaluation/removal.parquet",
    ):
        assert wanted in text, wanted


def test_all_tables_one_line_a_system(content):
    elements = Elements(page(content()))
    ids = [a["id"] for a in elements.all("h3") if "id" in a]
    assert ids == [*(f"table_{name}" for name in PAPER_TABLES), "figure_6"]
    systems = [a for a in elements.all("th") if a.get("class") == "system"]
    assert len(systems) == sum(len(table.lines) for table in PAPER_TABLES.values())


def test_claims_show_their_verdict_as_a_word(content, claims):
    text = page(content())
    assert "3 of 6 claims decided: 1 reproduced, 1 contradicted, 1 equivalent" in text
    cell = r'<td class="left"><strong>([^<]*)</strong>([^<]*)(?:<br>([^<]*))?'
    assert re.findall(cell, text) == [  # what was decided leads
        ("reproduced", "", "0.250 ± 0.125"),
        ("contradicted", "", "-0.500 ± 0.250"),
        ("equivalent", " within ±0.02", "0.001 ± 0.002"),
        ("inconclusive", "", "0.100"),
        ("at chance", "", "0.300 ± 0.400"),
        ("not run", "", ""),
    ]
    theirs = re.findall(r'</td>\s<td class="left">([^<]*)(?:<br>([^<]*))?</td></tr>', text)[:6]
    assert theirs == [("reproduced", "0.375 ± 0.062"), *[("none published", "")] * 5]
    assert "On the authors&#39; numbers: 1 of 6 claims decided: 1 reproduced</li>" in text
    assert (
        text.count("Not decided: ") == 3 and "Not decided: a single seed has no interval." in text
    )
    assert "p&nbsp;&lt; 0.001<br>Holm &lt; 0.001" in text and "p&nbsp;0.025<br>" in text
    assert text.count(" over clips<br>") == 1
    assert "±\u00a00.125 over seeds, ±\u00a00.062 over clips" in text
    assert "2 of the 3 decided claims stay decided: 2, 4." in text
    assert "because &lt;b&gt;" in text and "three runs &lt;i&gt;" in text
    assert "No claim has been judged yet." in page(content(claims=claims[:0]))


def test_the_gallery_and_all_parts_are_linked(content):
    links = [a["href"] for a in Elements(page(content())).all("a")]
    assert links[0] == "gallery/index.html"
    for part in ("#claims", "#tables", "#figures", "#listen", "#table_A1", "#figure_6"):
        assert part in links


def test_a_figure_of_many_panels_is_folded_and_no_other(content):
    shown = {
        name: Drawing(b"<svg/>", "image/svg+xml", (f"{name}.svg",), caption)
        for name, caption in CAPTIONS.items()
    }
    text = page(content(figures=shown, curves=[]))
    (summary,) = re.findall(
        r"<details><summary>Show the figure</summary>(.*?)</details>", text, re.S
    )
    assert summary.count("<img") == 1 and 'aria-label="How every run was trained"' in summary
    after = text[text.index("</details>", text.index('id="figure_training"')) :]
    assert after.index("<figcaption>") < after.index("</figure>"), "the words are not folded"


def test_figures_that_are_missing_are_left_out(content):
    text = page(content(figures={}))
    assert "No figure has been drawn yet." in text


def test_figures_come_in_order_with_words(content):
    shown = {
        name: Drawing(b"<svg/>", "image/svg+xml", (f"{name}.svg",), caption)
        for name, caption in CAPTIONS.items()
    }
    elements = Elements(page(content(figures=shown, pairs=[])))
    ids = [a["id"] for a in elements.all("h3") if a.get("id", "").startswith("figure")]
    numbers = ["1", "2", "3", "4", "5", "6", "7", "B3", "sensitivity_6", "sensitivity_7", "strided"]
    numbers += ["training"]
    assert ids == [f"figure_{number}" for number in numbers]
    alts = [picture["alt"] for picture in elements.all("img")]
    assert len(set(alts)) == len(numbers)
    for words in CAPTIONS.values():
        assert words["read"].endswith(".") and words["paper"].endswith(".")


def test_curves_are_shown_as_svg_and_large_pictures_as_webp(tmp_path):
    def put(name, size=9):
        (tmp_path / f"{name}.svg").write_bytes(b"<svg/>".ljust(size))

    put("figure_1", LARGE_BYTES + 1)
    put("figure_5", LARGE_BYTES + 1)
    put("figure_6")
    put("other")
    for name in ("figure_1", "figure_6", "figure_7"):
        Image.new("RGBA", (30, 20), (90, 0, 0, 255)).save(tmp_path / f"{name}.png")
    (tmp_path / "figure_2.txt").write_text("")
    found = drawings(tmp_path.iterdir(), CAPTIONS)
    assert {name: (drawing.media_type, drawing.files) for name, drawing in found.items()} == {
        "figure_1": ("image/webp", ("figure_1.png", "figure_1.svg")),
        "figure_5": ("image/svg+xml", ("figure_5.svg",)),
        "figure_6": ("image/svg+xml", ("figure_6.png", "figure_6.svg")),
        "figure_7": ("image/webp", ("figure_7.png",)),
    }
    picture = Image.open(io.BytesIO(found["figure_7"].image))
    assert (picture.format, picture.size) == ("WEBP", (30, 20))
    assert found["figure_6"].image.startswith(b"<svg/>")


def test_nothing_to_hear_or_time(content):
    text = page(content(pairs=[], jobs=jobs({})))
    assert not Elements(text).all("audio")
    assert "No job has been timed yet." in text


def test_same_tables_same_page(content):
    assert page(content()) == page(content())


def luminance(colour):
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return sum(w * p for w, p in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_text_contrast_in_light_and_dark(content):
    schemes = re.findall(r":root \{(.*?)\}", page(content()), re.DOTALL)
    assert len(schemes) == 2
    for scheme in schemes:
        colours = dict(re.findall(r"--([\w-]+): (#\w{6})", scheme))
        for ground in ("ground", "card", "mark"):
            for text in ("text", "soft", "supervised", "contrastive"):
                if ground == "mark" and text != "text":
                    continue
                one, other = sorted((luminance(colours[ground]), luminance(colours[text])))
                assert (other + 0.05) / (one + 0.05) >= 4.5, (ground, text)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.42, "0.4 s"),
        (12.4, "12 s"),
        (59.6, "1 min 00 s"),
        (200, "3 min 20 s"),
        (7500, "2 h 05 min"),
    ],
)
def test_durations(seconds, words):
    assert duration(seconds) == words


def test_the_numbers_of_a_figure_stand_folded_under_it(content):
    text = page(content())
    start = text.index('id="figure_6"')
    under = text[start : text.index("</figure>", start)]
    assert "<details><summary>The numbers layer by layer, beside those of the authors" in under
    assert 'href="tables/figure_6.csv"' in under and 'href="tables/figure_6.md"' in under
    assert under.count('<tr><th scope="row">') == 12
    assert '<td class="ours">0.310 ± 0.127</td><td class="authors">0.306 ± 0.007</td>' in under
    assert "with contrastive pretraining; the most active map is chosen by its mean." in under
    assert "layer by layer" not in page(content(curves=[]))


def test_verdicts_of_other_runs_stand_in_further_columns(content, claims):
    others = {"mine": claims.assign(criterion="above 1"), "<other>": claims[claims["claim"] != 2]}
    text = page(content(beside=laid_beside(others)))
    heads = [th for th in ("&lt;other&gt;", "mine") if f'scope="col">{th}</th>' in text]
    assert heads == ["&lt;other&gt;", "mine"] and "further columns are other runs" in text
    rows = re.findall(r'</td><td class="left">([^<]*)</td><td class="left">([^<]*)</td></tr>', text)
    assert rows[0] == ("–", "reproduced by another criterion: 0.250 ± 0.125")
    assert rows[3][0] == "inconclusive: 0.100" and rows[5] == ("not run", "not run")
    assert "mine: 3 of 6 claims decided" in text and "&lt;other&gt;: 2 of 6 claims" not in text
    assert "&lt;other&gt;: 2 of 5 claims decided" in text


def test_no_text_becomes_markup(content, rng):
    """Labels, remarks and settings of random letters leave the elements of the page as they are."""
    pieces = ["<", ">", "&", '"', "'", "{{", "}}", "{%", "<!--", "-->", "</script>", "<img src=x>"]
    pieces += ["javascript:", "\0", "\n", "\u2028", "&lt;", "a", " onerror=", "\U0001f600"]

    def made(text):
        given = content()
        pairs = [dataclasses.replace(pair, labels=(text,)) for pair in given.pairs]
        claims = given.claims.assign(remark=text)
        words = given.settings | {"setting": text}
        rejected = given.rejected.assign(detail=text, clip_id=text)
        changed = {"pairs": pairs, "claims": claims, "settings": words, "rejected": rejected}
        return Elements(page(content(**changed)))

    plain = [tag for tag, _ in made("a").found]
    for _ in range(6):
        text = "".join(rng.choice(pieces, rng.integers(1, 7)))
        elements = made(text)
        assert [tag for tag, _ in elements.found] == plain, text
        assert not any(name.startswith("on") for _, own in elements.found for name in own), text
        links = [a.get("href", "") for a in elements.all("a")]
        assert not any(link.strip().lower().startswith("javascript") for link in links), text
