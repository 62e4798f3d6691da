"""The wheel: everything the package needs, and working where there is no checkout."""

import ast
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile
from packaging.requirements import Requirement

from sonify.models import checkpoint
from sonify.models.architecture import Architecture

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
ENVIRONMENT = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}


@dataclass(frozen=True)
class Installed:
    """The package in an environment of its own; commands run in `folder`, outside any checkout."""

    environment: Path
    folder: Path

    def __call__(self, program: str, *arguments: str, status: int = 0) -> str:
        """Run a program of the environment; what it printed."""
        done = subprocess.run(
            [self.environment / "bin" / program, *arguments],
            cwd=self.folder,
            env=ENVIRONMENT,
            capture_output=True,
            text=True,
            check=False,
        )
        printed = done.stdout + done.stderr
        assert done.returncode == status, printed
        return printed


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """Built from a copy of the sources, as pip builds it, without a network."""
    folder = tmp_path_factory.mktemp("wheel")
    sources = folder / "sources"
    # Symbolic links stay links, as in a checkout.
    shutil.copytree(
        ROOT / "src",
        sources / "src",
        symlinks=True,
        ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"),
    )
    for name in ("pyproject.toml", "README.md", "LICENSE", "config.yaml"):
        shutil.copy2(ROOT / name, sources / name)
    pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, sources)
    (file,) = folder.glob("*.whl")
    return file


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory) -> Installed:
    """The wheel in a fresh environment that borrows every other package, torch first of all."""
    folder = tmp_path_factory.mktemp("elsewhere")
    environment = folder / "environment"
    venv.create(environment, with_pip=False)
    pip("--python", environment / "bin" / "python", "install", "--no-deps", wheel)
    (packages,) = environment.glob("lib/python*/site-packages")
    # A .pth file adds them behind the environment's own, so that nothing of ours is borrowed.
    borrowed = dict.fromkeys(sysconfig.get_path(kind) for kind in ("purelib", "platlib"))
    (packages / "borrowed.pth").write_text("\n".join(borrowed), encoding="utf-8")
    return Installed(environment, folder)


def pip(*arguments) -> None:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input"]
    options = {"env": ENVIRONMENT | {"PIP_NO_INDEX": "1"}, "capture_output": True, "text": True}
    done = subprocess.run([*command, *map(str, arguments)], check=False, **options)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_wheel_holds_every_file_of_the_sources(wheel):
    with zipfile.ZipFile(wheel) as archive:
        packed = {n: archive.read(n) for n in archive.namelist() if ".dist-info/" not in n}
    files = [f for f in (ROOT / "src").rglob("*") if f.is_file()]
    files = [f for f in files if "__pycache__" not in f.parts and not f.match("*.egg-info/*")]
    assert sorted(packed) == sorted(f.relative_to(ROOT / "src").as_posix() for f in files)
    for name in ("sonify/py.typed", "sonify/data/download/catalogue.toml"):
        assert packed[name] == (ROOT / "src" / name).read_bytes()
    assert packed["sonify/config/default.yaml"] == (ROOT / "config.yaml").read_bytes()


def test_what_the_package_imports_is_declared():
    """Every import of a distribution stands in pyproject.toml, and nothing else does."""
    imported = set()
    for file in (ROOT / "src" / "sonify").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported.add((node.module or "").partition(".")[0])
    providers = importlib.metadata.packages_distributions()
    foreign = imported - set(sys.stdlib_module_names) - {"sonify"}
    # What is not installed here, the optional, is called what it is imported as.
    needed = {canonical(providers.get(name, [name])[0]) for name in foreign}
    lines = PROJECT["dependencies"] + PROJECT["optional-dependencies"]["youtube"]
    assert needed == {canonical(Requirement(line).name) for line in lines}


def test_what_is_declared_is_what_is_locked():
    lines = (ROOT / "envs" / "requirements.lock").read_text(encoding="utf-8").splitlines()
    locked = dict(line.split()[0].split("==") for line in lines if "==" in line.split()[0])
    for line in PROJECT["dependencies"] + PROJECT["optional-dependencies"]["workflow"]:
        requirement = Requirement(line)
        assert requirement.specifier.contains(locked[canonical(requirement.name)]), line


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_the_installed_package_is_the_one_imported(installed):
    where = (
        "import sonify, snakemake_logger_plugin_sonify as plugin; print(sonify.__file__, plugin)"
    )
    assert installed("python", "-c", where).count(str(installed.environment)) == 2


def test_the_command_explains_itself(installed):
    assert "--checkpoint" in installed("sonify", "--help")


def test_the_command_sonifies_a_recording(installed):
    card = checkpoint.ModelCard(
        run="tiny",
        seed=0,
        dataset="audioset",
        regime="contrastive",
        finetune="none",
        architecture=Architecture(width=1 / 64),
        architecture_name="CNN12",
        head="projection",
        outputs=2,
    )
    checkpoint.save(installed.folder / "model", checkpoint.build(card), card)
    time_s = np.arange(8_000) / 8_000
    soundfile.write(installed.folder / "tone.wav", np.sin(2 * np.pi * 440 * time_s), 8_000)
    options = ("--checkpoint", "model", "--layer", "1", "--top", "1", "--out", "heard")
    assert "1 sonification of 1.0 s" in installed("sonify", "tone.wav", *options)
    (sound,) = (installed.folder / "heard").glob("layer01_filter*.wav")
    signal, rate_hz = soundfile.read(sound)
    assert rate_hz == 8_000 and len(signal) == 8_000 and np.abs(signal).max() > 0.1
    assert (installed.folder / "heard" / "index.html").is_file()


def test_a_configuration_is_checked(installed):
    file = installed.folder / "mine.yaml"
    file.write_text("training: {seeds: [0, 1, 2]}\n", encoding="utf-8")
    assert "3 seeds each" in installed("python", "-m", "sonify.config", file.name)
    file.write_text("training: {sedes: [0]}\n", encoding="utf-8")
    printed = installed("python", "-m", "sonify.config", file.name, status=1)
    assert re.fullmatch(r"error: .*'sedes'.*'seeds'.*\n", printed), printed


def test_tables_are_checked_and_downloads_are_listed(installed):
    script = (
        "from sonify.contracts import tables; from sonify.data.download import catalogue;"
        "print(tables.contract('removal').key, catalogue.CATALOGUE.is_file(), len(tables.names()))"
    )
    printed = installed("python", "-c", script)
    assert "'layer'" in printed and "True" in printed
