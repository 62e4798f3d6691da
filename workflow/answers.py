"""The answers of `make verify` and `make why`, from the jobs that Snakemake has planned."""

import os
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

from parts import lost_part, parts_of
from proof import accepted, expected, script, stale, task_of
from words import cause, differences, same_but_inputs, several

from sonify.runtime import seals
from sonify.runtime.plurals import counted

RESULTS = Path("results")
UNPROVEN = ("logs", "benchmarks", "provenance", "unfinished")  # folders that hold no results
KINDS = ("intact", "stale", "missing", "foreign", "damaged")


def verify(dag, config: dict[str, Any], beyond: Collection[str] = ()) -> int:
    """Print how many results are intact, and each that is not and why; 1 if there is any."""
    found = dict(findings(dag, config, beyond))
    counts = Counter(kind for kind, _ in found.values())
    for kind in ("damaged", "missing", "foreign", "stale"):  # what others follow from comes first
        for path in sorted(path for path in found if found[path][0] == kind):
            print(f"{kind}: {path}: {found[path][1]}")
    print(", ".join(f"{counts[kind]} {kind}" for kind in KINDS))
    if not whole_plan(dag):
        print("Of the targets alone: whether other files are foreign was not looked at")
    return int(counts["intact"] < len(found))


def findings(
    dag, config: dict[str, Any], beyond: Collection[str] = ()
) -> Iterator[tuple[Path, tuple[str, str]]]:
    """Every planned result, and whatever else lies among them: its kind, and why."""
    wrong: dict[Path, str] = {}
    owners = _owners(dag)
    known, folders = set(), {RESULTS / name for name in UNPROVEN}
    touched = accepted()
    for job in (job for level in dag.toposorted() for job in level):
        task = task_of(job)
        if task is None:
            continue
        folders |= {Path(work) for work in [job.params.get("work")] if work}
        others = stale(job)
        sources = [path for path in map(Path, task["inputs"]) if path in wrong]
        if task.get("apart") == "names":  # what is in them does not matter
            sources = []
        for n, path in enumerate(map(Path, task["outputs"])):
            known.add(path)
            kind, why = "intact", ""
            again = "make run ARGS=beyond" if str(path) in beyond else "make run"
            if not path.exists():
                kind, why = "missing", f"{again} makes it"
            elif part := lost_part(path):
                kind, why = "missing", f"{part.name} is not there: {again} makes all of it again"
            elif fault := _fault(path):
                whole = "the folder" if path.is_dir() else "it"
                kind, why = "damaged", f"{fault}: delete {whole} and {again}"
            elif path in others and not (sources and same_but_inputs(others[path], expected(task))):
                made = others[path]
                makes = owners.get(_maker(made["rule"], made["inputs"] or ()), ()) if made else ()
                other = makes[n] if n < len(makes) and makes[n] != str(path) else None
                kind, why = cause(made, expected(task), script(job), config, other)
                if touched.get(str(path)) == seals.seal(path):
                    why += " (accepted by --touch)"
            elif sources:
                kind, why = "stale", f"made from {sources[0]}, which is {wrong[sources[0]]}"
            if kind != "intact":
                wrong[path] = kind
            yield path, (kind, why)
            if kind == "intact" and path.is_dir():
                yield from _strangers(path)
    if whole_plan(dag):
        for path in _foreign(known, folders):
            yield path, ("foreign", "no planned job makes it: move it away")


def whole_plan(dag) -> bool:
    """Tell whether all is asked for, not some targets: else other results would seem foreign."""
    return any(rule.name == dag.workflow.default_target for rule in dag.targetrules)


def _owners(dag) -> dict[tuple[str, frozenset[str]], list[str]]:
    """The outputs of each planned job, by its rule and inputs."""
    tasks = [task for level in dag.toposorted() for job in level if (task := task_of(job))]
    return {_maker(task["rule"], expected(task)["inputs"]): task["outputs"] for task in tasks}


def _maker(rule: str, inputs: Iterable[str]) -> tuple[str, frozenset[str]]:
    return rule, frozenset(inputs)


def _fault(path: Path) -> str | None:
    """Return what is wrong with the bytes of a result, whatever made it; None if nothing is."""
    if path.is_dir() and not seals.has_receipt(path):
        faults = ((part, seals.fault(part)) for part in parts_of(path))
        return next((f"{part.name}: {fault}" for part, fault in faults if fault), None)
    if path.suffix in seals.CARRIERS:
        return seals.fault(path)
    if path.name == seals.CARD:
        return seals.card_fault(path)
    note = seals.read_note(path)
    if note is None:
        return "no record says what made it"
    return (
        None
        if note["seal"] == seals.content_digest(path)
        else "it has changed since it was written"
    )


def _strangers(folder: Path) -> Iterator[tuple[Path, tuple[str, str]]]:
    """Files that do not belong in a folder of clips or of kept weights."""
    if not seals.has_receipt(folder):
        there = {file for file in folder.iterdir() if not file.name.startswith(".")}
        for file in sorted(there - set(parts_of(folder))):
            yield file, ("foreign", f"it does not belong to {folder}: move it away")


def _foreign(known: set[Path], folders: set[Path]) -> Iterator[Path]:
    """Files, or folders with nothing known in them, that no planned job makes."""
    holding = {parent for path in known | folders for parent in path.parents}
    for place, below, names in os.walk(RESULTS):
        here = Path(place)
        for name in list(below):
            if (path := here / name) not in holding:
                below.remove(name)
                if path not in known | folders and not name.startswith("."):
                    yield path
        yield from (p for n in names if (p := here / n) not in known and not n.startswith("."))


def why(dag, config: dict[str, Any], beyond: Collection[str] = ()) -> int:
    """Print which jobs will run and why, in words, those alike in one line; return 0."""
    running = {job for job in dag.needrun_jobs() if task_of(job)}
    lines: dict[tuple[str, str], int] = Counter()
    for job in (job for level in dag.toposorted() for job in level if job in running):
        lines[job.rule.name, _reason(dag, job, running, config)] += 1
    for (rule, reason), n in lines.items():
        print(f"{rule}{f' ×{n}' if n > 1 else ''}: {reason}")
    print(f"{counted(len(running), 'job')} will run" if running else "Nothing to be done")
    return 0


def _reason(dag, job, running: set, config: dict[str, Any]) -> str:
    task, reason = task_of(job) or {}, dag.reason(job)
    absent = [path for path in task["outputs"] if not Path(path).exists()]
    if len(absent) == len(task["outputs"]):
        return "not made yet, or lost"
    absent += [str(part) for path in task["outputs"] if (part := lost_part(Path(path)))]
    if absent:
        return f"{several(absent)} missing"
    made = next(iter(stale(job).values()), expected(task))
    if made != expected(task):
        return "; ".join(differences(made, expected(task), script(job), config))
    above = sorted({d.rule.name for d in dag.dependencies[job] if d in running})
    if above:
        return f"follows from {several(above)}"
    newer = sorted(map(str, reason.updated_input))
    return f"{several(newer)} newer" if newer else str(reason)


ANSWERS = {"verify": verify, "why": why}
