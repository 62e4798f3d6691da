"""What a person does in the gallery, done by a browser."""

import io
import re
from urllib.parse import unquote

import galleries
import numpy as np
import pytest
from browsers import card, shows, violations
from galleries import HOSTILE, tone, write_tables
from PIL import Image

from sonify.contracts import tables
from sonify.reporting.gallery.build import build

try:
    from playwright.sync_api import expect
except ImportError:  # the fixture of the browser then skips every test by name
    expect = None

PLAYER = "window.Gallery.player"
FIRST = "#supervised-s0/1/0/1"
SOURCES = ("input", "sonification", "residual", "surrogate")


def ready(page, key, regime="supervised"):
    """Wait until the card's sounds are decoded and drawn."""
    expect(card(page, regime)).to_have_attribute("data-ready", key)


def track(page, name):
    return np.array(page.evaluate(f"[...{PLAYER}.tracks.{name}]"))


def test_the_gallery_plays_and_moves_under_its_own_policy(visit):
    page = visit(policy=True)
    assert "default-src 'none'" in page.locator("meta[http-equiv]").get_attribute("content")
    page.keyboard.press("Space")
    expect(page.get_by_role("button", name="Pause").first).to_be_visible()
    page.keyboard.press("]")
    shows(page, "Layer 2, filter 0")
    expect(card(page).locator("canvas.input")).to_be_visible()


def test_the_first_view_plays_at_once_with_the_space_bar(visit):
    page = visit()
    shows(page, "Layer 1, filter 0")
    shows(page, "Layer 1, filter 0", "contrastive")
    page.keyboard.press("Space")
    page.wait_for_function(f"{PLAYER}.playing && {PLAYER}.time > 0.05")
    page.keyboard.press("Space")
    assert not page.evaluate(f"{PLAYER}.playing")
    assert page.evaluate(f"{PLAYER}.time") > 0.05


def test_sounds_decode_to_the_samples_of_the_tables(visit):
    """Within one step of 16 bits: browsers differ in what full scale is."""
    page = visit()
    x, s = tone(300, 0.5) / 32767, 0.5 * tone(160, 0.5, fall=1) / 32767
    assert page.evaluate(f"{PLAYER}.duration") == 0.5
    assert np.abs(track(page, "input") - x).max() < 1.01 / 32767
    assert np.abs(track(page, "sonification") - s).max() < 1.01 / 32767
    assert np.abs(track(page, "residual") - (x - s)).max() < 2.02 / 32767


def test_the_surrogate_is_noise_of_the_same_spectrum_and_energy(visit):
    page = visit(FIRST)
    s, noise = (track(page, name).astype(np.float64) for name in ("sonification", "surrogate"))
    assert noise.shape == s.shape
    assert (noise**2).sum() == pytest.approx((s**2).sum(), rel=1e-5)
    assert np.abs(s - noise).max() > 0.1, "other phases"
    power = [np.abs(np.fft.rfft(x * np.hanning(len(x)))) ** 2 for x in (s, noise)]
    bands = [p[:2000].reshape(40, 50).sum(axis=1) / p.sum() for p in power]
    assert np.abs(bands[0] - bands[1]).max() < 0.02
    assert (track(visit(FIRST), "surrogate") == noise).all(), "drawn alike each time"


def test_a_card_says_how_specific_its_sonification_is(visit):
    page = visit("#supervised-s0/2/3/2")
    about = card(page).locator(".about")
    expect(about).to_contain_text(
        "On its own, the sonification excites this filter to 80 % of its activity on the clip, "
        "rank 2 of 30; the surrogate to 40 %, rank 2. 75 % of its power is in one source of the "
        "clip (of the clip itself, 63 %)."
    )
    page = visit("#supervised-s0/2/3/1")
    expect(card(page).locator(".about")).to_contain_text("to 90 % of its activity")
    expect(card(page).locator(".about")).not_to_contain_text("source of the clip")
    expect(card(page, "contrastive").locator(".about")).not_to_contain_text("On its own")


