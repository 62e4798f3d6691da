"""The tests stand where the code stands: tests/unit/data/test_prepare.py for data/prepare.py."""

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
UNIT = ROOT / "tests" / "unit"
PACKAGE = ROOT / "src" / "sonify"
TESTS = sorted(file.relative_to(UNIT).as_posix() for file in UNIT.rglob("test_*.py"))
# What concerns several modules of one package.
ACROSS = {
    "data/test_audio_files.py",  # docs/audio_files.md, kind by kind
    "config/test_any_configuration.py",  # whatever it is, refused or planned
    "config/test_parts.py",  # data.audioset.parts
    "estimate/test_cli.py",
    "evaluation/measurements/test_tables.py",
    "reporting/test_scripts.py",
    "sonification/deconvnet/test_exactness.py",
}


@pytest.mark.parametrize("test", [test for test in TESTS if test not in ACROSS])
def test_a_unit_test_is_named_after_a_module_or_package(test):
    tested = (PACKAGE / test).with_name(Path(test).stem.removeprefix("test_"))
    assert tested.with_suffix(".py").is_file() or tested.is_dir(), f"{tested} is not there"


def test_no_module_lies_loose_at_the_root():
    loose = {"__init__.py", "__main__.py", "api.py", "cli.py"}
    assert {file.name for file in PACKAGE.glob("*.py")} == loose


def test_the_exceptions_are_there():
    assert set(TESTS) >= ACROSS
