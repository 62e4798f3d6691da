"""Rules of the house that no linter knows."""

import ast
import subprocess
import sys
from pathlib import Path

import codedeps
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
STAGES = ["data", "models", "training", "sonification", "evaluation", "reporting"]
SCRIPTS = sorted(f.name for f in codedeps.SCRIPTS.glob("*.py"))


def modules() -> list[Path]:
    return sorted((ROOT / "src" / "sonify").rglob("*.py"))


def imports(file: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {a.name for a in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
            names |= {f"{node.module}.{a.name}" for a in node.names}
    return names


def test_data_flows_one_way():
    for file in modules():
        parts = file.relative_to(ROOT / "src" / "sonify").parts
        if parts[0] not in STAGES:
            continue
        later = STAGES[STAGES.index(parts[0]) + 1 :]
        backward = {n for n in imports(file) if n.startswith(tuple(f"sonify.{s}" for s in later))}
        assert not backward, f"{file} imports {backward}"
        if parts[0] == "sonification":
            assert not any(n.startswith("sonify.training") for n in imports(file)), file


def test_packages_import_nothing():
    for file in modules():
        if file.name == "__init__.py":
            assert not file.read_text(encoding="utf-8").strip(), f"{file} must stay empty"


def test_modules_and_scripts_stay_small():
    for file in [*modules(), ROOT / "workflow" / "codedeps.py"]:
        assert len(file.read_text(encoding="utf-8").splitlines()) < 300, file
    for name in SCRIPTS:
        assert len((codedeps.SCRIPTS / name).read_text(encoding="utf-8").splitlines()) < 60, name
    assert len((ROOT / "Snakefile").read_text(encoding="utf-8").splitlines()) < 60


def test_reporting_and_data_need_no_torch():
    for name in ("sonify.reporting", "sonify.data"):
        folder = ROOT / "src" / Path(*name.split("."))
        for file in folder.rglob("*.py"):
            assert not any(n == "torch" or n.startswith("torch.") for n in imports(file)), file


@pytest.mark.parametrize("script", SCRIPTS)
def test_the_closure_holds_every_module_a_script_loads(script):
    """The fingerprint must see all code that can run: compare with what Python really imports."""
    code = (
        "import runpy, sys\n"
        f"sys.argv = [{script!r}, '--help']\n"
        "try:\n"
        f"    runpy.run_path({str(codedeps.SCRIPTS / script)!r}, run_name='__main__')\n"
        "except SystemExit:\n"
        "    pass\n"
        "print(*(m.__file__ for n, m in list(sys.modules.items())\n"
        "        if n.split('.')[0] == 'sonify' and m.__file__), sep='\\n')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
    )
    listed = {str(f) for f in codedeps.closure(script)}
    loaded = {
        line for line in done.stdout.splitlines() if line.endswith(".py") and "sonify" in line
    }
    assert any(line.endswith("jobs.py") for line in loaded)
    assert loaded <= listed


def test_nothing_unfinished_is_left():
    marks = ("TO" + "DO", "FIX" + "ME", "XX" + "X")
    for file in [*modules(), *codedeps.SCRIPTS.glob("*.py"), *(ROOT / "workflow").rglob("*.smk")]:
        text = file.read_text(encoding="utf-8")
        assert not any(mark in text for mark in marks), file


def test_the_code_is_clean():
    for check in (["check"], ["format", "--check"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *check, "--quiet", str(ROOT)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout


def test_the_conda_environment_has_the_locked_versions():
    environment = yaml.safe_load((ROOT / "envs" / "sonify.yaml").read_text(encoding="utf-8"))
    locked = (ROOT / "envs" / "requirements.lock").read_text(encoding="utf-8").splitlines()
    pinned = {line.split(" ;")[0] for line in locked}
    assert set(environment["dependencies"][-1]["pip"]) <= pinned