def test_only_the_chosen_source_is_heard(visit):
    page = visit()
    page.keyboard.press("Space")
    for key, name in (("1", "input"), ("3", "residual"), ("4", "surrogate"), ("2", "sonification")):
        page.keyboard.press(key)
        page.wait_for_function(
            f"{PLAYER}.nodes === null || {PLAYER}.nodes.every(one => Math.abs("
            f"one.gain.gain.value - {PLAYER}.level * (one.name === '{name}')) < 0.1)"
        )
        assert page.evaluate(f"{PLAYER}.source") == name


def test_input_sonification_and_residual_play_at_one_level_without_clipping(visit):
    """What reaches the loudspeaker, recorded behind the gains: never beyond full scale."""
    page = visit(FIRST)
    peaks = [np.abs(track(page, name)).max() for name in SOURCES]
    assert peaks[2] > 1.2, "clipped if it were played as it is"
    level = 1 / max(1, *peaks)
    assert page.evaluate(f"{PLAYER}.level") == pytest.approx(level, rel=1e-6)
    expect(card(page).locator(".about")).to_contain_text(
        f"play at {round(100 * level)} % of their level"
    )
    for key, name in enumerate(SOURCES, start=1):
        page.keyboard.press(str(key))
        gains = page.evaluate(
            f"({PLAYER}.pause(), {PLAYER}.seek(0), {PLAYER}.play(), "
            f"Object.fromEntries({PLAYER}.nodes.map(one => [one.name, one.gain.gain.value])))"
        )
        assert gains.pop(name) == pytest.approx(level, rel=1e-6)
        assert set(gains.values()) == {0}
    page.keyboard.press("ArrowRight")  # another pair, a level of its own
    ready(page, "models/supervised-s0/1/1/1")
    peaks = [np.abs(track(page, name)).max() for name in SOURCES]
    assert page.evaluate(f"{PLAYER}.level") == pytest.approx(1 / max(1, *peaks), rel=1e-6)


def test_a_pair_that_clips_nowhere_plays_as_it_is(visit):
    page = visit("#supervised-s0/2/29/1")  # dead: the residual is the input
    assert page.evaluate(f"{PLAYER}.level") == 1
    expect(card(page).locator(".about")).not_to_contain_text("of their level")


def test_the_playhead_stands_where_the_sound_is_and_moves_with_it(visit):
    page = visit()
    place = "(head) => parseFloat(head.style.left)"
    playhead = card(page).locator(".playhead")
    page.evaluate(f"{PLAYER}.seek(0.2)")
    page.wait_for_function(
        "Math.abs(parseFloat(document.querySelector('.supervised .playhead')"
        ".style.left) - 40) < 0.01"
    )  # per cent of half a second
    width = playhead.evaluate("head => head.offsetLeft / head.offsetParent.clientWidth")
    assert width == pytest.approx(0.4, abs=0.01), "it is drawn there"
    page.keyboard.press("Space")
    page.wait_for_function(f"!{PLAYER}.playing && {PLAYER}.time === 0.5")
    assert playhead.evaluate(place) == pytest.approx(100, abs=0.01)
    page.evaluate("window.places = []")
    page.evaluate(f"{PLAYER}.seek(0)")
    page.evaluate("""() => {
      const head = document.querySelector('.supervised .playhead');
      new MutationObserver(() => places.push(parseFloat(head.style.left)))
        .observe(head, { attributes: true });
    }""")
    page.keyboard.press("Space")
    page.wait_for_function(f"!{PLAYER}.playing && {PLAYER}.time === 0.5")
    places = page.evaluate("places")
    assert len(set(places)) > 5 and places == sorted(places), "forward, in small steps"


def test_switching_keeps_the_position(visit):
    page = visit()
    page.evaluate(f"{PLAYER}.seek(0.2)")
    for key in "132":
        page.keyboard.press(key)
        assert page.evaluate(f"{PLAYER}.time") == pytest.approx(0.2)
    page.keyboard.press("Space")
    before = page.evaluate(f"{PLAYER}.time")
    page.keyboard.press("1")
    assert page.evaluate(f"{PLAYER}.time") >= before >= 0.2
    page.wait_for_function(f"!{PLAYER}.playing && {PLAYER}.time === 0.5")


