"""The source files that a script depends on, and a hash of their code.

Snakemake does not notice changes in modules that a script imports. This hash is therefore a rule's
`code` parameter, so that editing a library module reruns exactly the rules whose scripts import it,
directly or indirectly. Comments, docstrings and formatting do not affect the hash. It is computed
whenever the Snakefile is parsed, so each file is read only once, and what its text says is kept in
`__pycache__` for the next time, as Python keeps bytecode. Table contracts are parsed with PyYAML, a
dependency of Snakemake.
"""

import ast
import hashlib
import json
import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import astuple, dataclass
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
SRC = ROOT / "src"
SCRIPTS = ROOT / "workflow" / "scripts"
TABLES = SRC / "sonify" / "contracts" / "schemas" / "tables"
KEPT = Path(__file__).parent / "__pycache__" / f"codedeps.{sys.implementation.cache_tag}.json"
MOST = 2_000  # texts that are kept before we begin anew: several times as many as there are
_DOCUMENTED = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


@cache
def closure(script: str) -> tuple[Path, ...]:
    """The script and all first-party modules it imports, at any depth, sorted by path.

    Includes imports inside functions, and all modules of a package whose `__path__` is read, but
    not imports for type checkers. Raises ValueError naming the script if it does not exist.
    """
    start = SCRIPTS / script
    if not start.is_file():
        raise ValueError(f"{start} does not exist: name a script of {SCRIPTS}")
    seen: set[Path] = set()
    waiting = [start]
    while waiting:
        file = waiting.pop()
        if file not in seen:
            seen.add(file)
            waiting.extend(_source(file).imports)
    return tuple(sorted(seen))


@cache
def code_hash(script: str) -> str:
    """A short hash of the code of `script` and its imports, of the static files that accompany
    them, and of the table contracts they name."""
    digest = hashlib.sha256()
    for file in closure(script):
        digest.update(file.relative_to(ROOT).as_posix().encode())
        digest.update(_source(file).content.bare.encode())
    for file in static_files(script):
        digest.update(file.relative_to(ROOT).as_posix().encode())
        digest.update(file.read_bytes())
    for table in tables_named(script):
        digest.update(_contract(table).encode())
    return digest.hexdigest()[:16]


@cache
def code_parts(script: str) -> dict[str, str]:
    """A short hash of each file and table contract behind `code_hash`, by its name."""
    parts = {_name(file): _source(file).content.bare.encode() for file in closure(script)}
    parts |= {_name(file): file.read_bytes() for file in static_files(script)}
    parts |= {f"table {table}": _contract(table).encode() for table in tables_named(script)}
    return {name: hashlib.sha256(content).hexdigest()[:16] for name, content in parts.items()}


