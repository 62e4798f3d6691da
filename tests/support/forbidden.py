"""What would run code that stands in data: pickles, evaluated text, shells.

Found in syntax trees, under whatever name a module gives it.
"""

import ast
from collections.abc import Iterator

MODULES = {"pickle", "_pickle", "cloudpickle", "dill", "joblib", "marshal", "shelve"}
NAMES = {
    "eval",
    "exec",
    "os.popen",
    "os.system",
    "pandas.read_pickle",
    "subprocess.getoutput",
    "subprocess.getstatusoutput",
    "torch.hub.load",
    "torch.jit.load",
    "torch.package.PackageImporter",
    "yaml.full_load",
    "yaml.full_load_all",
    "yaml.unsafe_load",
    "yaml.unsafe_load_all",
    *(f"yaml.{kind}Loader" for kind in ("", "C", "CFull", "CUnsafe", "Full", "Unsafe")),
}
METHODS = {"to_pickle", "read_pickle"}
OFF = {"allow_pickle", "shell"}  # arguments that may only be False or None
LOADS = {"torch.load", "torch.serialization.load"}
YAML = {"yaml.load", "yaml.load_all"}


def found(tree: ast.AST) -> set[str]:
    """Whatever of the above a module imports, names or calls."""
    aliases = dict(_aliases(tree))
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Load):
            names.add(_name(node, aliases))
            if isinstance(node, ast.Attribute) and node.attr in METHODS:
                names.add(f"pandas.{node.attr}")
        elif isinstance(node, ast.Call):
            names |= set(_call(node, _name(node.func, aliases)))
    calls = {name for name in names if "(" in name}
    methods = {f"pandas.{method}" for method in METHODS}
    modules = {name.partition(".")[0] for name in names} & MODULES
    return calls | modules | names & (NAMES | methods)


def _aliases(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """What each imported name stands for."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.asname:
                    yield alias.asname, alias.name
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                yield alias.asname or alias.name, f"{node.module}.{alias.name}"


def _name(node: ast.AST, aliases: dict[str, str]) -> str:
    """The dotted name of an expression, its first part replaced by what it stands for."""
    if isinstance(node, ast.Name):
        return aliases.get(node.id, node.id).removeprefix("builtins.")
    if isinstance(node, ast.Attribute):
        return f"{_name(node.value, aliases)}.{node.attr}".removeprefix("builtins.")
    return "?"


def _call(node: ast.Call, name: str) -> Iterator[str]:
    """What a call of that name is told to do, or is not told to leave."""
    given = {k.arg: k.value.value for k in node.keywords if isinstance(k.value, ast.Constant)}
    for keyword in node.keywords:
        if keyword.arg in OFF and given.get(keyword.arg, True) not in (False, None):
            yield f"{name}({keyword.arg})"
    if name in LOADS and given.get("weights_only") is not True:
        yield f"{name}(no weights_only)"
    if name in YAML and len(node.args) + len(node.keywords) < 2:
        yield f"{name}(no Loader)"
