"""Reasons why the tracing of a model stopped, in plain words."""

import linecache
import traceback
from pathlib import Path

import torch

_OURS = Path(__file__).resolve().parent
_TORCHS = Path(torch.__file__).resolve().parent
_REASONS = {
    "cannot be iterated": "it loops over a tensor",
    "control flow": "it branches on the samples or the length of the waveform",
    "'len' is not supported": "it asks for the length of a tensor that depends on the clip's",
    "depends on the length of the clip": "it needs a number that depends on the length of the clip",
    "Proxy": "it uses a tensor as a plain number or array",
}


def reason(error: Exception) -> str:
    """Say what the model's forward does that cannot be followed, and in which line."""
    said = str(error)
    words = next((plain for jargon, plain in _REASONS.items() if jargon in said), None)
    words = words or said.split(". ")[0].split("\n")[0] or type(error).__name__
    frames = [f for f in traceback.extract_tb(error.__traceback__) if _is_users(f.filename)]
    if not frames or frames[-1].lineno is None:
        return words
    file, number = frames[-1].filename, frames[-1].lineno
    code = linecache.getline(file, number).strip()
    return f"{words}, {Path(file).name} line {number}: {code}" if code else words


def _is_users(filename: str) -> bool:
    path = Path(filename)
    return path.is_file() and not {_OURS, _TORCHS} & set(path.resolve().parents)
