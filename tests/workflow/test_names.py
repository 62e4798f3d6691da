"""Names of a configuration are refused in a sentence, or reach their jobs as they are.

Whatever they hold: quotes, commands, line breaks, braces, dashes, dots. More cases than by default:
SONIFY_FUZZ=300 pytest -m fuzz --timeout 0
"""

import copy
import json
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from checkouts import ROOT, Workflow, fresh_checkout
from fuzz import examples
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from sonify.config.loading import load
from sonify.plan.plan import Plan
from sonify.runtime.errors import ConfigError

DEFAULT = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
PIECES = [
    *("$(touch ran)", "`touch ran`", "; touch ran;", "' touch ran '", '" touch ran "'),
    *("\n", "\t", " ", "\\", "/", "..", ".", "-", "--out", "=", "*", "?", "~", "#", "&", "|", "!"),
    *("{run}", "{model}", "{{", "}", "<x>", "%s", ":", ",", "x", "ä", "a\u0308", "日本", "\u202e"),
]
TEXT = st.lists(
    st.sampled_from(PIECES) | st.text(st.characters(exclude_categories=["Cs"]), max_size=3),
    min_size=1,
    max_size=4,
).map("".join)


def run_name(config: dict, name: str) -> None:
    config["training"]["runs"][name] = {"recipe": "contrastive", "architecture": "CNN12"}


def recipe_name(config: dict, name: str) -> None:
    config["training"]["recipes"][name] = {"base": "audioset"}
    config["training"]["finetuning"].append(
        {"recipe": name, "starts": ["contrastive"], "finetune": ["full"]}
    )


def model_name(config: dict, name: str) -> None:
    config["models"][name] = {"base": "CNN12"}
    config["training"]["runs"]["other"] = {"recipe": "contrastive", "architecture": name}


def local(dataset: str) -> Callable[[dict, str], None]:
    def change(config: dict, name: str) -> None:
        config["data"].setdefault(dataset, {}).update(source="local", path=name)

    return change


def download(config: dict, name: str) -> None:
    config["data"]["fsd50k"] |= {"source": "download", "path": name}


def background(config: dict, name: str) -> None:
    config["training"]["recipes"]["contrastive"]["augmentation"]["background_folder"] = name


def stems(config: dict, name: str) -> None:
    config["evaluation"]["stems"]["folder"] = name


def excluded(config: dict, name: str) -> None:
    config["sonification"]["mining"]["exclude_labels"] = [name, "Speech"]


def beside(config: dict, name: str) -> None:
    config["reporting"]["beside"]["other"] = name


def column(config: dict, name: str) -> None:
    config["reporting"]["beside"][name] = "claims.parquet"


FREE = {  # of what users have named outside of Sonify
    **{f: local(f) for f in ("folder", "fsd50k", "speech_commands")},
    **{"background": background, "stems": stems, "excluded": excluded},
    **{"beside": beside, "column": column},
}
OURS = {"run": run_name, "recipe": recipe_name, "model": model_name, "download": download}
FILES = {
    "folder": ("clips.csv", "path,split,labels\n"),
    "fsd50k": ("FSD50K.ground_truth/{}.csv", "dev eval vocabulary"),
    "speech_commands": ("{}_list.txt", "validation testing"),
}


@contextmanager
def deep() -> Iterator[Path]:
    """A current folder from which a few `..` lead nowhere else."""
    with tempfile.TemporaryDirectory() as top, pytest.MonkeyPatch.context() as patch:
        folder = Path(top) / "1" / "2" / "3" / "4" / "5"
        folder.mkdir(parents=True)
        (folder / "claims.parquet").touch()
        patch.chdir(folder)
        yield folder


def refusal(kind: str, name: str) -> str | None:
    """The sentence with which a configuration is refused that has the name; None if it is not."""
    config = copy.deepcopy(DEFAULT)
    (FREE | OURS)[kind](config, name)
    try:
        Plan(load(config))
    except ConfigError as error:
        return str(error)
    return None


def place(kind: str, name: str) -> bool:
    """Put what has such a name into the current folder; False if nothing there can have it."""
    path = Path(name)
    if kind in ("excluded", "column", *OURS):
        return True
    if "\0" in name or name.startswith(("/", "~")):
        return False
    try:
        if kind == "beside":
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
            return True
        path.mkdir(parents=True, exist_ok=True)
        if kind in FILES:
            form, of = FILES[kind]
            parts = of.split() if "{}" in form else [""]
            for file in (path / form.format(part) for part in parts):
                file.parent.mkdir(exist_ok=True)
                file.write_text("" if parts[0] else of)
        if kind == "fsd50k":
            for folder in ("dev", "eval"):
                (path / f"FSD50K.{folder}_audio").mkdir(exist_ok=True)
    except OSError:  # too long, or there is something else
        return False
    return True


