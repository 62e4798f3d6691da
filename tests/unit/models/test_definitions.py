"""Definitions of a script, and whether importing it parses options."""

import ast
import dataclasses
import importlib.util
import sys

import pytest

from sonify.models.definitions import definitions, reads_options, source_tree


@pytest.fixture
def defined(tmp_path):
    """The names that a script's definitions give, with their values."""

    def names(text: str) -> dict[str, object]:
        file = tmp_path / "script_of_mine.py"
        file.write_text(text, encoding="utf-8")
        spec = importlib.util.spec_from_file_location("script_of_mine", file)
        tree = source_tree(spec)
        module = definitions(spec, tree)
        return {k: v for k, v in vars(module).items() if not k.startswith("__")}

    yield names
    sys.modules.pop("script_of_mine", None)


def test_what_defines_is_kept_and_what_acts_is_not(defined):
    found = defined(
        "import math\nfrom os import path as where\n"
        "A = 3\nB: int = A * 2\nC = [A, {'b': B}]\nD = math.pi\nE = print('acts')\n"
        "F = args.width\nprint('acts')\nfor i in range(3):\n    G = i\n"
        "with open('no such file'):\n    H = 1\nassert False\nraise SystemExit\n"
        "async def f():\n    pass\n"
        "def g(x=A):\n    return undefined + x\n"
        "class K(Base):\n    pass\n"
        "class L:\n    size = B\n"
        "del A\n"
    )
    assert {"math", "where", "A", "B", "C", "D", "f", "g", "L"} == set(found)
    assert found["C"] == [3, {"b": 6}] and found["L"].size == 6


def test_blocks_of_conditions_and_fallbacks_are_kept(defined):
    found = defined(
        "import sys\n"
        "try:\n    import no_such_module\n    N = 1\n"
        "except ImportError as error:\n    print('acts')\n    no_such_module = None\n"
        "else:\n    P = 2\nfinally:\n    Q = 3\n"
        "if sys.version_info >= (3, 0):\n    R = 4\n    print('acts')\nelse:\n    S = 5\n"
        "if print('acts'):\n    T = 6\n"
        'if __name__ == "__main__":\n    U = 7\n'
    )
    assert {k: v for k, v in found.items() if k != "sys"} == {
        "no_such_module": None,
        "Q": 3,
        "R": 4,
    }


def test_annotations_are_those_of_the_file_and_dataclasses_find_their_module(defined):
    found = defined(
        "from __future__ import annotations\n"
        "from dataclasses import dataclass, field\nfrom typing import ClassVar\n"
        "@dataclass\nclass Options:\n    kind: ClassVar[str] = 'x'\n    more: Unknown = 3\n"
    )
    assert [field.name for field in dataclasses.fields(found["Options"])] == ["more"]


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("import argparse\np = argparse.ArgumentParser()\na = p.parse_args()", True),
        ("a, rest = p.parse_known_args()", True),
        ("if x:\n    for i in y:\n        print(f(p.parse_args().z))", True),
        ("def main():\n    p.parse_args()\nmain()", True),
        ("def a():\n    p.parse_args()\ndef b():\n    a()\nx = b()", True),
        ("def a():\n    b()\ndef b():\n    a()\na()", False),
        ("def main():\n    p.parse_args()\n", False),
        ('def main():\n    p.parse_args()\nif __name__ == "__main__":\n    main()', False),
        ("if '__main__' == __name__:\n    p.parse_args()\nelse:\n    f()", False),
        ("class A:\n    def f(self):\n        p.parse_args()", False),
        ("class A:\n    options = p.parse_args()", True),
        ("f = lambda: p.parse_args()", False),
        ("import torch\nmodel = torch.nn.ReLU()", False),
    ],
)
def test_options_are_read_where_the_top_level_gets_to_it(text, answer):
    assert reads_options(ast.parse(text)) is answer


def test_a_file_that_is_no_python_has_no_tree(tmp_path):
    for name, content in (("a.py", b"def ("), ("b.py", b"x = '\x00'"), ("c.so", b"x = 1")):
        (tmp_path / name).write_bytes(content)
        spec = importlib.util.spec_from_file_location("m", tmp_path / name)
        assert spec is None or source_tree(spec) is None
    assert source_tree(importlib.util.find_spec("sys")) is None