def test_buttons_and_pictures_play_and_seek(visit):
    page = visit()
    own = card(page)
    own.get_by_role("button", name="Input").click()
    assert page.evaluate(f"{PLAYER}.source") == "input"
    own.get_by_role("button", name="Play").click()
    expect(own.get_by_role("button", name="Pause")).to_be_visible()
    own.get_by_role("button", name="Pause").click()
    own.locator(".wave").click()
    assert page.evaluate(f"{PLAYER}.time") == pytest.approx(0.25, abs=0.01)
    expect(own.get_by_role("slider")).to_have_value("0.25")


def test_layer_filter_and_clip_are_picked(visit):
    page = visit()
    page.get_by_role("group", name="Layer").get_by_role("button", name="2", exact=True).click()
    shows(page, "Layer 2, filter 0")
    shows(page, "Layer 2, filter 0", "contrastive")
    page.get_by_role("button", name="Layer 2, filter 4:").last.click()
    shows(page, "Layer 2, filter 4", "contrastive")
    shows(page, "Layer 2, filter 0")
    card(page, "contrastive").get_by_role("button", name="2 Speech, Male speech").click()
    ready(page, "models/contrastive-s0/2/4/2", "contrastive")
    page.wait_for_function(
        "location.hash.startsWith('#contrastive-s0/2/4/2?with=supervised-s0%2F2%2F0%2F1')"
    )


def test_a_link_restores_everything(visit):
    link = "#contrastive-s0/2/5/3?with=supervised-s0%2F2%2F7%2F2&q=bell&sort=tonal"
    page = visit(link)
    ready(page, "models/contrastive-s0/2/5/3", "contrastive")
    ready(page, "models/supervised-s0/2/7/2")
    assert page.locator("#query").input_value() == "bell"
    assert page.locator("#sort").input_value() == "tonal"
    assert "active" in card(page, "contrastive").get_attribute("class")
    assert unquote(page.evaluate("location.hash")) == unquote(link)


def test_back_goes_to_what_was_shown_before(visit):
    page = visit()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("location.hash.startsWith('#supervised-s0/1/1/1')")
    page.keyboard.press("]")
    # The address follows once both cards are drawn.
    page.wait_for_function("location.hash.startsWith('#supervised-s0/2/0/1')")
    shows(page, "Layer 2, filter 0")
    page.go_back()
    shows(page, "Layer 1, filter 1")
    page.go_back()
    shows(page, "Layer 1, filter 0")


def test_an_address_of_somebody_else_is_not_written_over(visit):
    page = visit()
    written = """() => {
      const address = new Gallery.Address();
      address.read();
      address.put("#supervised-s0/1/2/1");
      const own = location.hash;
      history.replaceState(null, "", "#supervised-s0/1/3/1");
      address.put("#supervised-s0/1/4/1");
      return [own, location.hash];
    }"""
    assert page.evaluate(written) == ["#supervised-s0/1/2/1", "#supervised-s0/1/3/1"]


