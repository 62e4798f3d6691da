"""Do the tests notice when a line of a module is wrong? `python tests/mutation.py [NAME ...]`

Each mutant is a module with one operator, number or condition changed, as a slip would; cosmic-ray
makes them. Its unit tests run on it in a fork of a process that has loaded all that they need but
what depends on the module: importing that takes longer than most of the tests. A mutant that no
test fails on has survived, and is printed. CONTRIBUTING.md says how to install and run it.
"""

import argparse
import ast
import contextlib
import difflib
import importlib
import importlib.abc
import importlib.util
import multiprocessing
import os
import random
import signal
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from types import CodeType

import pytest
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator

ROOT = Path(__file__).resolve().parents[1]
ENGINE, METRICS, CLAIMS = "sonification/deconvnet", "evaluation/metrics", "paper/claims"
OF_ENGINE = [f"{ENGINE}/test_{name}.py" for name in ("convolution", "sonifier", "back_projection")]
# The simulations of the rules are left out: they take minutes.
RULES = ("p_values_are_probabilities", "numbers_that_are_ignored_count_neither_way")
RULES += ("the_least_number_is_the_one_with_least_room_under_its_own_rule",)
RULES += ("rules_are_t_tests_on_either_side_of_their_limits",)
RULES += ("many_trials_at_once_are_decided_as_each_alone",)
RULES += ("the_interval_that_contradicts_is_wider_for_several",)
OF_RULES = [f"{CLAIMS}/test_rules.py::test_{name}" for name in RULES]
MEASURES = ("coherence", "ranking", "bootstrap", "envelope", "intervals", "peaks", "spectra")
MEASURES += ("surrogates", "separation", "faithfulness", "concision", "lags", "label_agreement")
MEASURES += ("rank_correlation",)
# By group and module: the tests that are to notice, below tests/unit. Quick ones come first.
GROUPS: dict[str, dict[str, list[str]]] = {
    "engine": {
        f"{ENGINE}/{name}.py": OF_ENGINE
        for name in ("sonifier", "back_projection", "convolution", "strided")
    },
    "evaluation": {f"{METRICS}/{name}.py": [f"{METRICS}/test_{name}.py"] for name in MEASURES},
    "losses": {"training/losses.py": ["training/test_losses.py"]},
    "crops": {"training/crops.py": ["training/test_crops.py"]},
    "claims": {
        f"{CLAIMS}/rules.py": [*OF_RULES, f"{CLAIMS}/test_verdicts.py"],
        f"{CLAIMS}/statistics.py": [f"{CLAIMS}/test_{n}.py" for n in ("statistics", "verdicts")],
        f"{CLAIMS}/verdicts.py": [f"{CLAIMS}/test_verdicts.py"],
        f"{CLAIMS}/layers.py": [f"{CLAIMS}/test_verdicts.py"],
        f"{CLAIMS}/outcomes.py": [f"{CLAIMS}/test_outcomes.py"],
        f"{CLAIMS}/resampled.py": [f"{CLAIMS}/test_resampled.py"],
    },
}
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


class Computation(ast.NodeTransformer):
    """Leaves what computes: no annotations, docstrings, other texts or messages of errors."""

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


def mutants(code: str, sample: int, seed: int) -> Iterator[tuple[int, str, str, str]]:
    """Mutants that compute otherwise, `sample` or all: line, it before and after, and the code."""
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
        yield at, old.strip(), new.strip(), mutated
        if len(known) == sample + 1:
            return


class Mutant(importlib.abc.MetaPathFinder):
    """Gives a module other code than its file has."""

    def __init__(self, file: Path, code: str) -> None:
        self.name = ".".join(file.relative_to(ROOT / "src").with_suffix("").parts)
        self.file, self.code = file, code

    def find_spec(self, name: str, path: object, target: object = None) -> ModuleSpec | None:
        if name != self.name:
            return None
        file, code = str(self.file), self.code

        class Loader(SourceFileLoader):
            def get_code(self, fullname: str) -> CodeType:
                return compile(code, file, "exec")

        return importlib.util.spec_from_file_location(name, file, loader=Loader(name, file))


