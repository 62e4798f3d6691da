"""docs/fidelity.md: text, code and our configurations side by side, topic by topic.

`python -m sonify.config.fidelity` prints it, from the root of the repository. Topics are declared
in `sonify.paper.fidelity`; every value is read from the configurations, loaded with their overlays.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from sonify.config.__main__ import overlaid
from sonify.config.loading import load
from sonify.config.types import Config
from sonify.paper.fidelity import FILES, Fault, Fidelity, Setting, Topic, fidelity
from sonify.runtime.errors import SonifyError, one_sentence_errors

OVERLAYS = Path("workflow/configs")
_INTRODUCTION = """\
# How far we follow the paper

<!-- Made by `make docs` from src/sonify/paper/fidelity.yaml and the configurations: edit those. -->

The paper's text and its authors' public code (github.com/paper1517/sonifications-paper1517) do
not always agree, and each is silent at times. [`paper.yaml`](../workflow/configs/paper.yaml)
follows the text, and the code where the text is silent;
[`authors.yaml`](../workflow/configs/authors.yaml), laid over it, follows the code, and the text
where the code is silent; [`config.yaml`](../config.yaml) is the miniature, which learns in
minutes and gives its own reasons. Values are read from these files as they are loaded. *Text*,
*code* or *ours* after a value says where it comes from. The page is generated only if every value
is the one that text and code imply, or one recorded as ours with a reason; a test keeps it up to
date.

