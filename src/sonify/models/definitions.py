"""Definitions of a training script, taken without running it.

Many scripts parse their options, load data and train at their top level. Of such a one only
imports, functions, classes and constants are executed, so that its network can be had by name.
"""

import ast
import sys
from collections.abc import Iterator
from importlib.machinery import ModuleSpec
from importlib.util import module_from_spec
from pathlib import Path
from types import ModuleType

_PARSERS = {"parse_args", "parse_known_args", "parse_intermixed_args"}
_FUNCTION = (ast.FunctionDef, ast.AsyncFunctionDef)
_WHOLE = (ast.Import, ast.ImportFrom, ast.ClassDef, *_FUNCTION)
# Expressions that do more than combine values.
_ACTIVE = (ast.Call, ast.Await, ast.Yield, ast.YieldFrom, ast.NamedExpr)


def source_tree(spec: ModuleSpec) -> ast.Module | None:
    """Return the syntax tree of a module's Python file, None if it has none or is not valid."""
    if spec.origin is None or not spec.origin.endswith(".py"):
        return None
    try:
        return ast.parse(Path(spec.origin).read_bytes(), spec.origin)
    except (OSError, SyntaxError, ValueError):
        return None  # importing it will tell why


def reads_options(tree: ast.Module) -> bool:
    """Tell whether importing the module parses command-line options.

    So it does if its top level, or a function of the module that is called from there, calls
    parse_args of argparse or the like; what stands below `if __name__ == "__main__":` does not run.
    """
    functions = {s.name: s for s in tree.body if isinstance(s, _FUNCTION)}
    called, waiting = set[str](), list(_calls(tree.body))
    while waiting:
        name = waiting.pop()
        if name not in called and name in functions:
            waiting += _calls(functions[name].body)
        called.add(name)
    return not called.isdisjoint(_PARSERS)


def definitions(spec: ModuleSpec, tree: ast.Module) -> ModuleType:
    """Make a module of the imports, functions, classes and constants of a tree, in their order.

    Blocks of `try` and `if` are kept with what they have of these. A statement that needs a name
    which is missing then is left out too. Raises what the user's code raises.
    """
    module = module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up there
    futures = [s for s in tree.body if isinstance(s, ast.ImportFrom) and s.module == "__future__"]
    for statement in _passive(tree.body):
        one = ast.Module([*futures, statement], [])
        try:
            exec(compile(one, spec.origin or spec.name, "exec", dont_inherit=True), vars(module))
        except NameError:  # made from what was left out
            continue
    return module


def _passive(statements: list[ast.stmt]) -> list[ast.stmt]:
    """Return the statements that define something and do nothing else."""
    kept: list[ast.stmt] = []
    for statement in statements:
        new: ast.stmt
        if isinstance(statement, ast.If) and not _acts(statement.test):
            body, orelse = _passive(statement.body), _passive(statement.orelse)
            new = ast.If(statement.test, body or [ast.Pass()], orelse)
        elif isinstance(statement, ast.Try):
            handlers = [
                ast.ExceptHandler(h.type, h.name, _passive(h.body) or [ast.Pass()])
                for h in statement.handlers
            ]
            parts = [_passive(p) for p in (statement.body, statement.orelse, statement.finalbody)]
            new = ast.Try(parts[0] or [ast.Pass()], handlers, parts[1], parts[2])
        elif isinstance(statement, _WHOLE) or (
            isinstance(statement, ast.Assign | ast.AnnAssign) and not _acts(statement)
        ):
            kept.append(statement)
            continue
        else:
            continue
        kept.append(ast.fix_missing_locations(ast.copy_location(new, statement)))
    return kept


def _acts(node: ast.AST) -> bool:
    return any(isinstance(part, _ACTIVE) for part in ast.walk(node))


def _calls(statements: list[ast.stmt]) -> Iterator[str]:
    """Yield the names of what these statements call when they run, without the modules' names."""
    waiting: list[ast.AST] = list(statements)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and _is_guard(node.test):
            waiting += node.orelse
            continue
        if isinstance(node, (*_FUNCTION, ast.Lambda)):
            continue
        if isinstance(node, ast.Call):
            function = node.func
            yield (
                function.attr
                if isinstance(function, ast.Attribute)
                else getattr(function, "id", "")
            )
        waiting += ast.iter_child_nodes(node)


def _is_guard(test: ast.expr) -> bool:
    """Tell `__name__ == "__main__"` from other conditions."""
    return isinstance(test, ast.Compare) and "__main__" in ast.unparse(test)
