"""Do the tests notice when a line of a module is wrong? `python tests/mutation.py [NAME ...]`

Each mutant is a module with one operator, number or condition changed, as a slip would
(`support/mutants.py`). Its unit tests run on it in a fork of a process that has loaded all that
they need but what depends on the module: importing that takes longer than most of the tests. Only
those run that reach the changed line, as Coverage.py saw them do on the module as it is; all of
them, where the line is run by importing it, or reached by none. A mutant that no test fails on has
survived. CONTRIBUTING.md says how to install and run it.
"""

import argparse
import contextlib
import gc
import importlib
import importlib.abc
import importlib.util
import json
import os
import resource
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Iterator
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from types import CodeType
from typing import Any

import pytest
from coverage import Coverage

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "support"))

from hypothesis import Phase, settings  # noqa: E402
from mutants import Mutant, mutants, statement  # noqa: E402
from mutated import GROUPS, LEFT_OUT  # noqa: E402

FAILED, TIMEOUT, SURVIVED = "failed", "timeout", "survived"
TIMES, BESIDES = 10, 20  # processor time of a mutant: so many times the clean run's, and seconds
HEAVY = ("torch", "pandas", "pyarrow", "scipy.stats", "scipy.signal")  # loaded once for all
MEMORY = 8 << 30  # bytes that a mutant may take


class Changed(importlib.abc.MetaPathFinder):
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


class Reach:
    """Notes which lines of modules each test runs, how long it takes, and what was imported."""

    def __init__(self, modules: list[str]) -> None:
        self.files = {module: str(ROOT / "src" / "sonify" / module) for module in modules}
        self.seconds = dict[str, float]()
        files = list(self.files.values())
        self.notes = Coverage(data_file=None, config_file=False, include=files)

    def pytest_sessionstart(self) -> None:
        self.notes.start()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        start = time.process_time()
        self.notes.switch_context(item.nodeid)
        try:
            return (yield)
        finally:
            self.notes.switch_context("")
            self.seconds[item.nodeid] = time.process_time() - start

    def told(self) -> dict[str, Any]:
        self.notes.stop()
        seconds, reached = {"": 0.0, **self.seconds}, dict[str, Any]()
        for module, file in self.files.items():
            lines: dict[str, list[int]] = {test: [] for test in seconds}
            for line, tests in self.notes.get_data().contexts_by_lineno(file).items():
                for test in tests:
                    lines[test].append(line)
            reached[module] = {test: (seconds[test], lines[test]) for test in seconds}
        return {"reached": reached, "loaded": list(sys.modules)}


class Order:
    """The tests that reach the lines, or all; first those that noticed other mutants.

    Files are kept together, for the sake of their fixtures.
    """

    def __init__(self, lines: range, reach: dict[str, Any], killers: Counter[str]) -> None:
        self.lines, self.reach, self.killers, self.failed = set(lines), reach, killers, ""
        self.imported = self.reached("")

    def reached(self, test: str) -> bool:
        return not self.lines.isdisjoint(self.reach.get(test, (0, ()))[1])

    def turn(self, item: pytest.Item) -> tuple:
        return -self.killers[item.nodeid], self.reach.get(item.nodeid, (0, ()))[0]

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self) -> None:
        phases = (Phase.explicit, Phase.generate)  # nobody reads the smallest example
        usual = settings.get_profile("sonify")
        settings.register_profile("mutation", usual, phases=phases, database=None)
        settings.load_profile("mutation")

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        reaching = [item for item in items if self.reached(item.nodeid)]
        if reaching and not self.imported:
            items[:] = reaching
        best = dict[Path, tuple]()
        for item in items:
            best[item.path] = min(self.turn(item), best.get(item.path, (1,)))
        items.sort(key=lambda item: (best[item.path], str(item.path), self.turn(item)))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.failed = report.nodeid

    def told(self) -> dict[str, Any]:
        return {"failed": self.failed}


