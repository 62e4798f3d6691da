"""Named random generators: every random draw in Sonify comes from a named seed."""

import hashlib

import numpy as np


def seed_for(*names: str | int) -> int:
    """A 63-bit seed that depends on all names and their order, and is the same on every machine."""
    digest = hashlib.sha256("\x1f".join(str(n) for n in names).encode()).digest()
    return int.from_bytes(digest[:8], "little") >> 1


def generator(*names: str | int) -> np.random.Generator:
    """An independent NumPy generator for the purpose named, e.g. (run, seed, "crops")."""
    return np.random.default_rng(seed_for(*names))
