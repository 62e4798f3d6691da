"""Which source files a script depends on, and a hash of what they say.

Snakemake does not see a change in a module that a script imports. A rule's `code` parameter is this
hash, so that editing a library module reruns exactly the rules whose scripts import it, directly or
through others. Comments, docstrings and layout are not part of the hash. Light: it
runs each time the Snakefile is read (PyYAML, which Snakemake brings, for the table contracts).
"""

import ast
import hashlib
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SRC = ROOT / "src"
SCRIPTS = ROOT / "workflow" / "scripts"
TABLES = ROOT / "workflow" / "schemas" / "tables"


def closure(script: str) -> list[Path]:
    """The script and every first-party module it imports, at any depth, sorted by path.

    Imports inside functions count. Raises ValueError naming the script when it does not exist.
    """
    start = SCRIPTS / script
    if not start.is_file():
        raise ValueError(f"there is no script {start}")
    seen: set[Path] = set()
    waiting = [start]
    while waiting:
        file = waiting.pop()
        if file not in seen:
            seen.add(file)
            waiting.extend(_imports(file))
    return sorted(seen)


@cache
def code_hash(script: str) -> str:
    """A short hash of the code of `script`, of all it imports, of the static files that stand
    beside that, and of the tables it names."""
    digest = hashlib.sha256()
    for file in closure(script):
        digest.update(file.relative_to(ROOT).as_posix().encode())
        digest.update(_bare_source(file).encode())
    for file in static_files(script):
        digest.update(file.relative_to(ROOT).as_posix().encode())
        digest.update(file.read_bytes())
    for table in tables_named(script):
        digest.update(_contract(table).encode())
    return digest.hexdigest()[:16]


def static_files(script: str) -> list[Path]:
    """What stands in folders called `static` beside the modules that `script` imports."""
    folders = sorted({file.parent / "static" for file in closure(script)})
    return [file for folder in folders if folder.is_dir() for file in sorted(folder.iterdir())]


def tables_named(script: str) -> list[str]:
    """Table contracts whose name stands as a string in the script or in a module it imports."""
    known = {f.stem for f in TABLES.glob("*.yaml")} - {"columns"}
    named: set[str] = set()
    for file in closure(script):
        if file.parent == SCRIPTS or "tables." in file.read_text(encoding="utf-8"):
            strings = (n.value for n in ast.walk(_tree(file)) if isinstance(n, ast.Constant))
            named.update(s for s in strings if isinstance(s, str) and s in known)
    return sorted(named)


def _imports(file: Path) -> list[Path]:
    found: list[Path] = []
    for node in ast.walk(_tree(file)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                package = file.relative_to(SRC).with_suffix("").parts[: -node.level]
                base = ".".join([*package, *filter(None, [base])])
            names = [base, *(f"{base}.{alias.name}" for alias in node.names)]
        else:
            continue
        for name in names:
            found.extend(_files(name))
    return found


@cache
def _files(module: str) -> tuple[Path, ...]:
    """Source files behind a dotted name: the module itself and every package above it."""
    parts = module.split(".")
    found = []
    for depth in range(1, len(parts) + 1):
        stem = SRC.joinpath(*parts[:depth])
        for file in (stem / "__init__.py", stem.with_suffix(".py")):
            if file.is_file():
                found.append(file)
    return tuple(found)


@cache
def _tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"), filename=str(file))


@cache
def _bare_source(file: Path) -> str:
    """The code without comments, docstrings and layout."""
    tree = ast.parse(file.read_text(encoding="utf-8"), filename=str(file))
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if (
            isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
            and body
            and isinstance(body[0], ast.Expr)
            and isinstance(body[0].value, ast.Constant)
            and isinstance(body[0].value.value, str)
        ):
            node.body = body[1:] or [ast.Pass()]
    return ast.unparse(tree)


@cache
def _contract(table: str) -> str:
    """A table contract without its prose, and the vocabulary of its columns likewise."""
    import yaml

    spec = yaml.safe_load((TABLES / f"{table}.yaml").read_text(encoding="utf-8"))
    vocabulary = yaml.safe_load((TABLES / "columns.yaml").read_text(encoding="utf-8"))
    columns = [
        (c, [(k, v) for k, v in vocabulary[c].items() if k not in ("description", "unit")])
        for c in spec["columns"]
    ]
    return repr((table, spec["key"], spec.get("nullable"), columns))