def run(
    changed: Changed | None, tests: list[str], plugin: Reach | Order, limit: float
) -> tuple[str, dict[str, Any], float]:
    """How the tests end on a mutant, what the plugin tells, and the seconds of processor time."""
    told = Path(tempfile.gettempdir()) / f"mutant-{os.getpid()}"
    told.write_text("{}", encoding="utf-8")
    child = os.fork()
    if child == 0:
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, 1), os.dup2(silence, 2)
        # Processor time, because waiting for a busy machine is no fault of a mutant.
        resource.setrlimit(resource.RLIMIT_CPU, (int(limit), int(limit) + 5))
        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
        if changed:
            sys.meta_path.insert(0, changed)
        options = ["-x", "-q", "-p", "no:cacheprovider", "-m", "not slow", "--timeout", "0"]
        options += ["--tb", "no", "-W", "ignore::pytest.PytestAssertRewriteWarning"]
        options += [f"--deselect=tests/unit/{test}" for test in LEFT_OUT]
        files = [str(ROOT / "tests" / "unit" / test) for test in tests]
        code = int(pytest.main([*options, *files], [plugin]))
        told.write_text(json.dumps(plugin.told()), encoding="utf-8")
        os._exit(code)
    for _ in range(int(20 * limit) * 20):  # what waits for ever uses no processor time
        ended, status, used = os.wait4(child, os.WNOHANG)
        if ended:
            break
        time.sleep(0.05)
    else:
        os.kill(child, signal.SIGKILL)
        _, status, used = os.wait4(child, 0)
        status = signal.SIGXCPU
    words = json.loads(told.read_text(encoding="utf-8"))
    told.unlink()
    code = os.waitstatus_to_exitcode(status)  # 4: no tests, as importing them failed
    if code == pytest.ExitCode.NO_TESTS_COLLECTED:
        raise SystemExit(f"error: no tests in {' '.join(tests)}")
    ends = {0: SURVIVED, -signal.SIGXCPU: TIMEOUT, -signal.SIGKILL: TIMEOUT}
    return ends.get(code, FAILED), words, used.ru_utime + used.ru_stime


def load(names: list[str], changed: Changed) -> None:
    """Load what does not depend on the mutant's module, here, for all forks."""
    sys.path[:0] = [str(ROOT / "src"), str(ROOT / "workflow")]
    sys.modules[changed.name] = None  # type: ignore[assignment] # importing it fails
    for name in names:
        if not name.startswith(("test_", "tests.", "conftest", "_pytest")):
            with contextlib.suppress(Exception), warnings.catch_warnings(action="ignore"):
                importlib.import_module(name)
    del sys.modules[changed.name]
    gc.collect()
    gc.freeze()  # or each fork would copy what it only looks at


def wanted(module: str, sample: int, seed: int, log: Path, again: bool) -> list[Mutant]:
    """The mutants of a module that are to be judged: new ones, or those that survived before."""
    lines = read(log)
    ends = {line["mutant"]: line["end"] for line in lines}
    code = (ROOT / "src" / "sonify" / module).read_text(encoding="utf-8")
    if again and not any(line["module"] == module for line in lines):
        return []
    before = SURVIVED if again else None
    return [m for m in mutants(code, sample, seed) if ends.get(m.name) == before]


def judge(
    module: str, tests: list[str], seen: dict[str, Any], wanted: list[Mutant], log: Path
) -> None:
    """Note in the log how the tests end on mutants of a module, of which `seen` tells the reach."""
    file, reach = ROOT / "src" / "sonify" / module, seen["reached"][module]
    code = file.read_text(encoding="utf-8")
    clean = Changed(file, code)
    load(seen["loaded"], clean)
    killers = Counter[str]()
    # As the mutants run: a test that fails in a fork anyway would kill them all.
    end, words, clean_s = run(clean, tests, Order(range(0), reach, killers), 3_600)
    if end != SURVIVED:
        raise SystemExit(f"error: {words} of {module} fails in a fork without any change")
    print(f"{module}: {len(wanted)} mutants, tests take {clean_s:.1f} s", flush=True)
    for mutant in wanted:
        order = Order(statement(code, mutant.line), reach, killers)
        limit = TIMES * clean_s + BESIDES
        end, words, seconds = run(Changed(file, mutant.code), tests, order, limit)
        killers[words.get("failed", "")] += 1
        note(log, module, mutant, end, words.get("failed", ""), seconds)


