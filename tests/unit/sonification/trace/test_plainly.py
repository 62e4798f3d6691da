"""What stopped a trace, in plain words."""

import runpy

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


def test_the_line_and_its_file_are_the_innermost_of_the_users(tmp_path):
    layer = tmp_path / "layer.py"
    layer.write_text('def forward(x):\n    x = 2 * x\n    raise RuntimeError("odd")\n')
    with pytest.raises(RuntimeError) as caught:
        runpy.run_path(str(layer))["forward"](1)
    assert reason(caught.value) == 'odd, layer.py line 3: raise RuntimeError("odd")'


def test_the_line_is_the_innermost_of_the_users():
    with pytest.raises(RuntimeError) as caught:
        inner()
    found = reason(caught.value)
    assert found.startswith("odd, test_plainly.py line ")
    assert found.endswith(': raise RuntimeError("odd")')
