"""Faults of form as sentences: the key, its value and the remedy."""

import math
from collections.abc import Callable
from typing import Any

from jsonschema.exceptions import ValidationError

from sonify.runtime.guesses import hint

# What a value must be, by the JSON schema keyword that it breaks.
_EXPECTED: dict[str, Callable[[Any], str]] = {
    "enum": lambda value: f"must be one of {', '.join(map(str, value))}",
    "type": lambda value: _of_type([value] if isinstance(value, str) else value),
    "minimum": lambda value: f"must be at least {value}",
    "exclusiveMinimum": lambda value: f"must be more than {value}",
    "maximum": lambda value: f"must be at most {value}",
    "exclusiveMaximum": lambda value: f"must be less than {value}",
    "minItems": lambda value: f"must have at least {value} items",
    "maxItems": lambda value: f"must have at most {value} items",
    "uniqueItems": lambda value: "must not repeat an item",
    "minProperties": lambda value: "must not be empty",
    "anyOf": lambda kinds: _of_type([kind["type"] for kind in kinds]),
}
# Types by the words of YAML, where JSON has others.
_TYPES = {"array": "list", "object": "mapping", "string": "text"}


def sentence(error: ValidationError) -> str:
    """Return a sentence on what is wrong with one key, with a guess at what was meant."""
    if error.validator == "anyOf":  # of a number or a list: what is wrong with the one given
        inside = [e for e in error.context or () if e.validator != "type" or e.relative_path]
        if inside:
            return sentence(inside[0])
    where = ".".join(str(part) for part in error.absolute_path) or "the top level"
    if error.validator == "additionalProperties":
        known = [*error.schema.get("properties", {})]
        unknown = next(key for key in error.instance if key not in known)
        guess = hint(str(unknown), known, f"it takes {', '.join(known)}")
        return f"config: unknown key {unknown!r} in {where}: {guess}"
    if error.validator == "pattern" and "propertyNames" in error.absolute_schema_path:
        return f"config: a name in {where} has letters that are not allowed ({error.message})"
    if error.validator == "required":
        lacking = next(key for key in error.validator_value if key not in error.instance)
        return f"config: {where} lacks the key {lacking!r}: add it, config.yaml shows its form"
    about = error.schema.get("description")
    shown = "null" if error.instance is None else repr(error.instance)
    note = f" ({about})" if about else ""
    expected = _expected(error.validator, error)
    return f"config: {where} is {shown}, but {expected}{note}{_meant(error.instance, expected)}"


def _meant(value: Any, expected: str) -> str:
    """Return what to write where YAML reads a number, or another word, as text."""
    if not isinstance(value, str) or not any(k in expected for k in ("number", "integer", "null")):
        return ""
    text = value.strip().lower().replace("_", "")
    if "null" in expected and text in ("none", "nan", "nil", "n/a"):
        return ": write null"
    text = text.replace(",", ".") if text.count(",") == 1 else text
    try:
        number = float(text)
    except ValueError:
        return ""
    if not math.isfinite(number):
        return ""
    if "e" in text and "number" in expected:
        mantissa, _, power = text.partition("e")
        sign = "" if power[0] in "+-" else "+"
        return f": write {mantissa if '.' in mantissa else f'{mantissa}.0'}e{sign}{power}"
    whole = number.is_integer() and "." not in text
    return f": write {int(number) if whole else number}, without quotes"


def _of_type(types: list[str]) -> str:
    return "must be of type " + " or ".join(_TYPES.get(name, name) for name in types)


def _expected(keyword: Any, error: ValidationError) -> str:
    words = _EXPECTED.get(keyword)
    return words(error.validator_value) if words else error.message
