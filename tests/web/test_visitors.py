"""What visitors of a real run's gallery stumbled over."""

from urllib.parse import unquote

import pytest
from browsers import card, shows

try:
    from playwright.sync_api import expect
except ImportError:  # the fixture of the browser then skips every test by name
    expect = None

PLAYER = "window.Gallery.player"
ADDRESS = "decodeURIComponent(location.hash)"
SPACE = "new KeyboardEvent('keydown', {key: ' ', bubbles: true, cancelable: true, repeat: %s})"


def reach(page, link):
    """Follow a link from outside; wait until the page has answered with an address of its own."""
    page.evaluate(f"location.hash = {link!r}")
    page.wait_for_function(f"location.hash !== {link!r} && location.hash.includes('/')")


def test_a_layer_that_a_model_lacks_has_an_address(visit, uneven):
    page = visit("#contrastive-s0/1/3/2", folder=uneven)
    page.keyboard.press("]")
    shows(page, "Layer 2, filter 0")
    shows(page, "This network has no layer 2.", "contrastive")
    page.wait_for_function(f"{ADDRESS} === '#contrastive-s0/2?with=supervised-s0/2/0/1'")
    own = card(page, "contrastive")
    expect(own.locator("canvas, .transport, .takes").locator("visible=true")).to_have_count(0)
    assert own.locator(".facts, .about").all_text_contents() == ["", ""]
    page.keyboard.press("Space")
    assert not page.evaluate(f"{PLAYER}.playing"), "the filter of another layer"
    page.reload()
    shows(page, "This network has no layer 2.", "contrastive")
    expect(page.locator("#message")).to_have_text("")
    page.keyboard.press("s")
    page.wait_for_function(f"{ADDRESS} === '#supervised-s0/2/0/1?with=contrastive-s0/2'")
    page.go_back()
    page.go_back()
    shows(page, "Layer 1, filter 3", "contrastive")
    expect(own.locator("canvas.input")).to_be_visible()
    page.wait_for_function(f"{PLAYER}.tracks !== null")


def test_a_link_may_end_with_the_layer(visit):
    page = visit("#supervised-s0/2")
    shows(page, "Layer 2, filter 0")
    expect(page.locator("#message")).to_have_text("")
    assert unquote(page.evaluate("location.hash")).startswith("#supervised-s0/2/0/1?")


@pytest.mark.parametrize("width", [380, 1400])
def test_an_early_maximum_is_seen_beside_the_name_of_the_input(visit, width):
    page = visit("", width=width)
    for seconds in (0, 0.03):
        clear, colour = page.evaluate(
            """seconds => {
              const own = document.querySelector('.supervised .card');
              const marker = own.querySelector('.maximum');
              marker.style.left = `${200 * seconds}%`;
              const top = marker.getBoundingClientRect().top;
              const style = getComputedStyle(marker, '::before');
              const bottom = top + parseFloat(style.borderTopWidth);
              const screen = own.querySelector('canvas').getBoundingClientRect();
              return [bottom <= screen.top, style.borderTopColor];
            }""",
            seconds,
        )
        assert clear, "the marker hides a part of the picture or of a name"
        assert colour == page.evaluate("getComputedStyle(document.body).color"), "white on white"


def test_play_of_the_other_card_plays_it(visit):
    page = visit()
    card(page).get_by_role("button", name="Play").click()
    card(page, "contrastive").get_by_role("button", name="Play").click()
    assert page.evaluate(f"{PLAYER}.playing")
    expect(card(page, "contrastive").locator(".play")).to_have_text("Pause")
    card(page, "contrastive").get_by_role("button", name="Pause").click()
    assert not page.evaluate(f"{PLAYER}.playing")


def test_a_link_says_nothing_of_what_it_does_not_name(visit):
    """The other regime's filter 20 of layer 2 is no filter of the link's layer 1."""
    page = visit("#supervised-s0/2/20/1?with=contrastive-s0%2F2%2F20%2F1")
    reach(page, "#contrastive-s0/1/3/1")
    shows(page, "Layer 1, filter 3", "contrastive")
    shows(page, "Layer 1, filter 0")
    expect(page.locator("#message")).to_have_text("")