class Order:
    """The tests that noticed other mutants come first, then files in the order of GROUPS."""

    def __init__(self, killers: list[str], tests: list[str], told: Path) -> None:
        self.killers, self.tests, self.told = killers, tests, told

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        last = {name: place for place, name in enumerate(self.killers)}
        files = [Path(test.split("::")[0]).name for test in self.tests]
        items.sort(key=lambda i: (-last.get(i.nodeid, -1), files.index(i.path.name)))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.told.write_text(report.nodeid, encoding="utf-8")

    def pytest_sessionfinish(self, exitstatus: int) -> None:
        if exitstatus == 0:
            self.told.write_text("\n".join(sys.modules), encoding="utf-8")


def run(mutant: Mutant, tests: list[str], killers: list[str], limit: float) -> tuple[bool, str]:
    """Whether the tests pass on a mutant, within `limit` seconds; modules loaded, or who failed."""
    told = Path(tempfile.gettempdir()) / f"mutant-{os.getpid()}"
    told.write_text("", encoding="utf-8")
    child = os.fork()
    if child == 0:
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, 1), os.dup2(silence, 2)
        sys.meta_path.insert(0, mutant)
        options = ["-x", "-q", "-p", "no:cacheprovider", "-m", "not slow"]
        options += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]  # Hypothesis is loaded
        files = [str(ROOT / "tests" / "unit" / test) for test in tests]
        os._exit(int(pytest.main([*options, *files], [Order(killers, tests, told)])))
    end, passed = time.monotonic() + limit, False
    while time.monotonic() < end:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            passed = os.waitstatus_to_exitcode(status) == 0
            break
        time.sleep(0.02)
    else:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    words = told.read_text(encoding="utf-8")
    told.unlink()
    return passed, words


def load(names: list[str], mutant: Mutant) -> None:
    """Load what does not depend on the mutant's module, here, for all forks."""
    sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests" / "support")]
    sys.modules[mutant.name] = None  # type: ignore[assignment] # importing it fails
    for name in names:
        if not name.startswith(("test_", "tests.", "conftest", "_pytest")):
            with contextlib.suppress(Exception), warnings.catch_warnings(action="ignore"):
                importlib.import_module(name)
    del sys.modules[mutant.name]


def judge(module: str, tests: list[str], sample: int, seed: int) -> tuple[int, int]:
    """Print the survivors of a module; return how many mutants there were, and were killed."""
    file, start = ROOT / "src" / "sonify" / module, time.monotonic()
    code = file.read_text(encoding="utf-8")
    passed, loaded = run(Mutant(file, code), tests, [], 3_600)
    if not passed:
        raise SystemExit(f"error: tests of {module} fail without any change: mend them first")
    limit = 5 * (time.monotonic() - start) + 20
    load(loaded.splitlines(), Mutant(file, code))
    killers, of, killed = list[str](), 0, 0
    for line, old, new, mutated in mutants(code, sample, seed):
        passed, words = run(Mutant(file, mutated), tests, killers, limit)
        killers += [] if passed else [words]
        of, killed = of + 1, killed + (not passed)
        if passed:
            print(f"  {module}:{line}: {shortest(old, new)}", flush=True)
    took = time.monotonic() - start
    share = f"{killed / max(1, of):.0%}"
    print(f"{module}: {killed} of {of} killed ({share}), {took:.0f} s", flush=True)
    return of, killed


def shortest(old: str, new: str) -> str:
    """What changed in a line, with a little around it."""
    blocks = difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    changed = [block for block in blocks if block[0] != "equal"]
    start, end = max(0, changed[0][1] - 30), changed[-1][2] + 20
    return f"`{old[start:end]}` is `{new[start : end + len(new) - len(old)]}`"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("names", nargs="*", help="groups, or words in paths of modules; or all")
    options.add_argument("--sample", type=int, default=0, help="mutants of each module; 0: all")
    options.add_argument("--seed", type=int, default=0, help="of the sample")
    args = options.parse_args()
    os.chdir(ROOT)
    for group, modules in GROUPS.items():
        found = [
            apart(module, tests, args.sample, args.seed)
            for module, tests in modules.items()
            if not args.names or any(name == group or name in module for name in args.names)
        ]
        if found:
            of, killed = (sum(numbers) for numbers in zip(*found, strict=True))
            print(f"{group}: {killed} of {of} killed ({killed / max(1, of):.0%})", flush=True)


def apart(*what: object) -> tuple[int, int]:
    """Return what `judge` does, in a process of its own, whose modules are no other module's."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as one:
        return one.submit(judge, *what).result()


if __name__ == "__main__":
    main()