def test_back_and_forward_go_through_filters_layers_and_regimes(visit):
    page = visit()
    start = page.evaluate("history.length")
    active = {regime: re.compile(r"\bactive\b") for regime in ("supervised", "contrastive")}
    addresses = [page.evaluate("location.hash")]

    def visited():
        page.wait_for_function(f"location.hash !== {addresses[-1]!r}")
        addresses.append(page.evaluate("location.hash"))

    page.keyboard.press("ArrowRight")
    visited()
    page.keyboard.press("s")
    visited()
    page.keyboard.press("]")
    visited()
    page.keyboard.press("ArrowRight")
    visited()
    card(page).get_by_role("button", name="Input").click()  # of the other regime
    visited()
    page.locator("#sort").select_option("coherence")
    visited()
    assert page.evaluate("history.length") == start + len(addresses) - 1
    assert len(set(addresses)) == len(addresses)
    for address in addresses[-2::-1]:
        page.go_back()
        page.wait_for_function(f"location.hash === {address!r}")
    shows(page, "Layer 1, filter 0")
    expect(card(page)).to_have_class(active["supervised"])
    page.go_forward()
    shows(page, "Layer 1, filter 1")
    expect(card(page)).to_have_class(active["supervised"])
    page.go_forward()
    expect(card(page, "contrastive")).to_have_class(active["contrastive"])
    expect(card(page)).not_to_have_class(active["supervised"])
    page.go_forward()
    shows(page, "Layer 2, filter 0", "contrastive")
    page.go_forward()
    shows(page, "Layer 2, filter 1", "contrastive")
    page.go_forward()
    expect(card(page)).to_have_class(active["supervised"])
    shows(page, "Layer 2, filter 1", "contrastive")


def test_a_search_is_one_step_back_whatever_its_letters(visit):
    page = visit()
    page.keyboard.press("ArrowRight")
    shows(page, "Layer 1, filter 1")
    page.wait_for_function("location.hash.startsWith('#supervised-s0/1/1/1')")
    before = page.evaluate("history.length")
    page.keyboard.press("/")
    for n, letter in enumerate("rain", start=1):
        page.keyboard.type(letter)
        page.wait_for_function(f"location.hash.endsWith('q={'rain'[:n]}')")
    assert page.evaluate("history.length") == before + 1
    page.go_back()
    shows(page, "Layer 1, filter 1")
    assert page.locator("#query").input_value() == ""
    page.go_forward()
    expect(page.locator("#query")).to_have_value("rain")


def test_quick_keys_leave_no_broken_address(visit):
    page = visit()
    for key in ("]", "s", "ArrowRight", "[", "s", "ArrowRight", "]", "ArrowRight"):
        page.keyboard.press(key)
    shows(page, "Layer 2, filter 1")
    page.wait_for_function("location.hash.startsWith('#supervised-s0/2/1/1?with=contrastive')")
    found = [page.evaluate("location.hash")]
    while len(found) < 9 and not found[-1].startswith(FIRST):
        page.go_back()
        page.wait_for_function(f"location.hash !== {found[-1]!r}")
        found.append(page.evaluate("location.hash"))
    assert found[-1].startswith(FIRST) and "null" not in "".join(found)


def test_a_link_to_nothing_says_so(visit):
    page = visit("#supervised-s0/2/999/1")
    expect(page.locator("#message")).to_contain_text("filter 999 of layer 2, supervised-s0")
    shows(page, "Layer 2, filter 0")


def test_search_narrows_to_filters_that_match_it(visit):
    page = visit()
    page.keyboard.press("/")
    page.keyboard.type("bell")
    # Filter f has the labels of clips f, f + 1, f + 2 of 4; bell is that of clip 2.
    tiles = page.locator(".column.supervised .tile")
    expect(tiles).to_have_text(["0", "1", "2", "4", "5"])
    expect(page.locator(".column.supervised .note")).to_contain_text("5 of 6 filters match “bell”")
    page.get_by_role("button", name="all", exact=True).click()
    expect(page.locator(".column.supervised .note")).to_contain_text("of 36 filters match “bell”")
    expect(tiles.first).to_have_text("1/0")
    page.locator("#query").fill("no such label")
    expect(tiles).to_have_count(0)
    expect(page.locator(".column.supervised .note")).to_contain_text("0 of 36")


def test_dead_filters_match_nothing(visit):
    """Their clips are arbitrary. Filter 29 has clips 1, 2 and 3: speech, bell, rain."""
    page = visit("#supervised-s0/2/0/1")
    for label in ("bell", "rain", "speech"):
        page.locator("#query").fill(label)
        expect(page.locator(".column.supervised .note")).to_contain_text(f"match “{label}”")
        texts = page.locator(".column.supervised .tile").all_text_contents()
        assert len(texts) > 20 and "29 dead" not in texts


