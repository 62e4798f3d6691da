"""One configuration and one code for a whole run.

A job on a cluster reads both again, hours after the run began; one on this machine its script.
Without this, a file edited meanwhile gives tables, figures and claims that mix two configurations
or two codes, under the fingerprint of one. `python frozen.py` is what a job's shell asks (job.sh).
"""

import hashlib
import json
import os
from collections.abc import Mapping, MutableMapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
VARIABLE = "SONIFY_FROZEN"  # digests of both, which jobs inherit from the process that started them
# Digits of a file's mark: 3 kB for all files, since some schedulers limit what jobs inherit.
MARK = 6
MOST = 3  # names in a sentence
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
    files = _code(root)
    now = {"configuration": _digest(config), "code": _digest(files)}
    if first:
        environment[VARIABLE] = json.dumps(now | {"files": "".join(_marks(files))})
        return None
    return _changed(now, files, environment)


def changed_code(environment: Mapping[str, str] = os.environ, root: Path = ROOT) -> str | None:
    """Return the sentence with which a job refuses code that is not the run's; None if it is."""
    files = _code(root)
    return _changed({"code": _digest(files)}, files, environment)


def several(names: Sequence[str]) -> str:
    """Return some names, and how many there are besides."""
    more = len(names) - MOST
    return ", ".join(names[:MOST]) + (f" and {more} more" if more > 0 else "")


def _changed(
    now: Mapping[str, str], files: Mapping[str, str], environment: Mapping[str, str]
) -> str | None:
    """Return the sentence on what of `now` is not as the run began with; None if nothing is."""
    then = json.loads(environment.get(VARIABLE, "{}"))
    names = [name for name, digest in now.items() if then.get(name, digest) != digest]
    if not names:
        return None
    what = f"the {' and the '.join(names)}"
    if names[-1] == "code" and "files" in then:  # a run of an older version says nothing of them
        what += f" ({_named(files, then['files'])})"
    return (
        f"{what} changed after this run began: let it stop, then run it again, which makes "
        "whatever the change affects"
    )


def _named(files: Mapping[str, str], marks: str) -> str:
    """Name the files that are not among those that the run began with, by the marks of those."""
    known = {marks[at : at + MARK] for at in range(0, len(marks), MARK)}
    new = [name for name, mark in zip(files, _marks(files), strict=True) if mark not in known]
    return several(new) or "files deleted"


def _marks(files: Mapping[str, str]) -> list[str]:
    """A few digits for each file, which differ if its name or its content does."""
    return [_digest(file)[:MARK] for file in files.items()]


def _digest(value: object) -> str:
    return _hash(json.dumps(_texts(value), sort_keys=True, default=str).encode())


def _texts(value: object) -> object:
    """A value whose names are all text: of a configuration this is checked later, in words."""
    if isinstance(value, Mapping):
        return {str(name): _texts(one) for name, one in value.items()}
    return [_texts(one) for one in value] if isinstance(value, list | tuple) else value


def _code(root: Path) -> dict[str, str]:
    """Hashes of all files of code, but for hidden ones: editors keep notes of their own there."""
    found = {file.relative_to(root) for pattern in CODE for file in root.glob(pattern)}
    seen = sorted(f for f in found if not any(part.startswith(".") for part in f.parts))
    return {str(f): _hash((root / f).read_bytes()) for f in seen if (root / f).is_file()}


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


if __name__ == "__main__":
    if sentence := changed_code():
        raise SystemExit(f"error: {sentence}")
