"""Named random generators: every draw in Sonify comes from a seed with a name."""

import hashlib

import numpy as np


def seed_for(*names: str | int) -> int:
    """A 63-bit seed that depends on every name and on their order, alike on every machine."""
    digest = hashlib.sha256("\x1f".join(str(n) for n in names).encode()).digest()
    return int.from_bytes(digest[:8], "little") >> 1


def generator(*names: str | int) -> np.random.Generator:
    """A NumPy generator of its own for the purpose the names spell, e.g. (run, seed, "crops")."""
    return np.random.default_rng(seed_for(*names))