def test_a_filter_does_not_match_labels_of_clips_that_leave_it_silent(visit, tmp_path):
    """Filter 1 of layer 1 is given clips 1, 2 and 3, and is silent on the last one, rain."""
    given = write_tables(tmp_path, {1: 6, 2: 30})
    for folder in given["sonification"]:
        for name in ("top_activations", "sonifications"):
            frame = tables.read(folder / f"{name}.parquet", name)
            at = (frame["layer"] == 1) & (frame["filter"] == 1) & (frame["rank"] == 3)
            frame.loc[at, "dead"] = True
            for zero in {"activation", "scale_factor", "peak"} & set(frame):
                frame.loc[at, zero] = 0.0
            if "pcm" in frame:
                frame.loc[at, "pcm"] = frame.loc[at, "pcm"].map(lambda pcm: bytes(len(pcm)))
            tables.write(frame, folder / f"{name}.parquet", name)
    build(**given, out=tmp_path / "gallery")
    page = visit("#supervised-s0/1/1/1", folder=tmp_path / "gallery")
    takes = card(page).locator(".takes button")
    expect(takes).to_have_text(["1 Speech, Male speech", "2 Bell", "3 Rain (silent)"])
    tiles = page.locator(".column.supervised .tile")
    page.locator("#query").fill("rain")
    expect(tiles).to_have_text(["2", "3", "5"])
    page.locator("#query").fill("bell")
    expect(tiles).to_have_text(["0", "1", "2", "4", "5"])


@pytest.mark.parametrize(
    ("sort", "first"), [("coherence", "5"), ("incoherence", "0"), ("tonal", "5"), ("noise", "0")]
)
def test_filters_are_sorted(visit, sort, first):
    page = visit()
    page.locator("#sort").select_option(sort)
    expect(page.locator(".column.supervised .tile").first).to_have_text(first)


def test_dead_filters_are_listed_last_and_open(visit):
    page = visit("#supervised-s0/2/0/1")
    dead = page.locator(".column.supervised .tile").last
    expect(dead).to_have_text("29 dead")
    expect(page.locator(".column.supervised .note")).to_contain_text("30 filters, layer 2; 1 dead")
    dead.click()
    ready(page, "models/supervised-s0/2/29/1")
    expect(card(page).locator(".facts")).to_contain_text("none: dead")
    expect(card(page).locator(".about")).to_contain_text("The sonification of this clip is silence")
    assert not track(page, "sonification").any()
    assert (track(page, "residual") == track(page, "input")).all()


def test_the_keyboard_is_enough(visit):
    page = visit()
    page.keyboard.press("s")
    expect(card(page, "contrastive")).to_have_class(re.compile("active"))
    page.keyboard.press("]")
    page.keyboard.press("ArrowRight")
    shows(page, "Layer 2, filter 1", "contrastive")
    page.keyboard.press(".")
    ready(page, "models/contrastive-s0/2/1/2", "contrastive")
    page.locator(".column.contrastive .tile[tabindex='0']").focus()
    page.keyboard.press("ArrowDown")
    columns = page.evaluate(
        "(tiles => tiles.filter(t => t.offsetTop === tiles[0].offsetTop).length)"
        "([...document.querySelectorAll('.contrastive .tile')])"
    )
    shows(page, f"Layer 2, filter {1 + columns}", "contrastive")
    assert page.evaluate("document.activeElement.textContent") == str(1 + columns)
    page.keyboard.press("Space")
    assert page.evaluate(f"{PLAYER}.playing")
    page.locator("#layers button").first.focus()
    page.keyboard.press("Space")  # presses the button that has the focus
    shows(page, "Layer 1, filter 0", "contrastive")


def test_typing_is_no_command(visit):
    page = visit()
    page.locator("#query").focus()
    page.keyboard.type("s1[ ]")
    assert page.locator("#query").input_value() == "s1[ ]"
    assert page.evaluate(f"{PLAYER}.source") == "sonification"