After `.recipe.` a key continues in that run's recipe; a number is a position in a list, from 0.
"""
_HEAD = ["configuration key", "paper.yaml", "authors.yaml", "config.yaml", "reason, note"]


def loaded(overlays: Path = OVERLAYS) -> dict[str, Config]:
    """Return the configurations that are compared, by name: paper, authors, miniature.

    Raises ConfigError for an overlay that is missing or faulty.
    """
    paper, authors = overlays / "paper.yaml", overlays / "authors.yaml"
    files = {"paper": [paper], "authors": [paper, authors], "miniature": []}
    return {name: load(overlaid(laid_over)) for name, laid_over in files.items()}


def value(config: Config, key: str) -> Any:
    """Return the value of a dotted key; a recipe name on the path stands for the recipe.

    Lists stay lists. Raises SonifyError naming the key if the configuration lacks it.
    """
    at: Any = config
    for part in key.split("."):
        if isinstance(at, str):
            at = config.training.recipes.get(at)
        try:
            if isinstance(at, Mapping):
                at = at[part]
            elif isinstance(at, Sequence):
                at = at[int(part)]
            else:
                at = {name: getattr(at, name) for name in _fields(at)}[part]
        except (LookupError, ValueError) as error:
            raise SonifyError(
                f"fidelity.yaml: the configuration has no key {key} (at {part}): correct it"
            ) from error
    return msgspec.to_builtins(list(at) if isinstance(at, tuple) else at)


def followed(setting: Setting, found: Any) -> str:
    """Return whose value this is: text, code, both, or ours."""
    whose = [source for source, known in setting.values.items() if same(known, found)]
    return ", ".join(whose) or "ours"


def check(table: Fidelity, configs: dict[str, Config]) -> None:
    """Raise SonifyError for the first row or key with a missing or unneeded note, reason or value.

    paper.yaml has the text's value, else the code's; authors.yaml the code's, else the text's. A
    key that departs from this, or that neither settles, has exactly the value recorded as ours,
    with a reason.
    """
    rows: list[Topic | Fault] = [*table.topics, *table.errors]
    for row in rows:
        if not row.keys and not row.note:
            raise SonifyError(f"fidelity.yaml: {_name(row)} has no keys: say in a note why not")
        for key, setting in row.keys.items():
            found = {name: value(configs[name], key) for name in FILES}
            fault = _fault(setting, found)
            if fault:
                raise SonifyError(f"fidelity.yaml: {key} ({_name(row)}) {fault}")


def _fault(setting: Setting, found: dict[str, Any]) -> str:
    """Say what is wrong with the values found in paper.yaml and authors.yaml, or nothing."""
    own, implied = setting.own, setting.implied
    if bool(own) != bool(setting.reason):
        return "has a reason without ours, or ours without a reason: give both, or neither"
    for name, held in found.items():
        if name in own and name in implied and same(own[name], implied[name]):
            return f"follows text and code in {name}.yaml: delete the reason and ours"
        if name in own and not same(own[name], held):
            return (
                f"is {_shown(held)} in {name}.yaml, and {_shown(own[name])} as recorded in ours: "
                "correct one of them, and look whether the reason still holds"
            )
        if name not in own and not (name in implied and same(implied[name], held)):
            return (
                f"follows neither text nor code: give the value as ours, with a reason, or "
                f"correct {name}.yaml"
            )
    return ""


def same(known: Any, found: Any) -> bool:
    """Tell whether two values are equal, of the same kind: true is not 1, but 5 is 5.0."""
    if isinstance(known, list) and isinstance(found, list):
        return len(known) == len(found) and all(map(same, known, found))
    return isinstance(known, bool) == isinstance(found, bool) and known == found


def page(table: Fidelity, configs: dict[str, Config]) -> str:
    """Return the page as Markdown: a line for each key of each topic, then the errors.

    Raises SonifyError as `check` and `value` do.
    """
    check(table, configs)
    heads = (["topic", "paper's text", "authors' code"], ["error", "effect"])
    blocks = (
        [line for row in table.topics for line in _lines(row, configs)],
        [line for row in table.errors for line in _lines(row, configs)],
    )
    tables = [
        "\n".join(map(_line, [[*head, *_HEAD], ["---"] * (len(head) + len(_HEAD)), *lines]))
        for head, lines in zip(heads, blocks, strict=True)
    ]
    return "\n".join(
        [_INTRODUCTION, tables[0], "\n## Errors in the authors' code\n", tables[1], ""]
    )


def _lines(row: Topic | Fault, configs: dict[str, Config]) -> list[list[str]]:
    """Return a line for each key; notes about all keys stand in the first."""
    if isinstance(row, Topic):
        said = [row.topic, row.text or "silent", row.code]
    else:
        said = [row.error, row.effect]
    lines = [[f"`{key}`", *_values(key, setting, configs)] for key, setting in row.keys.items()]
    lines = lines or [["–"] * (len(_HEAD) - 1) + [""]]
    first = lines[0]
    first[-1] = " ".join(filter(None, [first[-1], row.note]))
    return [[*(said if line is first else [""] * len(said)), *line] for line in lines]


def _values(key: str, setting: Setting, configs: dict[str, Config]) -> list[str]:
    found = {name: value(config, key) for name, config in configs.items()}
    marked = [f"{_shown(found[n])} *{followed(setting, found[n])}*" for n in FILES]
    reason = setting.reason and f"{setting.reason[0].upper()}{setting.reason[1:]}."
    return [*marked, _shown(found["miniature"]), reason]


def _shown(found: Any) -> str:
    """Return a value as YAML writes it, lists without brackets."""
    if isinstance(found, list):
        between = "; " if any(isinstance(one, str) for one in found) else " "
        return between.join(map(_shown, found)) or "none"
    if isinstance(found, bool) or found is None:
        return {True: "true", False: "false", None: "null"}[found]
    return f"{found:g}" if isinstance(found, float) else str(found)


def _name(row: Topic | Fault) -> str:
    return row.topic if isinstance(row, Topic) else row.error


def _line(cells: Sequence[str]) -> str:
    escaped = (cell.replace("<", "&lt;").replace("|", "\\|") for cell in cells)
    return f"| {' | '.join(escaped)} |"


def _fields(at: Any) -> list[str]:
    if dataclasses.is_dataclass(at):
        return [field.name for field in dataclasses.fields(at)]
    return list(getattr(at, "__struct_fields__", ()))


if __name__ == "__main__":
    with one_sentence_errors():
        print(page(fidelity(), loaded()), end="")
