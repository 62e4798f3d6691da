"""What stopped a trace, in plain words."""

import pytest

from sonify.sonification.trace.plainly import reason


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("it is odd. Very odd\nindeed", "it is odd"),
        ("it is odd\nindeed", "it is odd"),
        ("", "RuntimeError"),
        ("Proxy object cannot be iterated. See", "it loops over a tensor"),
    ],
)
def test_words_are_known_ones_or_the_first_sentence_or_the_error(said, words):
    assert reason(RuntimeError(said)) == words


def inner() -> None:
    raise RuntimeError("odd")


def test_the_line_is_the_innermost_of_the_users():
    with pytest.raises(RuntimeError) as caught:
        inner()
    found = reason(caught.value)
    assert found.startswith("odd, test_plainly.py line ")
    assert found.endswith(': raise RuntimeError("odd")')
