"""Makers of each result, handed to its job, and compared with what the result says made it.

Seals (sonify.runtime.seals) need no .snakemake: what other code, configuration or inputs made is
made anew even where that folder is lost, or an older file was put back with its date.
"""

import inspect
import json
import os
import shlex
import sys
from collections.abc import Callable, Collection, Iterable
from functools import cache
from pathlib import Path
from typing import Any

from codedeps import code_parts
from parts import lost_part

from sonify.runtime import seals
from sonify.runtime.errors import in_words
from sonify.runtime.folders import write_whole

CONFIGURATION = ("settings", "version", "splits", "contracts")  # parameters that are no paths
CODE = Path("results/provenance/code")
ACCEPTED = Path("results/provenance/accepted.json")
INPUTS = Path("results/provenance/inputs")  # of results whose jobs are not passed theirs
OUTSIDE = Path("results/provenance/outside")  # what jobs have read outside the results
UNFINISHED = "results/unfinished/"
LONGEST = 40_000  # letters of the names of inputs handed to a job
ASKED = "SONIFY_ASKED"  # verify or why: what a dry run answers in place of its list of jobs


def prove(workflow, config: dict[str, Any], beyond: Collection[str] = ()) -> None:
    """Give every rule that has code the parameter `made`; remake what is stale, or answer.

    beyond: the files that only the target `beyond` makes.
    """
    for rule in workflow.rules:
        if rule.params.get("code"):
            rule.set_params(made=_assignment(rule))
    if workflow.is_main_process:
        _force_stale(config, beyond)


def _assignment(rule) -> Callable[..., str]:
    given = dict(rule.params.items())
    outside = given.get("outside")
    ancient = any(getattr(file, "flags", {}).get("ancient") for file in rule.input)

    # Takes the output, so that Snakemake does not compare it, as it does all that this is made of.
    def made(wildcards, input, output) -> str:
        values = {n: given[n] for n in CONFIGURATION if n in given and _compared(given[n])}
        now = {name: v(wildcards) if callable(v) else v for name, v in values.items()}
        task = {
            "rule": rule.name,
            "code": given["code"],
            "settings": {name: _parsed(value) for name, value in now.items()},
            "inputs": _lasting(input),
            "outputs": list(output),
        }
        if ancient or len(" ".join(task["inputs"])) > LONGEST:
            # What reads ancient inputs depends on which there are, not on what is in them.
            task |= {"inputs": [], "apart": "names" if ancient else "contents"}
        if outside and (read := outside(wildcards, output)):
            task["outside"] = read
        # A command of its own: whoever reads the command line takes its first word for the program.
        return f"export {seals.VARIABLE}={shlex.quote(json.dumps(task, sort_keys=True))};"

    return made


def _lasting(inputs: Iterable[str]) -> list[str]:
    """Inputs but for shares of the same work, which are gone once it is done: they hold what the
    job would make itself, of the same code, settings and inputs."""
    return [path for path in inputs if not path.startswith(UNFINISHED)]


def _compared(value: Any) -> bool:
    """Tell whether Snakemake compares a parameter, as it does none that takes the output."""
    return not (callable(value) and "output" in inspect.signature(value).parameters)


def task_of(job) -> dict[str, Any] | None:
    """Return the rule, code, settings, inputs and outputs of a job; None if it runs no script.

    Inputs are all of them, also where the job is not passed them; `apart` then says whether their
    names or their contents count. `outside` is what it reads outside the results, if anything: by
    name, in words and as a digest.
    """
    text = job.params.get("made")
    task = json.loads(_unquoted(text.partition("=")[2].removesuffix(";"))) if text else None
    return task and (task | {"inputs": _lasting(job.input)} if "apart" in task else task)


def _unquoted(word: str) -> str:
    """Undo `shlex.quote` of JSON, which it always quotes; `shlex.split` takes a second per run."""
    return word[1:-1].replace("'\"'\"'", "'")