def note(log: Path, module: str, mutant: Mutant, end: str, by: str, seconds: float) -> None:
    line = {"module": module, "mutant": mutant.name, "line": mutant.line, "change": mutant.change}
    line |= {"end": end, "by": by, "seconds": round(seconds, 2)}
    with log.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
    if end == SURVIVED:
        print(f"  {module}:{mutant.line}: {mutant.change}", flush=True)


def read(log: Path) -> list[dict[str, Any]]:
    """The lines of a log, if there is one."""
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


def table(log: Path) -> str:
    """The score by group and module; what was judged again counts as it ended last."""
    last = {line["mutant"]: line for line in read(log)}.values()
    rows = ["| group | module | mutants | failed | timeout | survived | score |"]
    rows += ["|--|--|--:|--:|--:|--:|--:|"]
    for group, modules in GROUPS.items():
        whole = Counter[str]()
        for module in modules:
            ends = Counter(line["end"] for line in last if line["module"] == module)
            whole += ends
            rows += [row(group, f"`{module}`", ends)] if ends else []
        rows += [row(f"**{group}**", "", whole)] if len(modules) > 1 and whole else []
    return "\n".join(rows)


def row(group: str, module: str, ends: Counter[str]) -> str:
    of = ends.total()
    counts = f"{of} | {ends[FAILED]} | {ends[TIMEOUT]} | {ends[SURVIVED]}"
    return f"| {group} | {module} | {counts} | {1 - ends[SURVIVED] / of:.0%} |"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("names", nargs="*", help="groups, or words in paths of modules; or all")
    options.add_argument("--sample", type=int, default=0, help="mutants of each module; 0: all")
    options.add_argument("--seed", type=int, default=0, help="of the sample")
    options.add_argument("--log", type=Path, default=Path("mutants.jsonl"), help="goes on with it")
    options.add_argument("--again", action="store_true", help="judge those that survived again")
    args = options.parse_args()
    log = args.log.resolve()
    os.chdir(ROOT)
    os.environ["OMP_NUM_THREADS"] = "1"  # of torch, which a fork could not share among threads
    for name in HEAVY:
        importlib.import_module(name)
    sys.dont_write_bytecode = False  # the tests, with their assertions rewritten
    chosen = [
        (module, tests, wanted(module, args.sample, args.seed, log, args.again))
        for group, modules in GROUPS.items()
        for module, tests in modules.items()
        if not args.names or any(name == group or name in module for name in args.names)
    ]
    chosen = [one for one in chosen if one[-1]]
    seen = dict[tuple, dict[str, Any]]()
    for module, tests, mutated in chosen:
        if tuple(tests) not in seen:
            alike = [name for name, same, _ in chosen if same == tests]
            end, seen[tuple(tests)], _ = run(None, tests, Reach(alike), 3_600)
            if end != SURVIVED:
                raise SystemExit(f"error: tests of {module} fail without any change: correct them")
        apart(module, tests, seen[tuple(tests)], mutated, log)
    print(table(log))


def apart(*what: Any) -> None:
    """Do what `judge` does in a fork, whose modules are no other module's."""
    child = os.fork()
    if child == 0:
        try:
            judge(*what)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    if os.waitpid(child, 0)[1]:
        raise SystemExit(f"error: {what[0]} could not be judged: see above")


if __name__ == "__main__":
    main()