def _name(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()


def keep() -> None:
    """Keep what the texts read by this process say, so that the next parses only changed ones.

    Does nothing where Python keeps no bytecode either.
    """
    if not _new or sys.dont_write_bytecode:
        return
    known = _kept()
    texts = (known if len(known) < MOST else {}) | _new
    body = json.dumps(texts).encode()
    partial = KEPT.with_name(f"{KEPT.name}.{os.getpid()}")
    with suppress(OSError):  # the sources may be read-only
        KEPT.parent.mkdir(exist_ok=True)
        partial.write_bytes(hashlib.sha256(body).hexdigest().encode() + b"\n" + body)
        partial.replace(KEPT)
    _new.clear()


@cache
def _kept() -> dict[str, list[Any]]:
    """Return the facts kept of texts, by `_key`; nothing unless every byte is as it was written."""
    try:
        seal, _, body = KEPT.read_bytes().partition(b"\n")
    except OSError:
        return {}
    whole = seal == hashlib.sha256(body).hexdigest().encode()
    texts: dict[str, list[Any]] = json.loads(body) if whole else {}
    return texts


_new: dict[str, list[Any]] = {}  # what this process has parsed


def _key(text: str, package: tuple[str, ...]) -> str:
    """A hash of everything that decides what `_parsed` returns, this file and Python included."""
    decides = (_parser(), ".".join(package), text)
    return hashlib.sha256("\0".join(decides).encode("utf-8", "surrogatepass")).hexdigest()


@cache
def _parser() -> str:
    """A hash of this file and of the Python whose `ast` it uses."""
    return hashlib.sha256(sys.version.encode() + Path(__file__).read_bytes()).hexdigest()


@cache
def contracts_hash() -> str:
    """A short hash of all table contracts, descriptions and units too."""
    digest = hashlib.sha256()
    for file in sorted(TABLES.glob("*.yaml")):
        digest.update(file.name.encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def static_files(script: str) -> list[Path]:
    """The files in folders named `static` next to `script` and the modules it imports."""
    folders = sorted({file.parent / "static" for file in closure(script)})
    return [file for folder in folders if folder.is_dir() for file in sorted(folder.iterdir())]


def tables_named(script: str) -> list[str]:
    """The table contracts named in string literals of the script and the modules it imports."""
    named: set[str] = set()
    for file in closure(script):
        content = _source(file).content
        if file.parent == SCRIPTS or content.uses_tables:
            named.update(content.strings)
    return sorted(named & _tables())


@dataclass(frozen=True)
class _Content:
    """The content of a source text: the names it imports and the packages whose modules it lists,
    its strings, whether it uses table contracts, and its code without comments, docstrings and
    formatting."""

    names: tuple[str, ...]
    listed: tuple[str, ...]
    strings: frozenset[str]
    uses_tables: bool
    bare: str


@dataclass(frozen=True)
class _Source:
    """A file: its content, and the first-party files that it imports."""

    content: _Content
    imports: tuple[Path, ...]


@cache
def _source(file: Path) -> _Source:
    package = file.parent.relative_to(SRC).parts if file.is_relative_to(SRC) else ()
    try:
        content = _content(file.read_text(encoding="utf-8"), package)
    except SyntaxError as error:
        error.filename = str(file)
        raise
    imports = [path for name in content.names for path in _files(name)]
    for listed in content.listed:
        imports += sorted(SRC.joinpath(*listed.split(".")).glob("*.py"))
    return _Source(content, tuple(dict.fromkeys(imports)))


@cache
def _content(text: str, package: tuple[str, ...]) -> _Content:
    """Return the facts of the text of a module of `package`, kept or parsed."""
    key = _key(text, package)
    if said := _kept().get(key):
        names, listed, strings, uses_tables, bare = said
        return _Content(tuple(names), tuple(listed), frozenset(strings), uses_tables, bare)
    content = _parsed(text, package)
    _new[key] = [sorted(v) if isinstance(v, frozenset) else v for v in astuple(content)]
    return content


def _parsed(text: str, package: tuple[str, ...]) -> _Content:
    """Parse the text of a module of `package`, which its relative imports start from."""
    tree = ast.parse(text)
    names, strings, documented = [], set(), []
    packages: dict[str, str] = {}
    listed: list[str] = []
    for node in _run(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names += _names(node, package)
            if isinstance(node, ast.ImportFrom):
                packages |= {a.asname or a.name: f"{node.module}.{a.name}" for a in node.names}
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            strings.add(node.value)
        elif isinstance(node, ast.Attribute) and node.attr == "__path__":
            listed.append(ast.unparse(node.value))
        elif isinstance(node, _DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
            documented.append(node)
    for node in documented:
        node.body = node.body[1:] or [ast.Pass()]
    known = tuple(filter(None, map(packages.get, listed)))
    return _Content(tuple(names), known, frozenset(strings), "tables" in text, ast.unparse(tree))


def _run(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes of a tree, except those below `if TYPE_CHECKING:`."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            waiting.extend(node.orelse)
        else:
            waiting.extend(ast.iter_child_nodes(node))


def _names(node: ast.Import | ast.ImportFrom, package: tuple[str, ...]) -> list[str]:
    """The dotted names that an import statement in a module of `package` may load."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    base = node.module or ""
    if node.level:
        above = package[: len(package) + 1 - node.level]
        base = ".".join([*above, *filter(None, [base])])
    return [base, *(f"{base}.{alias.name}" for alias in node.names)]


@cache
def _files(module: str) -> tuple[Path, ...]:
    """The source files behind a dotted name: the module itself and every package above it."""
    parts = module.split(".")
    files = []
    for depth in range(1, len(parts) + 1):
        stem = SRC.joinpath(*parts[:depth])
        for file in (stem / "__init__.py", stem.with_suffix(".py")):
            if file.is_file():
                files.append(file)
    return tuple(files)


@cache
def _tables() -> frozenset[str]:
    return frozenset(file.stem for file in TABLES.glob("*.yaml")) - {"columns"}


@cache
def _contract(table: str) -> str:
    """A table contract with the rules for its columns, but without descriptions and units."""
    spec, vocabulary = _yaml(TABLES / f"{table}.yaml"), _yaml(TABLES / "columns.yaml")
    columns = [
        (c, [(k, v) for k, v in vocabulary[c].items() if k not in ("description", "unit")])
        for c in spec["columns"]
    ]
    return repr((table, spec["key"], spec.get("nullable"), columns))


@cache
def _yaml(file: Path) -> dict:
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # six times faster where it is there
    return yaml.load(file.read_text(encoding="utf-8"), Loader=loader)