def test_words_from_data_are_words(visit):
    page = visit(FIRST)
    expect(card(page).locator(".about strong")).to_have_text(f"{HOSTILE}, Music")
    expect(card(page).locator(".facts")).to_contain_text(HOSTILE)
    expect(card(page).locator(".about")).to_contain_text("by <b>ann</b>")
    assert page.title() == "Sonify gallery: hear every filter"
    page.locator("#query").fill(HOSTILE)
    expect(page.locator(".column.supervised .tile")).to_have_text(["0", "2", "3", "4"])
    assert page.locator("main script").count() == 0


ATTACKS = [
    "<script>window.ran = 1</script>",
    '"><img src=x onerror="window.ran = 1">',
    "</script><script>window.ran = 1</script>",
    "<svg onload='window.ran = 1'>",
    "javascript:window.ran = 1",
    "${window.ran = 1}",
    "<a href=javascript:window.ran=1>x</a>",
    "<iframe src=https://example.org/></iframe>",
]


@pytest.fixture
def attacked(tmp_path, monkeypatch):
    """A gallery whose labels, ids, pages and people are all of them attacks."""
    write = tables.write

    def with_attacks(frame, file, *others, **options):
        frame = frame.copy()
        if "clip_id" in frame:
            names = {f"clip{i}": f"{i}{attack}" for i, attack in enumerate(ATTACKS)}
            frame["clip_id"] = frame["clip_id"].map(names)
        for n, name in enumerate({"source_url", "uploader", "licence"} & set(frame)):
            frame[name] = [ATTACKS[(n + i) % len(ATTACKS)] for i in range(len(frame))]
        write(frame, file, *others, **options)

    monkeypatch.setattr(galleries, "LABELS", [ATTACKS[2 * i : 2 * i + 2] for i in range(4)])
    with monkeypatch.context() as patch:
        patch.setattr(tables, "write", with_attacks)
        given = write_tables(tmp_path, {1: 6, 2: 30})
    build(**given, out=tmp_path / "gallery")
    return tmp_path / "gallery"


@pytest.mark.parametrize("policy", [True, False])
def test_no_name_of_data_runs_or_asks_for_anything(visit, attacked, policy):
    """By the page's own care, also where no policy holds."""
    page = visit(FIRST, folder=attacked, policy=policy)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("dialog", lambda dialog: asked.append(dialog.message))
    for n in range(4):
        shown = card(page).locator(".about strong")
        expect(shown).to_have_text(", ".join(ATTACKS[2 * n : 2 * n + 2]))
        expect(card(page).locator(".about a")).to_have_count(0)
        page.locator("#query").fill(ATTACKS[n])
        page.locator("#query").blur()
        if n < 3:
            page.goto((attacked / "index.html").as_uri() + f"#supervised-s0/1/{n + 1}/1")
            expect(card(page)).to_have_attribute("data-ready", re.compile(f"1/{n + 1}/1"))
    assert page.evaluate("window.ran === undefined")
    assert page.locator("main script, main iframe, main svg[onload], main [onerror]").count() == 0
    assert not [url for url in asked if not url.startswith((attacked.as_uri(), "data:", "blob:"))]


PUT_IN = """async () => {
    const blocked = [];
    document.addEventListener("securitypolicyviolation", (e) => blocked.push(e.effectiveDirective));
    const script = document.createElement("script");
    script.textContent = "window.ran = 1";
    document.body.append(script);
    const picture = document.createElement("img");
    picture.src = "https://example.org/seen.png";
    document.body.append(picture);
    document.body.insertAdjacentHTML("beforeend", "<img src='data:,' onerror='window.ran = 1'>");
    document.body.insertAdjacentHTML("beforeend", "<iframe src='https://example.org/'></iframe>");
    const other = document.createElement("script");
    other.src = "https://example.org/x.js";
    document.body.append(other);
    await fetch("https://example.org/told").catch(() => {});
    await new Promise((done) => setTimeout(done, 300));
    return [typeof window.ran, blocked.sort()];
}"""


