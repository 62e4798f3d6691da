"""The worked example of docs/m5.md does what the page says."""

import re
import shlex
import shutil
import sys
from pathlib import Path

import pytest
import torch

from sonify.cli import main
from sonify.sonification.trace.folding import folded

DOCS = Path(__file__).resolve().parents[2] / "docs"
FULL, REDUCED = ("takes_per_word=40", "epochs=10"), ("takes_per_word=5", "epochs=1")


def run_page(folder: Path, monkeypatch, reduced: bool) -> dict:
    """Every code block of the page, in order, in a folder that looks like the repository."""
    shutil.copytree(DOCS / "examples", folder / "docs" / "examples")
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "path", [*sys.path])
    page, names = (DOCS / "m5.md").read_text(encoding="utf-8"), {}
    for full, less in zip(FULL, REDUCED, strict=True):
        assert full in page
        page = page.replace(full, less) if reduced else page
    blocks = re.findall(r"^```(python|sh)\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    assert [language for language, _ in blocks].count("sh") == 1 and len(blocks) == 6
    for language, block in blocks:
        if language == "python":
            exec(compile(block, "docs/m5.md", "exec"), names)
        else:
            command, *arguments = shlex.split(block)
            assert command == "sonify"
            main(arguments)
    for name in ("m5", "train_m5"):
        del sys.modules[name]
    return names


def check(names: dict, told: str) -> None:
    model, x = names["model"], names["x"]
    with torch.no_grad():
        torch.testing.assert_close(folded(model)(x[:20]), model(x[:20]), rtol=1e-5, atol=1e-5)
    assert len(list(Path("heard").glob("layer*.wav"))) == 20 and Path("m5.png").stat().st_size
    assert "conv1 ... conv4, (16, 64, 256, 1024)" in (DOCS / "m5.md").read_text(encoding="utf-8")
    assert "['conv1', 'conv2', 'conv3', 'conv4'] (16, 64, 256, 1024)" in told
    shifts = re.findall(r"layer (\d), shift (\d+): (\S+)", told)
    assert len(shifts) == 8
    for layer, shift, difference in shifts:
        assert (float(difference) < 1e-9) == (shift != "1"), (layer, shift, difference)


def test_the_page_runs(tmp_path, monkeypatch, capsys):
    names = run_page(tmp_path, monkeypatch, reduced=True)
    check(names, capsys.readouterr().out)


@pytest.mark.slow
def test_the_page_as_it_is_trains_a_good_m5(tmp_path, monkeypatch, capsys):
    names = run_page(tmp_path, monkeypatch, reduced=False)
    check(names, capsys.readouterr().out)
    assert names["accuracy"] > 0.9


def test_the_picture_is_small():
    assert 10_000 < (DOCS / "images" / "m5.png").stat().st_size < 150_000