@pytest.mark.fuzz
@settings(max_examples=examples(60), deadline=None)
@given(st.booleans(), st.sampled_from([*FREE, *OURS]), TEXT | st.text(max_size=400))
def test_any_name_is_refused_in_one_line_or_planned(there, kind, name):
    """Whether or not there is a file or folder of that name."""
    with deep():
        if there:
            place(kind, name)
        said = refusal(kind, name)
    assert said is None or (said.startswith("config") and said.isprintable()), said


TELL = """

onstart:
    told = [[job.rule.name, job.shellcmd] for job in workflow.dag.jobs if job.shellcmd]
    Path(os.environ["TOLD"]).write_text(__import__("json").dumps(told), encoding="utf-8")
    raise SystemExit(0)
"""
# In place of workflow/job.sh: each job tells what it is given, and does nothing.
STUB = r"""
job() { printf '%s\0' "$(($# + 1))" "${SONIFY_MADE:-}" "$@"; }
"""
PLAIN = {kind: f"plain_{kind}" for kind in FREE}


@pytest.fixture(scope="module")
def given_to_jobs(tmp_path_factory, snakemake) -> Callable[[dict[str, str]], dict[str, list]]:
    """Plan everything with some names; what each job is given, by its log."""
    checkout = fresh_checkout(tmp_path_factory.mktemp("checkout"))
    with (checkout / "Snakefile").open("a", encoding="utf-8") as snakefile:
        snakefile.write(TELL)

    def all_given(names: dict[str, str]) -> dict[str, list]:
        config = copy.deepcopy(DEFAULT)
        config["training"]["seeds"] = [0]
        with deep() as folder, pytest.MonkeyPatch.context() as patch:
            for kind, name in names.items():
                assert place(kind, name)
                FREE[kind](config, name)
            file, told = folder.parent / "names.yaml", folder.parent / "told.json"
            file.write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
            patch.setenv("TOLD", str(told))
            Workflow(folder, checkout, snakemake)("all", "beyond", "--configfile", str(file))
            commands = json.loads(told.read_text(encoding="utf-8"))
            before = sorted(folder.rglob("*"))
            found = dict(map(_given, commands))
            assert sorted(folder.rglob("*")) == before, "a job has run something"
        assert len(found) == len(commands) > 150
        return found

    return all_given


def _given(command: tuple[str, str]) -> tuple[str, list]:
    """The log of a job, and all that its shell gives it; JSON as what it says."""
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", STUB + command[1]], capture_output=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, b""), (command[1], done.stderr)
    number, made, *words = done.stdout.decode().removesuffix("\0").split("\0")
    assert int(number) == 1 + len(words), f"{command[0]} ran more than its job"
    made = _parsed(made)
    # Digests of what lies outside, which is new in each folder; in words it is what counts here.
    made["outside"] = {name: said for name, (said, _) in made.get("outside", {}).items()}
    words = [re.sub(r"^--held=[0-9a-f]+$", "--held=", word) for word in words]
    return words[0], [made, *map(_parsed, words)]


def _parsed(word: str) -> Any:
    try:
        return json.loads(word)
    except ValueError:
        return word


def renamed(value: Any, names: dict[str, str]) -> Any:
    """What jobs are given, with each plain name replaced by another, of which none of a
    path looks like an option."""
    if isinstance(value, dict):
        return {renamed(key, names): renamed(one, names) for key, one in value.items()}
    if isinstance(value, list):
        return [renamed(one, names) for one in value]
    if isinstance(value, str):
        for kind, name in names.items():
            option = name.startswith("-") and kind not in ("excluded", "column")
            value = value.replace(PLAIN[kind], f"./{name}" if option else name)
    return value


@pytest.fixture(scope="module")
def plain(given_to_jobs) -> Callable[[], dict[str, list]]:
    """What each job is given with plain names."""
    found = given_to_jobs(PLAIN)
    words = json.dumps(found)
    assert all(name in words for name in PLAIN.values()), "each name reaches some job"
    return lambda: found


def accepted(drawn: dict[str, str]) -> dict[str, str]:
    """These names, but for plain ones in place of those that are refused where all of them are."""
    with deep():
        return {
            kind: drawn[kind]
            if place(kind, drawn[kind]) and refusal(kind, drawn[kind]) is None
            else PLAIN[kind]
            for kind in FREE
        }


# What was found by this, and mended: stems went unquoted, braces were taken for wildcards.
FOUND = {kind: f"my {kind}; $(touch ran)" for kind in FREE} | {
    "excluded": "{model}",
    "column": "a {run}",
}


@pytest.mark.fuzz
@example(FOUND)
@settings(max_examples=examples(2), deadline=None, phases=[Phase.explicit, Phase.generate])
@given(st.fixed_dictionaries(dict.fromkeys(FREE, TEXT)))
def test_each_accepted_name_reaches_its_jobs_unharmed(given_to_jobs, plain, drawn):
    names = accepted(drawn)
    found, expected = given_to_jobs(names), renamed(plain(), names)
    for log, words in found.items():
        assert words == expected[log], log
    assert found.keys() == expected.keys()