def expected(task: dict[str, Any]) -> dict[str, Any]:
    """Return what its results would say made them, were they made now."""
    return _expected(json.dumps(task, sort_keys=True))


@cache
def _expected(task: str) -> dict[str, Any]:
    known = json.loads(task)
    made = _resolved(known, _seal)
    if "outside" in known:
        made["outside"] = dict(known["outside"].values())
    return made


def _resolved(task: dict[str, Any], of: Callable[[Path], str | None]) -> dict[str, Any]:
    return seals.resolved(task, (lambda path: None) if task.get("apart") == "names" else of)


@cache
def _seal(path: Path) -> str | None:
    return seals.seal(path)


def stale(job) -> dict[Path, dict[str, Any] | None]:
    """Return the results of a job that something else made, and what made them."""
    task = task_of(job)
    if task is None:
        return {}
    notes = {path: note_of(path) for path in map(Path, task["outputs"]) if path.exists()}
    made = {path: note["made"] for path, note in notes.items() if note}
    found = {path: note["seal"] for path, note in notes.items() if note}
    further = _outside_of(task, found)
    made = {p: by and by | {"inputs": _of(task, by, found)} | further for p, by in made.items()}
    return {path: by for path, by in made.items() if by != expected(task)}


def _of(
    task: dict[str, Any], made: dict[str, Any], found: dict[Path, str]
) -> dict[str, str | None] | None:
    """Return what a result was made of, from its own note or else from the record; None if neither
    says.

    Another configuration, with more or fewer runs, may have given its job fewer inputs than this
    one does, or other ones.
    """
    own: dict[str, str | None] = made["inputs"]
    if own and task.get("apart", "contents") == "contents":
        return own  # of nearly all results, so that no record is looked for
    recorded = _recorded(INPUTS, task, found, "inputs")
    if "apart" in task:
        return recorded
    return recorded or (None if task["inputs"] else {})


def note_of(path: Path) -> dict[str, Any] | None:
    """Return the note of a result; for a folder of parts, that of its first one, and for kept
    weights, some of which a run that was killed may have made, that of a file beside them."""
    if path.is_dir() and not seals.has_receipt(path):
        folder = path if (path.parent / seals.MANIFEST).is_file() else path.parent
        files = (f for f in folder.glob("[!.]*") if f.suffix in seals.CARRIERS)
        path = min(files, default=path)
    return seals.read_note(path)


def write_inputs(dag) -> None:
    """Record the inputs of what this run has made by jobs that are not passed theirs."""
    jobs = () if dag.workflow.touch else dag.finished_jobs
    for task in filter(None, map(task_of, jobs)):
        if "apart" in task:
            _write_record(INPUTS, task, {"inputs": _resolved(task, seals.seal)["inputs"]})


def write_outside(job) -> None:
    """Record what a job that has just ended read outside the results, as it was planned with.

    Apart from the results, since it has times of modification in it, and the same work is to give
    the same bytes anywhere; at once, so that a run that is killed later need not begin anew. Where
    it cannot be written, that is said, jobs at work go on, and the next run does this one again.
    """
    for each in job if job.is_group() else [job]:
        if (task := task_of(each)) and "outside" in task:
            read = {name: digest for name, (_, digest) in task["outside"].items()}
            try:
                _write_record(OUTSIDE, task, {"outside": read})
            except OSError as error:
                sys.stderr.write(f"error: {in_words(error)}\n")


def _outside_of(task: dict[str, Any], found: dict[Path, str]) -> dict[str, Any]:
    """What was read outside the results, called as the task calls it, or None if nobody recorded
    it; nothing for a task that reads nothing there."""
    if "outside" not in task:
        return {}
    words = {name: words for name, (words, _) in task["outside"].items()}
    read = _recorded(OUTSIDE, task, found, "outside")
    return {"outside": read and {words.get(name, name): seal for name, seal in read.items()}}


