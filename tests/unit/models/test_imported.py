"""A user's own model, by its place; also in a script that was written to train it."""

import sys

import pytest
import torch

from sonify.models.imported import load
from sonify.runtime.errors import SonifyError


@pytest.fixture(autouse=True)
def forgotten(monkeypatch):
    """Modules and folders of the user's, forgotten after each test."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if not name.startswith(("torch", "sonify", "numpy")):
            del sys.modules[name]


NEEDS_DATA = """import argparse
p = argparse.ArgumentParser()
p.add_argument('--data', required=True)
p.parse_args()"""


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (NEEDS_DATA, "the following arguments are required: --data"),
        ("import sys\nsys.exit(3)", "status 3"),
        ("raise SystemExit", "without a reason"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("inside", [True, False])
def test_a_script_that_ends_the_program_is_named(tmp_path, capsys, code, reason, inside):
    file = tmp_path / "train.py"
    body = "def Net():\n " + code.replace("\n", "\n ") if inside else f"{code}\nNet = open()"
    file.write_text(body + "\n")
    with pytest.raises(SonifyError) as caught:
        load(f"{file}:Net")
    place, then = (f"{file}:Net", "") if inside else (str(file), " before it had a Net")
    begin = f"{place} ended the program ({reason}){then}: put what is to run only as a script"
    assert str(caught.value).startswith(begin)
    assert "usage" not in capsys.readouterr().err


def test_a_script_that_parses_options_does_not_see_ours(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["sonify", "clip.wav", "--model", "x"])
    file = tmp_path / "quiet.py"
    file.write_text(
        "import argparse, torch\nargparse.ArgumentParser().parse_args()\nNet = torch.nn.ReLU()\n"
    )
    assert isinstance(load(f"{file}:Net"), torch.nn.ReLU)
    assert sys.argv[0] == "sonify"


NET = """
class Net(nn.Module):
    def __init__(self, width: int = WIDTH, depth: int = 1):
        super().__init__()
        self.conv = nn.Conv1d(1, width, 9)
"""
BEGIN = "import argparse\nfrom torch import nn\nWIDTH = 6\n"
PARSE = """
parser = argparse.ArgumentParser()
parser.add_argument("--data", required=True)
parser.add_argument("--width", type=int, default=3)
args = parser.parse_args()
"""
TRAIN = "\nmodel = Net(args.width)\nopen(args.data)\n"


@pytest.fixture
def script(tmp_path):
    """Write a script; its place."""

    def write(text: str, name: str = "train_it") -> str:
        file = tmp_path / f"{name}.py"
        file.write_text(text, encoding="utf-8")
        return str(file)

    return write


@pytest.mark.parametrize(
    "text",
    [
        BEGIN + PARSE + NET + TRAIN,
        BEGIN + NET + PARSE + TRAIN,
        BEGIN + NET + "def main():\n" + PARSE.replace("\n", "\n    ") + "\nmain()\n",
        BEGIN + NET + "import sys\nif len(sys.argv) < 2:\n    sys.exit('usage: train DATA')\n",
    ],
)
def test_a_script_is_not_run_for_a_class_of_it(script, text, capsys):
    place = script(text)
    assert load(f"{place}:Net").conv.out_channels == 6
    assert load(f"{place}:Net(2, depth=3)").conv.out_channels == 2
    said = "only its imports, functions, classes and constants are used, and nothing else"
    assert capsys.readouterr().err.count(f"{place} is a script: {said}") == 2


def test_a_script_whose_options_have_defaults_does_not_train_either(script, capsys):
    text = BEGIN + PARSE.replace(", required=True", "") + NET + "raise AssertionError('training')"
    assert load(f"{script(text)}:Net").conv.out_channels == 6
    assert load(f"{script(text)}:Net(4)").conv.out_channels == 4


def test_by_name_a_script_of_the_current_folder_is_treated_alike(script, tmp_path, monkeypatch):
    script(BEGIN + PARSE + NET + TRAIN)
    monkeypatch.chdir(tmp_path)
    assert load("train_it:Net").conv.out_channels == 6


def test_what_is_made_only_by_the_script_is_run_for_where_it_can_be(script, capsys):
    text = BEGIN + PARSE.replace(", required=True", "") + NET + "model = Net(args.width)\n"
    place = script(text)
    assert load(f"{place}:model").conv.out_channels == 3
    assert f"{place} is run as a script without options, since model" in capsys.readouterr().err


GUARD = "put what is to run only as a script, such as the parsing of options, below if __name__"


@pytest.mark.parametrize(
    ("text", "place", "sentence"),
    [
        (
            BEGIN + PARSE + NET + TRAIN,
            "model",
            f"are required: --data) before it had a model: name a class of it (Net), or {GUARD}",
        ),
        (
            BEGIN + PARSE + NET.replace("1, width", "1, args.width") + TRAIN,
            "Net",
            "are required: --data), and Net needs what comes after that (NameError: name 'args' is "
            f"not defined): move it to a file of its own with what it needs, or {GUARD}",
        ),
        (
            BEGIN + PARSE + NET.replace(" = WIDTH", ""),
            "Net",
            "train_it.py:Net needs arguments (width): give them, '",
        ),
        (
            BEGIN + PARSE + NET + TRAIN,
            "Net(height=3)",
            ":Net(height=3) does not fit its signature, Net(width: int = 6, depth: int = 1): got "
            "an unexpected keyword argument 'height'",
        ),
        ("import torch\nnet = torch.nn.ReLU()\n", "net(3)", ":net(3) is a model already: leave"),
    ],
)
def test_a_script_that_gives_no_model_is_one_sentence(script, text, place, sentence):
    with pytest.raises(SonifyError) as caught:
        load(f"{script(text)}:{place}")
    assert sentence in str(caught.value) and "\n" not in str(caught.value)


def test_the_file_that_ended_the_program_is_named(script, tmp_path):
    script(BEGIN + PARSE + NET + TRAIN)
    place = script("from train_it import Net\ndef make():\n    return Net(2)\n", "mine")
    with pytest.raises(SonifyError, match=r"mine\.py ended .* required: --data, in train_it\.py\)"):
        load(f"{place}:make")


def test_a_model_in_a_package_is_imported_as_ever(tmp_path, monkeypatch):
    package = tmp_path / "of_mine"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "sizes.py").write_text("WIDTH = 5\n")
    begin = BEGIN.replace("WIDTH = 6", "from .sizes import WIDTH")
    (package / "plain.py").write_text(begin + NET)
    (package / "script.py").write_text(begin + PARSE + NET + TRAIN)
    monkeypatch.chdir(tmp_path)
    for name in ("plain", "script"):
        assert load(f"of_mine.{name}:Net").conv.out_channels == 5
