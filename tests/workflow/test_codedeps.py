"""The fingerprint changes with what code does, and with nothing else."""

import shutil
import sys
from pathlib import Path

import codedeps
import pytest

LAST: dict[Path, dict[str, str]] = {}  # the hashes of a copy as it is
SOME = ("coherence.py", "download.py")


@pytest.fixture(scope="module")
def unedited() -> dict[str, str]:
    """The hashes of the sources as they are; names in them are relative, so those of a copy too."""
    return hashes()


@pytest.fixture
def copy(tmp_path, monkeypatch, unedited) -> Path:
    """A copy of the sources that may be edited, with codedeps looking at it."""
    LAST[tmp_path] = unedited
    for name in ("src", "workflow"):
        shutil.copytree(codedeps.ROOT / name, tmp_path / name)
    monkeypatch.setattr(codedeps, "ROOT", tmp_path)
    monkeypatch.setattr(codedeps, "SRC", tmp_path / "src")
    monkeypatch.setattr(codedeps, "SCRIPTS", tmp_path / "workflow" / "scripts")
    monkeypatch.setattr(
        codedeps, "TABLES", tmp_path / "src" / "sonify" / "contracts" / "schemas" / "tables"
    )
    forget()
    yield tmp_path
    forget()


def forget() -> None:
    """Files and what they hold, that is, but not what a text says, which is no file's alone."""
    for name, cached in vars(codedeps).items():
        if hasattr(cached, "cache_clear") and name != "_content":
            cached.cache_clear()


def hashes() -> dict[str, str]:
    forget()
    return {f.name: codedeps.code_hash(f.name) for f in codedeps.SCRIPTS.glob("*.py")}


def changed(copy: Path, file: str, old: str, new: str) -> set[str]:
    """Scripts whose hash an edit changes, after those that were made before."""
    before = LAST[copy]
    text = (copy / file).read_text(encoding="utf-8")
    assert old in text, f"{file} no longer has {old!r}"
    (copy / file).write_text(text.replace(old, new, 1), encoding="utf-8")
    after = LAST[copy] = hashes()
    return {name for name in before if before[name] != after[name]}


def test_an_edit_reaches_exactly_the_scripts_that_import_it(copy):
    module = "src/sonify/evaluation/metrics/coherence.py"
    assert changed(copy, module, "FLOOR_NOISES = 16", "FLOOR_NOISES = 17") == {
        "coherence.py",
        "coherence_controls.py",
        "filters.py",
        "rivals.py",
    }
    mining = "src/sonify/sonification/mining/top_activations.py"
    assert changed(copy, mining, "if k < 1:", "if k <= 0:") == {"mine.py", "label_controls.py"}
    losses = "src/sonify/training/losses.py"
    assert changed(copy, losses, "if temperature <= 0:", "if not temperature > 0:") == {
        "train.py",
        "layer_importance.py",
    }


def test_a_shared_module_reaches_all(copy):
    assert changed(copy, "src/sonify/runtime/jobs.py", "default=1", "default=2") == set(LAST[copy])


def test_comments_docstrings_and_layout_reach_none(copy):
    module = "src/sonify/evaluation/metrics/coherence.py"
    assert not changed(copy, module, "FLOOR_NOISES = 16", "FLOOR_NOISES  =  16  # noises\n\n")
    assert not changed(copy, module, '"""Mean top-k', '"""The mean top-k')
    assert not changed(
        copy, module, '    """Return the measure for', '    """Return our measure for'
    )


def test_a_table_contract_reaches_its_writers_and_readers_but_its_prose_none(copy):
    contract = "src/sonify/contracts/schemas/tables/coherence.yaml"
    assert "coherence.py" in changed(copy, contract, "key: [model,", "key: [run, model,")
    assert not changed(copy, contract, "description: Mean", "description: The mean")
    columns = "src/sonify/contracts/schemas/tables/columns.yaml"
    assert not changed(copy, columns, "mean of the k largest", "average of the k largest")
    reached = changed(
        copy, columns, "coherence:     {type: float64", "coherence:     {type: float32"
    )
    assert "coherence.py" in reached and "train.py" not in reached


def test_a_script_that_is_not_there_is_named():
    with pytest.raises(ValueError, match="nothing.py does not exist: name a script"):
        codedeps.closure("nothing.py")


@pytest.mark.parametrize(
    ("file", "scripts"),
    [
        ("reporting/gallery/static/style.css", {"gallery.py"}),
        ("reporting/page/static/page.html.jinja", {"page.py", "cards.py"}),
    ],
)
def test_static_files_beside_the_code_are_code(copy, file, scripts):
    static = copy / "src" / "sonify" / file
    before = LAST[copy]
    static.write_text(static.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    assert {s for s, h in hashes().items() if h != before[s]} == scripts


def test_the_papers_numbers_are_code_of_its_tables(copy):
    values = "src/sonify/paper/static/published.yaml"
    assert "table.py" in changed(copy, values, "mAP: [0.299, 0.001]", "mAP: [0.298, 0.001]")


def test_modules_that_a_package_is_searched_for_are_code(copy):
    """Claims are discovered: a new file in `themes` is imported without being named."""
    theme = copy / "src" / "sonify" / "paper" / "claims" / "themes" / "more.py"
    theme.write_text("CLAIMS = ()\n", encoding="utf-8")
    before = LAST[copy]
    assert {s for s, h in hashes().items() if h != before[s]} == {"claims.py", "findings.py"}


def test_what_was_kept_is_not_parsed_again_and_gives_the_same_hashes(copy, monkeypatch):
    kept = copy / "kept" / "codedeps.json"
    monkeypatch.setattr(codedeps, "KEPT", kept)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    anew()
    codedeps.keep()
    assert not kept.exists(), "nor would Python keep any"
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    codedeps.keep()
    (there,) = kept.parent.iterdir()
    content = kept.read_bytes()
    with monkeypatch.context() as unable:
        unable.setattr(codedeps.ast, "parse", None)
        assert anew() == {name: LAST[copy][name] for name in SOME}
    module = copy / "src/sonify/evaluation/metrics/coherence.py"
    module.write_text(module.read_text("utf-8").replace("FLOOR_NOISES = 16", "FLOOR_NOISES = 17"))
    edited = anew()
    assert [s for s in SOME if edited[s] != LAST[copy][s]] == ["coherence.py"]
    codedeps.keep()
    assert len(kept.read_bytes()) > len(content), "the new text beside the others"
    kept.write_bytes(kept.read_bytes().replace(b"FLOOR_NOISES = 17", b"FLOOR_NOISES = 16"))
    assert anew() == edited, "what is damaged is parsed anew"
    there.unlink()
    kept.parent.rmdir()
    kept.parent.touch()
    codedeps.keep()  # where nothing can be written nothing is kept


def anew() -> dict[str, str]:
    """The hashes as another process finds them."""
    codedeps._content.cache_clear()
    codedeps._new.clear()
    forget()
    return {name: codedeps.code_hash(name) for name in SOME}


def test_texts_of_other_states_of_the_code_are_dropped_in_the_end(tmp_path, monkeypatch):
    monkeypatch.setattr(codedeps, "KEPT", tmp_path / "codedeps.json")
    monkeypatch.setattr(codedeps, "MOST", 2)
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    for text in ("a = 1", "a = 2", "a = 3"):
        codedeps._kept.cache_clear()
        monkeypatch.setattr(codedeps, "_new", {})
        codedeps._content(text, ())
        codedeps.keep()
    codedeps._kept.cache_clear()
    assert [said[-1] for said in codedeps._kept().values()] == ["a = 3"]
    codedeps._kept.cache_clear()
