"""One configuration and one code for a whole run.

A job on a cluster reads both again, hours after the run began; one on this machine its script.
Without this, a file edited meanwhile gives tables, figures and claims that mix two configurations
or two codes, under the fingerprint of one. `python frozen.py` is what a job's shell asks (job.sh).
"""

import hashlib
import json
import os
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
VARIABLE = "SONIFY_FROZEN"  # digest of both, which jobs inherit from the process that started them
CODE = (
    *("Snakefile", "workflow/**/*.py", "workflow/**/*.smk", "workflow/job.sh"),
    *(f"src/sonify/**/{name}" for name in ("*.py", "*.yaml", "*.toml", "static/*")),
)


def freeze(
    config: dict[str, Any],
    first: bool,
    environment: MutableMapping[str, str] = os.environ,
    root: Path = ROOT,
) -> str | None:
    """Note configuration and code in the first process of a run; compare them in its jobs.

    Returns the sentence with which a job refuses; None if they are the same or nothing is known.
    """
    now = {"configuration": _digest(config), "code": _code(root)}
    if first:
        environment[VARIABLE] = json.dumps(now)
        return None
    return changed(now, environment)


def changed_code(environment: Mapping[str, str] = os.environ, root: Path = ROOT) -> str | None:
    """Return the sentence with which a job refuses code that is not the run's; None if it is."""
    return changed({"code": _code(root)}, environment)


def changed(now: Mapping[str, str], environment: Mapping[str, str]) -> str | None:
    """Return the sentence on what of `now` is not as the run began with; None if nothing is."""
    then = json.loads(environment.get(VARIABLE, "{}"))
    names = [name for name, digest in now.items() if then.get(name, digest) != digest]
    if not names:
        return None
    return (
        f"the {' and the '.join(names)} changed after this run began: let it stop, then run it "
        "again, which makes whatever the change affects"
    )


def _digest(value: object) -> str:
    return _hash(json.dumps(value, sort_keys=True, default=str).encode())


def _code(root: Path) -> str:
    """A digest of all files of code, but for hidden ones: editors keep notes of their own there."""
    found = {file.relative_to(root) for pattern in CODE for file in root.glob(pattern)}
    seen = sorted(f for f in found if not any(part.startswith(".") for part in f.parts))
    files = [root / file for file in seen if (root / file).is_file()]
    contents = [(str(f.relative_to(root)), _hash(f.read_bytes())) for f in files]
    return _digest(contents)


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


if __name__ == "__main__":
    if sentence := changed_code():
        raise SystemExit(f"error: {sentence}")
