"""Places of models, as they are written."""

import pytest

from sonify.models.places import Place, parsed
from sonify.runtime.errors import SonifyError


@pytest.mark.parametrize(
    ("text", "where", "name", "called", "args", "kwargs"),
    [
        ("nets:Net", "nets", "Net", False, [], {}),
        ("a.b.nets:Net()", "a.b.nets", "Net", True, [], {}),
        ("a.py:Net(-1, 'x:y', pool=(2, 3))", "a.py", "Net", True, [-1, "x:y"], {"pool": (2, 3)}),
        ("a.py:Net('x:y(1)')", "a.py", "Net", True, ["x:y(1)"], {}),
        ("my (old)/a:b.py:Net", "my (old)/a:b.py", "Net", False, [], {}),
    ],
)
def test_a_place_has_a_module_a_name_and_arguments(text, where, name, called, args, kwargs):
    assert parsed(text) == Place(text, where, name, called, args, kwargs)


@pytest.mark.parametrize("text", ["nets", ":Net", "nets:", "", "n:Net(1", "n:3"])
def test_what_is_no_place_is_refused(text):
    with pytest.raises(SonifyError, match=r"write module:name or path/to/file\.py:name$"):
        parsed(text)


@pytest.mark.parametrize(
    "call", ["(x)", "(open('f'))", "(*[1])", "(1)(2)", "(a=b)", "(**{})", "({[]: 1})"]
)
def test_arguments_are_literals(call):
    with pytest.raises(SonifyError, match="--model is .n:Net.*, whose arguments are not plain"):
        parsed(f"n:Net{call}")
