"""Letters that look right in a YAML file and are read otherwise."""

import pytest

from sonify.config import letters


@pytest.mark.parametrize(
    "text",
    ["cpu", "Köln", "rock’n’roll", "C:\\data", "a–b", "-3", "–name", "犬の声", "x"],
)
def test_text_that_means_what_it_shows_is_left_alone(text):
    assert letters.in_plain(text) is None and letters.breaks(text) is None


@pytest.mark.parametrize(
    ("text", "at"), [("“a”", 0), ("a”", 1), ("a\u00a0b", 1), ("— a", 0), ("−.5", 0), ("\u200ba", 0)]
)
def test_the_place_of_one_that_does_not_is_told(text, at):
    assert letters.in_plain(text)[0] == at


@pytest.mark.parametrize(
    ("written", "at"),
    [
        *[(rf'"D:\{name}"', 3) for name in ("Network", "Lab", "Projects", "_a")],
        (r'"C:\temp"', 3),
        (r'"C:\\a\new"', 6),
        (r'"C:\\temp"', None),
        (r'"K\u00f6ln \"a\""', None),
    ],
)
def test_a_backslash_before_a_letter_is_told_from_two_and_from_escapes_of_letters(written, at):
    found = letters.in_double_quotes(written)
    assert (found and found[0]) == at


def test_what_cannot_be_seen_is_called_by_name_and_number_only():
    assert letters.named("\u200b") == "zero width space (U+200B)"
    assert letters.named("\u00a0") == "no-break space (U+00A0)"
    assert letters.named("\x07") == "control character (U+0007)"
    assert letters.named("”") == "” (right double quotation mark, U+201D)"


def test_an_invisible_line_break_is_found():
    assert letters.breaks("a: 1\u2028b: 2")[0] == 4
