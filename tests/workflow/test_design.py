"""Rules of the house that no linter knows."""

import ast
import json
import re
import subprocess
import sys
import tokenize
from pathlib import Path

import codedeps
import forbidden
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
BELOW = ["runtime", "contracts"]  # neither before the other, both before the stages
STAGES = ["data", "models", "training", "sonification", "evaluation", "paper", "reporting"]
SCRIPTS = sorted(f.name for f in codedeps.SCRIPTS.glob("*.py"))
# All else that may run code which stands in data is refused; see tests/support/forbidden.py.
ALLOWED = {
    # Between processes of one user's run: over a socket in a folder that is that user's alone.
    "workflow/warm.py": {"marshal"},
    "workflow/warm_client.py": {"marshal"},
    # The file of Python that `--model` names, whose network is to be heard: it is meant to run.
    "src/sonify/models/definitions.py": {"exec"},
}


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
        if parts[0] not in [*BELOW, *STAGES]:
            continue
        later = STAGES[STAGES.index(parts[0]) + 1 :] if parts[0] in STAGES else STAGES
        backward = {n for n in imports(file) if n.startswith(tuple(f"sonify.{s}" for s in later))}
        assert not backward, f"{file} imports {backward}"
        if parts[0] == "sonification":
            assert not any(n.startswith("sonify.training") for n in imports(file)), file


@pytest.mark.parametrize("script", SCRIPTS)
def test_jobs_never_import_the_configuration_or_the_plan(script):
    """Not at run time, that is: imports for type checkers alone are not in the closure."""
    beside = {ROOT / "src" / "sonify" / name for name in ("config", "plan", "estimate")}
    imported = [file for file in codedeps.closure(script) if beside & set(file.parents)]
    assert not imported, f"{script} reaches {imported}"


IMPORT_ALL = """
import importlib, pkgutil, sys
for name in ("sonify.config", "sonify.plan", "sonify.estimate"):
    package = importlib.import_module(name)
    for module in pkgutil.iter_modules(package.__path__, f"{name}."):
        if not module.name.startswith("sonify.estimate.calibration"):
            importlib.import_module(module.name)
print("loaded:", *sorted({"torch", "pandas"} & set(sys.modules)))
"""


def test_configuration_and_plan_load_neither_torch_nor_pandas():
    """Nor does any declaration that they import: asked of a fresh Python, not of the sources."""
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_ALL], capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.returncode) == ("loaded:\n", 0), done.stdout + done.stderr


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


def test_nothing_that_is_read_can_run_code():
    """No pickle, no evaluated text and no shell, but where ALLOWED says why."""
    files = [f for part in ("src", "workflow") for f in sorted((ROOT / part).rglob("*.py"))]
    assert len(files) > 200
    trees = {
        file.relative_to(ROOT).as_posix(): ast.parse(file.read_text(encoding="utf-8"))
        for file in files
    }
    has = {file: forbidden.found(tree) for file, tree in trees.items()}
    assert {file: names for file, names in has.items() if names} == ALLOWED


def test_the_rules_files_run_no_code_of_others_either():
    """They are no Python, but their words are."""
    for file in [ROOT / "Snakefile", *sorted((ROOT / "workflow" / "rules").glob("*.smk"))]:
        with file.open("rb") as text:
            words = {t.string for t in tokenize.tokenize(text.readline) if t.type == tokenize.NAME}
        calls = {name.rpartition(".")[2] for name in forbidden.NAMES} - {"load"}
        assert not words & (forbidden.MODULES | forbidden.METHODS | calls), file


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("import pickle", {"pickle"}),
        ("def f():\n    from dill import load as read", {"dill"}),
        ("import joblib.memory", {"joblib"}),
        ("import cloudpickle, shelve as s, marshal", {"cloudpickle", "marshal", "shelve"}),
        ("import torch as t\nt.load(f)", {"torch.load(no weights_only)"}),
        ("import torch\ntorch.load(f, weights_only=w)", {"torch.load(no weights_only)"}),
        (
            "from torch.serialization import load as l\nl(f, weights_only=False)",
            {"torch.serialization.load(no weights_only)"},
        ),
        ("import torch\ntorch.hub.load('a/b', 'c')", {"torch.hub.load"}),
        ("import numpy as np\nnp.load(f, allow_pickle=True)", {"numpy.load(allow_pickle)"}),
        ("import pandas as pd\nread = pd.read_pickle", {"pandas.read_pickle"}),
        ("table.to_pickle(f)", {"pandas.to_pickle"}),
        ("eval(text)", {"eval"}),
        ("import builtins\nbuiltins.exec(text)", {"exec"}),
        ("import yaml\nyaml.load(text)", {"yaml.load(no Loader)"}),
        ("import yaml\nyaml.load(text, yaml.CLoader)", {"yaml.CLoader"}),
        ("from yaml import unsafe_load", {"yaml.unsafe_load"}),
        ("import os\nos.system(c)", {"os.system"}),
        ("import subprocess as s\ns.run(c, shell=True)", {"subprocess.run(shell)"}),
        ("import subprocess as s\ns.run(c, shell=x)", {"subprocess.run(shell)"}),
    ],
)
def test_each_way_to_run_code_of_others_is_seen(code, names):
    assert forbidden.found(ast.parse(code)) == names