@pytest.mark.parametrize(
    ("link", "lost"),
    [
        ("#supervised-s0/1/3/9", "clip 9 of filter 3 of layer 1, supervised-s0"),
        ("#evolution/contrastive-s0/fixed/1/2/99", "epoch 99 of that evolution"),
        ("#evolution/contrastive-s0/fixed/1/5/1", "that evolution"),
        ("#anything%20else", "“anything else”"),
        ("#supervised-s0/1/3/1?with=contrastive-s0%2F2%2F5%2F1", "layer 2 beside layer 1"),
    ],
)
def test_what_a_link_names_in_vain_is_said(visit, link, lost):
    page = visit(link)
    expect(page.locator("#message")).to_have_text(f"Not in this gallery: {lost}.")


def test_a_link_may_leave_out_which_clip(visit):
    page = visit("#supervised-s0/1/3")
    shows(page, "Layer 1, filter 3")
    page.wait_for_function("location.hash.startsWith('#supervised-s0/1/3/1')")
    expect(page.locator("#message")).to_have_text("")


@pytest.mark.parametrize("link", ["#evolution", ""])
def test_the_way_to_the_evolution_leads_to_its_top(visit, link):
    """By the address that a middle click opens, or by a click: before its card is drawn."""
    page = visit(link, height=500)
    if not link:
        page.locator("#to-evolution").click()
    page.wait_for_function(
        "Math.abs(document.querySelector('#evolution').getBoundingClientRect().top) < 5",
        timeout=8000,
    )
    expect(page.locator("#message")).to_have_text("")


def test_keys_work_once_the_help_is_open(visit):
    page = visit()
    page.locator("summary").click()
    page.keyboard.press("ArrowRight")
    shows(page, "Layer 1, filter 1")
    page.keyboard.press("1")
    assert page.evaluate(f"{PLAYER}.source") == "input"
    page.keyboard.press("Space")  # closes the help
    assert not page.evaluate(f"{PLAYER}.playing")
    assert page.locator("details").get_attribute("open") is None


def test_a_key_held_down_is_pressed_once(visit):
    page = visit()
    page.evaluate(f"document.body.dispatchEvent({SPACE % 'false'})")
    page.evaluate(f"document.body.dispatchEvent({SPACE % 'true'})")
    assert page.evaluate(f"{PLAYER}.playing")


def test_the_layers_are_walked_from_the_filter_among_all(visit):
    page = visit("#supervised-s0/1/0/1?view=all")
    page.get_by_role("button", name="Layer 2, filter 5:").last.click()
    shows(page, "Layer 2, filter 5", "contrastive")
    page.keyboard.press("[")
    page.wait_for_function("location.hash.startsWith('#contrastive-s0/1/0/1')")
    assert "view=all" not in page.evaluate("location.hash")


def test_a_blank_is_no_search(visit):
    page = visit()
    page.locator("#query").fill(" ")
    page.wait_for_function("location.hash.includes('q=')")
    expect(page.locator(".column.supervised .note")).to_contain_text("6 filters, layer 1")
    expect(page.locator(".column.supervised .note")).not_to_contain_text("like")


def test_epochs_stand_below_their_pictures(visit):
    page = visit()
    page.locator("#evolved").scroll_into_view_if_needed()
    page.locator("#evolution .card[data-ready]").wait_for()
    step = page.locator("#evolution .step").first
    whole, words = step.bounding_box(), step.locator("span").bounding_box()
    assert words["y"] + words["height"] > whole["y"] + whole["height"] - 6


def test_only_the_main_button_seeks(visit):
    page = visit()
    card(page).locator(".wave").click(button="right")
    assert page.evaluate(f"{PLAYER}.time") == 0
    card(page).locator(".wave").click()
    assert page.evaluate(f"{PLAYER}.time") > 0
