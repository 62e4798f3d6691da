"""Packages outside the lock, which slow tests install into a folder of their own."""

import subprocess
import sys
from pathlib import Path

import pytest


def installed(folder: Path, *packages: str) -> Path:
    """Install packages without their dependencies; skip the test where they cannot be had."""
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target"]
    done = subprocess.run(
        [*install, folder, *packages], capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip(f"{' '.join(packages)} cannot be installed here: {done.stderr[-300:]}")
    return folder
