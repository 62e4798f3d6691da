"""Differences of two makers of a result, in words."""

import json
from collections.abc import Iterator
from typing import Any

from codedeps import code_parts
from frozen import several
from proof import CODE


def cause(
    made: dict[str, Any] | None,
    now: dict[str, Any],
    script: str,
    config: dict[str, Any],
    other: str | None = None,
) -> tuple[str, str]:
    """Tell whether a result is stale or foreign, and why.

    other: the result that what made this one makes, if it makes another.
    """
    if made is None:
        return "foreign", "it was not made by the workflow: move it away"
    if other:
        return "foreign", f"it was made as {other}: delete it and make run"
    if made["rule"] != now["rule"]:
        return "foreign", f"it was made by {made['rule']}: delete it and make run"
    return "stale", "; ".join(differences(made, now, script, config))


def same_but_inputs(made: dict[str, Any] | None, now: dict[str, Any]) -> bool:
    """Tell whether two makers differ by the content of inputs alone."""
    if made is None or set(made["inputs"] or ()) != set(now["inputs"]):
        return False
    return all(made.get(key) == now.get(key) for key in ("rule", "code", "settings", "outside"))


def differences(
    made: dict[str, Any] | None, now: dict[str, Any], script: str, config: dict[str, Any]
) -> list[str]:
    """Return what has changed since a result was made: modules, keys and inputs, a phrase each."""
    if made is None:
        return ["it was not made by the workflow"]
    phrases = []
    if made["code"] != now["code"]:
        phrases.append(f"{several(_modules(made['code'], script)) or 'code'} changed")
    if made["settings"] != now["settings"]:
        keys = sorted(set(_keys(made["settings"], now["settings"], config)))
        phrases.append(f"configuration: {several(keys)}")
    after = now.get("outside", {})
    if (before := made.get("outside", {})) is None:
        phrases += [f"no record says whether {words} have changed" for words in after]
    else:
        phrases += _members(before, after)
        phrases += [f"{words} have changed" for words in _others(before, after)]
    if made["inputs"] is None:
        return [*phrases, "no record says from which inputs it was made"]
    before, after = made["inputs"], now["inputs"]
    phrases += _members(before, after)
    if other := _others(before, after):
        phrases.append(f"{several(other)} changed since it was made")
    return phrases


def _members(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    phrases = []
    if lost := sorted(set(before) - set(after)):
        phrases.append(f"{several(lost)} no longer among its inputs")
    if new := sorted(set(after) - set(before)):
        phrases.append(f"{several(new)} new among its inputs")
    return phrases


def _others(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    return sorted(name for name in after if name in before and after[name] != before[name])


def _modules(code: str, script: str) -> list[str]:
    """The files that differ between some earlier code of a script and the present one."""
    file = CODE / f"{code}.json"
    if not file.is_file():
        return []
    then, now = json.loads(file.read_text(encoding="utf-8")), code_parts(script)
    changed = {name for name in then.keys() | now.keys() if then.get(name) != now.get(name)}
    return sorted(name.removeprefix("src/sonify/") for name in changed)


def _keys(then: Any, now: Any, config: dict[str, Any], key: str = "") -> Iterator[str]:
    """Each value that differs, by its key of the configuration where there is just one such."""
    if isinstance(then, dict) and isinstance(now, dict):
        for name in then.keys() | now.keys():
            if then.get(name) != now.get(name):
                deeper = f"{key}.{name}" if key else name
                yield from _keys(then.get(name), now.get(name), config, deeper)
        return
    places = [p for p, v in _leaves(config) if p.split(".")[-1] == key.split(".")[-1] and v == now]
    name = places[0] if len(places) == 1 else key.removeprefix("settings.")
    yield f"{name} is {json.dumps(now)}, was {json.dumps(then)}"


def _leaves(tree: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(tree, dict):
        for name, value in tree.items():
            yield from _leaves(value, f"{key}.{name}" if key else str(name))
    else:
        yield key, tree
