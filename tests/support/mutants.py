"""Mutants of a module: one operator, number or condition changed, as a slip would.

cosmic-ray makes the changes; what changes no computation (annotations, texts, errors' messages)
is left out, and so is a change that another one has made already.
"""

import ast
import difflib
import hashlib
import random
from collections.abc import Iterator
from dataclasses import dataclass

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator

# One slip for each operator, the nearest: what is far off, any test notices.
SLIPS = [f"ReplaceBinaryOperator_{pair}" for pair in
         ("Add_Sub", "Sub_Add", "Mul_Div", "Div_Mul", "FloorDiv_Div", "Mod_FloorDiv", "Pow_Mul",
          "BitOr_BitAnd", "BitAnd_BitOr", "BitXor_BitAnd", "LShift_RShift")]  # fmt: skip
SLIPS += [f"ReplaceComparisonOperator_{pair}" for pair in
          ("Eq_NotEq", "NotEq_Eq", "Lt_LtE", "LtE_Lt", "Gt_GtE", "GtE_Gt", "Is_IsNot",
           "IsNot_Is")]  # fmt: skip
SLIPS += ["ReplaceUnaryOperator_USub_UAdd", "ReplaceUnaryOperator_Delete_Not", "AddNot"]
SLIPS += ["ReplaceUnaryOperator_Delete_Invert", "ReplaceAndWithOr", "ReplaceOrWithAnd"]
SLIPS += ["ReplaceTrueWithFalse", "ReplaceFalseWithTrue", "NumberReplacer"]
SLIPS += ["ZeroIterationForLoop", "ReplaceBreakWithContinue", "ReplaceContinueWithBreak"]


@dataclass(frozen=True)
class Mutant:
    """A changed module: its code, and where and how a line of it was changed."""

    code: str
    line: int
    change: str

    @property
    def name(self) -> str:
        """The same for the same code."""
        return hashlib.sha256(self.code.encode()).hexdigest()[:12]


class Computation(ast.NodeTransformer):
    """Leaves what computes: no annotations, docstrings, other texts or messages of errors.

    Nor how arguments may be given, and that values are frozen: no right caller sees a difference.
    """

    def visit_arguments(self, node: ast.arguments) -> ast.AST:
        node.args = [*node.posonlyargs, *node.args, *node.kwonlyargs]
        node.defaults += [default for default in node.kw_defaults if default]
        node.posonlyargs, node.kwonlyargs, node.kw_defaults = [], [], []
        return self.generic_visit(node)

    def visit_keyword(self, node: ast.keyword) -> ast.AST | None:
        return None if node.arg in ("frozen", "kw_only") else self.generic_visit(node)

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.annotation = None
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        return self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        node.annotation = ast.Constant(None)
        return self.generic_visit(node)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.AST:
        return ast.Constant("")

    def visit_Raise(self, node: ast.Raise) -> ast.AST:
        return ast.Raise()


def computation(code: str) -> str:
    return ast.dump(Computation().visit(ast.parse(code)))


def mutants(code: str, sample: int, seed: int) -> Iterator[Mutant]:
    """Mutants that compute otherwise: `sample` of them, or all if that is 0."""
    nodes, known = list(ast_nodes(get_ast(code))), {computation(code)}
    makers = [(slip, get_operator(f"core/{slip}")()) for slip in SLIPS]
    places = [
        (slip, n)
        for slip, maker in makers
        for n in range(sum(len(list(maker.mutation_positions(node))) for node in nodes))
    ]
    if sample:
        random.Random(seed).shuffle(places)
    for slip, n in places:
        mutated = mutate_code(code, dict(makers)[slip], n)
        try:
            made = computation(mutated)
        except SyntaxError:
            continue
        if made in known:
            continue
        known.add(made)
        pairs = zip(code.splitlines(), mutated.splitlines(), strict=False)
        at, (old, new) = next((i, two) for i, two in enumerate(pairs, 1) if two[0] != two[1])
        yield Mutant(mutated, at, shortest(old.strip(), new.strip()))
        if len(known) == sample + 1:
            return


def shortest(old: str, new: str) -> str:
    """What changed in a line, with a little around it."""
    blocks = difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    changed = [block for block in blocks if block[0] != "equal"]
    start, end = max(0, changed[0][1] - 30), changed[-1][2] + 20
    return f"`{old[start:end]}` is `{new[start : end + len(new) - len(old)]}`"


def statement(code: str, line: int) -> range:
    """The lines of the innermost statement around a line; of one with a body, those before that."""
    found = range(line, line + 1)
    for node in ast.walk(ast.parse(code)):  # outer ones first
        if isinstance(node, ast.stmt) and node.lineno <= line <= (node.end_lineno or 0):
            body = getattr(node, "body", None)
            end = max(node.lineno + 1, body[0].lineno) if body else (node.end_lineno or 0) + 1
            found = range(node.lineno, end)
    return found