def test_the_policy_itself_stops_what_somebody_put_into_the_page(browser, gallery):
    context = browser.new_context()
    page = context.new_page()
    outcomes: dict[str, str | None] = {}  # of requests: why it failed
    page.on("request", lambda request: outcomes.setdefault(request.url, None))
    page.on("requestfailed", lambda request: outcomes.update({request.url: request.failure}))
    page.goto((gallery / "index.html").as_uri())
    page.locator(".supervised .card[data-ready]").wait_for()
    ran, blocked = page.evaluate(PUT_IN)
    context.close()
    assert ran == "undefined"
    assert blocked == [
        *("connect-src", "frame-src", "img-src"),
        *("script-src-attr", "script-src-elem", "script-src-elem"),
    ]
    sent = {url: why for url, why in outcomes.items() if url.startswith("http") and why != "csp"}
    assert not sent, "blocked before they are sent"


def test_only_web_addresses_are_links(visit):
    page = visit(FIRST)
    links = card(page).locator(".about a")
    assert [link.get_attribute("href") for link in links.all()] == [
        "http://creativecommons.org/licenses/by/4.0/",
        "https://freesound.org/s/7/",
    ]
    page.keyboard.press(".")
    expect(card(page).locator(".about")).to_contain_text("javascript:alert(1)")
    expect(links).to_have_count(1)


def test_pictures_show_where_the_sound_is(visit):
    """A tone of 300 Hz is bright about a tenth of the way up, dark elsewhere."""
    page = visit(FIRST)
    rows = page.evaluate(
        """() => {
          const canvas = document.querySelector('.supervised canvas.input');
          const drawing = canvas.getContext('2d');
          const {data} = drawing.getImageData(canvas.width / 2, 0, 1, canvas.height);
          return [...Array(canvas.height).keys()].map(i => data[4 * i] + data[4 * i + 1]);
        }"""
    )
    hertz = 4000 * (1 - (np.argmax(rows) + 0.5) / len(rows))
    assert hertz == pytest.approx(300, abs=60)
    assert np.median(rows) < 60 < max(rows)


def test_training_is_stepped_through(visit):
    page = visit()
    page.locator("#evolved").scroll_into_view_if_needed()
    own = page.locator("#evolution .card")
    expect(own.locator("h3")).to_contain_text("contrastive-s0, layer 1, filter 2, fixed input")
    expect(own.locator(".step")).to_have_text(["0", "1", "5"])
    own.locator(".step").nth(1).click()
    expect(own.locator("h3")).to_contain_text("epoch 1")
    page.keyboard.press("ArrowLeft")
    expect(own.locator("h3")).to_contain_text("epoch 0")
    expect(own.locator(".about")).to_contain_text("silence")
    page.wait_for_function("location.hash.startsWith('#evolution/contrastive-s0/fixed/1/2/0?')")
    page.go_back()
    expect(own.locator("h3")).to_contain_text("epoch 1")
    page.go_forward()
    expect(own.locator("h3")).to_contain_text("epoch 0")
    page.reload()
    expect(own.locator("h3")).to_contain_text("epoch 0")


def test_a_missing_file_is_named(visit, gallery):
    page = visit(FIRST)
    lost = gallery / "data/models/supervised-s0/1/1.js"
    text = lost.read_text("ascii")
    lost.write_text("Gallery.nothing = 1;")
    try:
        page.keyboard.press("ArrowRight")
        expect(card(page).locator(".problem")).to_contain_text("supervised-s0/1/1.js is missing")
    finally:
        lost.write_text(text)
    page.keyboard.press("ArrowLeft")
    ready(page, "models/supervised-s0/1/0/1")
    expect(card(page).locator(".problem")).to_have_text("")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("name", "width"), [("wide", 1440), ("middle", 900), ("narrow", 380)])