def _write_record(folder: Path, task: dict[str, Any], content: dict[str, Any]) -> None:
    notes = {path: note_of(Path(path)) for path in task["outputs"]}
    content |= {"outputs": {path: note["seal"] for path, note in notes.items() if note}}
    file = _record(folder, task)
    file.parent.mkdir(parents=True, exist_ok=True)
    write_whole(file, json.dumps(content, sort_keys=True, indent=1).encode())


def _recorded(
    folder: Path, task: dict[str, Any], found: dict[Path, str], key: str
) -> dict[str, Any] | None:
    """What was recorded of the very files that are there; None if nobody recorded it."""
    try:
        record = json.loads(_record(folder, task).read_text(encoding="utf-8"))
        same = all(record["outputs"].get(str(path)) == seal for path, seal in found.items())
        return record[key] if same else None
    except (OSError, ValueError, KeyError, AttributeError):
        return None


def _record(folder: Path, task: dict[str, Any]) -> Path:
    first = Path(*Path(task["outputs"][0]).parts[1:])
    return folder / first.with_name(f"{first.name}.json")


def write_code(jobs: Iterable[Any]) -> None:
    """Keep the hash of each module behind the code of jobs, so that a change has a name later."""
    for job in jobs:
        task = task_of(job)
        if task and not (file := CODE / f"{task['code']}.json").is_file():
            CODE.mkdir(parents=True, exist_ok=True)
            text = json.dumps(code_parts(script(job)), sort_keys=True, indent=1)
            write_whole(file, f"{text}\n".encode())


def script(job) -> str:
    """The script that a job runs."""
    named = job.params.get("script")
    return named or next(word for word in job.rule.shellcmd.split() if word.endswith(".py"))


def accepted() -> dict[str, str]:
    """Identities of stale results that somebody has accepted with --touch, by path."""
    return json.loads(ACCEPTED.read_text(encoding="utf-8")) if ACCEPTED.is_file() else {}


def _force_stale(config: dict[str, Any], beyond: Collection[str]) -> None:
    """Have Snakemake remake what is stale, by the way it remakes what is incomplete."""
    from snakemake.dag import DAG

    check_incomplete, init, finish = DAG.check_incomplete, DAG.init, DAG.finish

    async def with_stale(dag) -> None:
        await check_incomplete(dag)
        found = {str(path): _seal(path) for job in dag.jobs for path in stale(job)}
        known = accepted()
        if dag.workflow.touch and found:
            ACCEPTED.parent.mkdir(parents=True, exist_ok=True)
            known |= {path: seal for path, seal in found.items() if seal}
            write_whole(ACCEPTED, json.dumps(known, sort_keys=True, indent=1).encode())
        dag.forcefiles.update(path for path in found if known.get(path) != found[path])
        dag.forcefiles.update(file for job in dag.jobs for file in job.output if _lacks_parts(file))

    async def with_answer(dag, *arguments, **options) -> None:
        await init(dag, *arguments, **options)
        if asked := os.environ.get(ASKED):
            import answers

            status = answers.ANSWERS[asked](dag, config, beyond)
            sys.stdout.flush()
            os._exit(status)  # instead of Snakemake's own account of its dry run

    async def with_record(dag, job, *arguments, **options) -> None:
        if not (dag.workflow.touch or dag.workflow.dryrun):
            write_outside(job)
        await finish(dag, job, *arguments, **options)

    DAG.check_incomplete, DAG.init, DAG.finish = with_stale, with_answer, with_record


def _lacks_parts(file: str) -> bool:
    """Tell whether an output is a folder of which Snakemake does not see that a file is missing."""
    return lost_part(Path(file)) is not None


def _parsed(value: Any) -> Any:
    """Settings are JSON, and compared and kept as what they say."""
    try:
        return json.loads(value)
    except (TypeError, ValueError):
        return value
