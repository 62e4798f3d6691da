"""What a person does in the gallery, done by a browser."""

import re
from urllib.parse import unquote

import numpy as np
import pytest
from galleries import HOSTILE, tone

try:
    from playwright.sync_api import expect
except ImportError:  # the fixture of the browser then skips every test by name
    expect = None

PLAYER = "window.Gallery.player"
FIRST = "#supervised-s0/1/0/1"


def card(page, regime="supervised"):
    return page.locator(f".column.{regime} .card")


def shows(page, title, regime="supervised"):
    expect(card(page, regime).locator("h3")).to_have_text(title)


def ready(page, key, regime="supervised"):
    """Wait until the card's sounds are decoded and drawn."""
    expect(card(page, regime)).to_have_attribute("data-ready", key)


def track(page, name):
    return np.array(page.evaluate(f"[...{PLAYER}.tracks.{name}]"))


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


def test_only_the_chosen_source_is_heard(visit):
    page = visit()
    page.keyboard.press("Space")
    for key, name in (("1", "input"), ("3", "residual"), ("2", "sonification")):
        page.keyboard.press(key)
        page.wait_for_function(
            f"{PLAYER}.nodes === null || {PLAYER}.nodes.every("
            f"one => Math.abs(one.gain.gain.value - (one.name === '{name}')) < 0.1)"
        )
        assert page.evaluate(f"{PLAYER}.source") == name


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
    shows(page, "Layer 1, filter 1")
    page.keyboard.press("]")
    shows(page, "Layer 2, filter 0")
    page.go_back()
    shows(page, "Layer 1, filter 1")
    page.go_back()
    shows(page, "Layer 1, filter 0")


def test_a_link_to_nothing_says_so(visit):
    page = visit("#supervised-s0/2/999/1")
    expect(page.locator("#message")).to_contain_text("filter 999 of layer 2, supervised-s0")
    shows(page, "Layer 2, filter 0")


def test_search_narrows_to_filters_that_like_it(visit):
    page = visit()
    page.keyboard.press("/")
    page.keyboard.type("bell")
    # Filter f has the labels of clips f, f + 1, f + 2 of 4; bell is that of clip 2.
    tiles = page.locator(".column.supervised .tile")
    expect(tiles).to_have_text(["0", "1", "2", "4", "5"])
    expect(page.locator(".column.supervised .note")).to_contain_text("5 of 6 filters like “bell”")
    page.get_by_role("button", name="all", exact=True).click()
    expect(page.locator(".column.supervised .note")).to_contain_text("of 36 filters like “bell”")
    expect(tiles.first).to_have_text("1/0")
    page.locator("#query").fill("no such label")
    expect(tiles).to_have_count(0)
    expect(page.locator(".column.supervised .note")).to_contain_text("0 of 36")


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
    expect(card(page).locator(".facts")).to_contain_text("nothing: dead")
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


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_use_it(visit, scheme):
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright",
        reason="axe-core is missing: pip install axe-playwright-python",
    ).Axe()
    page = visit("#supervised-s0/2/1/1", color_scheme=scheme)
    page.locator("#evolved").scroll_into_view_if_needed()
    page.locator("#evolution .card[data-ready]").wait_for()
    page.locator("summary").click()
    found = axe.run(page, options={"preload": False}).response["violations"]
    assert [(one["id"], one["nodes"][0]["html"]) for one in found] == []
