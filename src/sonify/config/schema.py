"""The JSON schema of the configuration, generated from its types.

msgspec reads the types, jsonschema finds the faults: msgspec stops at the first and does not say
which recipe or run it is in.
"""

from functools import cache
from typing import Any

import msgspec
from jsonschema import Draft202012Validator
from jsonschema.validators import extend

from sonify.config.types import Config

# JSON Schema takes 8.0 for an integer; Python's range and file names do not.
_TYPES = Draft202012Validator.TYPE_CHECKER.redefine("integer", lambda _, x: type(x) is int)
_Validator = extend(Draft202012Validator, type_checker=_TYPES)


@cache
def validator() -> Draft202012Validator:
    """Return the validator of a configuration whose recipes are spelled out."""
    schema = msgspec.json.schema(Config)
    return _Validator(_strict(schema, schema["$defs"]))


def _strict(schema: Any, types: dict[str, Any]) -> Any:
    """Inline named types, reject unknown keys, and write `T or null` as one type.

    Descriptions of keys are kept, docstrings of types are not.
    """
    if isinstance(schema, list):
        return [_strict(part, types) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        named = types[schema["$ref"].rpartition("/")[2]]
        schema = {**named, "description": None, **schema}
    left_out = ("$ref", "$defs", "title", "default")
    schema = {k: _strict(v, types) for k, v in schema.items() if k not in left_out}
    if schema.get("description", "") is None:
        del schema["description"]
    plain = [option for option in schema.get("anyOf", []) if option != {"type": "null"}]
    if len(plain) == 1:
        rest = {k: v for k, v in schema.items() if k != "anyOf"}
        kind = plain[0].get("type")
        nullable = {"type": [kind, "null"]} if kind else {"enum": [*plain[0]["enum"], None]}
        schema = {**plain[0], **rest, **nullable}
    if schema.get("type") == "object" and "properties" in schema:
        schema["additionalProperties"] = False
    return schema