def test_what_only_looks_like_it_is_allowed():
    code = """
import numpy as np, subprocess, torch, yaml
class Split:
    eval: int
model.eval(), duckdb.load(x), ast.literal_eval(x)
np.load(f, allow_pickle=False), torch.load(f, weights_only=True)
yaml.load(f, yaml.CSafeLoader), yaml.safe_load(f), subprocess.run(c, shell=False)
"""
    assert forbidden.found(ast.parse(code)) == set()


ASK_ALL = """
import json, runpy, sys
loaded = {}
for script in json.loads(sys.argv[1]):
    for name in [n for n in sys.modules if n.split(".")[0] == "sonify"]:
        del sys.modules[name]
    path, sys.argv[1:] = script, ["--help"]
    sys.argv[0] = path
    try:
        runpy.run_path(path, run_name="__main__")
    except SystemExit:
        pass
    own = [m for n, m in list(sys.modules.items()) if n.split(".")[0] == "sonify"]
    loaded[script] = [m.__file__ for m in own if m.__file__]
print("loaded:", json.dumps(loaded))
"""


@pytest.fixture(scope="module")
def loaded() -> dict[str, set[str]]:
    """The library's files that each script loads, all asked in one process: torch loads once."""
    scripts = {str(codedeps.SCRIPTS / name): name for name in SCRIPTS}
    done = subprocess.run(
        [sys.executable, "-c", ASK_ALL, json.dumps(list(scripts))],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.rpartition("loaded:")[2])
    return {scripts[script]: set(files) for script, files in found.items()}


@pytest.mark.parametrize("script", SCRIPTS)
def test_the_closure_holds_every_module_a_script_loads(loaded, script):
    """The fingerprint must see all code that can run: compare with what Python really imports."""
    assert any(file.endswith("jobs.py") for file in loaded[script])
    assert loaded[script] <= {str(file) for file in codedeps.closure(script)}


def test_nothing_unfinished_is_left():
    marks = ("TO" + "DO", "FIX" + "ME", "XX" + "X")
    for file in [*modules(), *codedeps.SCRIPTS.glob("*.py"), *(ROOT / "workflow").rglob("*.smk")]:
        text = file.read_text(encoding="utf-8")
        assert not any(mark in text for mark in marks), file


@pytest.mark.parametrize(
    "check",
    [
        ("ruff", "check", "--quiet", "."),
        ("ruff", "format", "--check", "--quiet", "."),
        ("snakefmt", "--check", "Snakefile", "workflow/rules"),
        ("mypy",),
    ],
    ids=["lint", "format", "rules", "types"],
)
def test_the_code_is_clean(check):
    done = subprocess.run(
        [sys.executable, "-m", *check],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_conda_environment_has_the_locked_versions():
    environment = yaml.safe_load((ROOT / "envs" / "sonify.yaml").read_text(encoding="utf-8"))
    locked = (ROOT / "envs" / "requirements.lock").read_text(encoding="utf-8").splitlines()
    pinned = {line.split()[0] for line in locked}
    assert set(environment["dependencies"][-1]["pip"]) <= pinned


def test_the_container_is_made_from_the_lock_by_the_commands_of_everybody():
    recipe = (ROOT / "envs" / "Dockerfile").read_text(encoding="utf-8")
    assert "RUN make setup VENV=/opt/sonify" in recipe and "pip install" not in recipe
    copied = re.findall(r"^COPY (\S+) ", recipe, re.MULTILINE)
    assert copied == ["Makefile", "envs/requirements.lock", "."]
    lock = (ROOT / "Makefile").read_text(encoding="utf-8")
    python = re.search(r"--python-version (\S+)", lock)[1]
    assert f"FROM python:{python}-" in recipe, "the oldest that the lock is for"