def test_no_width_scrolls_sideways(visit, pictured, screenshots, name, width, scheme):
    page = visit("", width=width, color_scheme=scheme, folder=pictured)
    page.screenshot(path=screenshots / f"gallery-{name}-{scheme}.png")
    page.locator("#evolved").scroll_into_view_if_needed()
    page.locator("#evolution .card[data-ready]").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_picture_for_the_readme(visit, pictured, screenshots):
    """gallery.png of the first view, in few colours; among the screenshots, see conftest."""
    page = visit("", width=1200, height=880, folder=pictured)
    page.wait_for_load_state("networkidle")
    file = screenshots / "gallery.png"
    with Image.open(io.BytesIO(page.screenshot())) as picture:
        few = picture.convert("RGB").quantize(256, dither=Image.Dither.NONE)
        few.save(file, optimize=True)
    with Image.open(file) as picture:
        assert picture.size == (1200, 880)
    assert file.stat().st_size < 250_000


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_use_it(visit, scheme):
    page = visit("#supervised-s0/2/1/1", color_scheme=scheme)
    page.locator("#evolved").scroll_into_view_if_needed()
    page.locator("#evolution .card[data-ready]").wait_for()
    page.locator("summary").click()
    assert violations(page) == []


def test_enter_goes_from_the_search_into_what_it_found(visit):
    page = visit()
    page.keyboard.press("/")
    page.keyboard.type("rain")
    page.keyboard.press("Enter")
    page.wait_for_function("document.activeElement.matches('.supervised .tile')")
    first = page.evaluate("document.activeElement.textContent")
    page.keyboard.press("ArrowRight")
    shows(page, "Layer 1, filter 2")
    assert (first, page.evaluate("document.activeElement.textContent")) == ("1", "2")
    page.locator("#query").fill("no such label")
    page.locator("#query").press("Enter")
    expect(page.locator("#query")).to_be_focused()


def test_the_other_regime_is_brought_into_view(visit):
    """In one column the second card is below the first one's overview."""
    page = visit("", width=380, height=700)
    box = "document.querySelector('.contrastive .card').getBoundingClientRect()"
    assert page.evaluate(f"{box}.top") > 700
    page.keyboard.press("s")
    page.wait_for_function(f"{box}.top >= -1 && {box}.top < 400")


def test_the_evolution_is_reached_by_keyboard_and_stays_put_on_the_way_back(visit):
    page = visit("", height=600)
    page.locator("#to-evolution").focus()
    page.keyboard.press("Enter")
    page.wait_for_function("document.activeElement.id === 'evolved'")
    own = page.locator("#evolution .card")
    own.locator(".step").nth(1).click()
    expect(own.locator("h3")).to_contain_text("epoch 1")
    own.locator(".step").nth(2).click()
    page.wait_for_function("location.hash.includes('/5?')")
    page.wait_for_timeout(600)  # smooth scrolling comes to rest
    page.evaluate("scrollBy({top: 60, behavior: 'instant'})")
    before = page.evaluate("scrollY")
    page.go_back()
    expect(own.locator("h3")).to_contain_text("epoch 1")
    page.wait_for_timeout(600)
    assert abs(page.evaluate("scrollY") - before) <= 60


def test_every_card_follows_a_change_of_colours(visit):
    page = visit()
    page.locator("#evolved").scroll_into_view_if_needed()
    page.locator("#evolution .card[data-ready]").wait_for()
    for_colours = "[...document.querySelectorAll('canvas.wave')].map(canvas => canvas.toDataURL())"
    light = page.evaluate(for_colours)
    page.emulate_media(color_scheme="dark")
    page.wait_for_timeout(200)
    dark = page.evaluate(for_colours)
    assert len(light) == 3 and all(one != other for one, other in zip(light, dark, strict=True))


@pytest.mark.parametrize(
    ("sound", "sentence"),
    [
        ("OggS nothing", "cannot decode Opus: .*reporting.gallery.audio: flac"),
        ("fLaC nothing", "cannot decode FLAC: use a recent Firefox, Chrome or Edge$"),
    ],
)
def test_a_codec_that_the_browser_lacks_is_named(visit, sound, sentence):
    said = visit().evaluate(
        "text => Gallery.decode(btoa(text), 1, 8).then(() => '', (error) => error.message)", sound
    )
    assert re.search(sentence, said)
